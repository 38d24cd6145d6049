import * as z from 'zod';
import { Path } from './path.ts';

/** Where Userpilot keeps the environment's data. A wrong one is the commonest reason for "the user does not appear". */
const REGIONS = { us: 'https://analytex.userpilot.io', eu: 'https://analytex-eu.userpilot.io' } as const;
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** An https address without credentials, query and fragment; http on this machine only. */
const plainUrl = (text: string): URL | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url !== undefined && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.has(url.hostname));
  return plain && secure ? url : undefined;
};

const dedicated = z.string().transform((text, context) => {
  const url = plainUrl(text);
  if (url === undefined) {
    context.addIssue(
      'userpilot: write "us", "eu" or the https base URL from the Environment page, e.g. "https://analytex-acme.userpilot.io"',
    );
    return z.NEVER;
  }
  return url.href.replace(/\/+$/, '').replace(/\/v1$/, '');
});

/** `us`, `eu` or a dedicated https base URL, as the base URL to call. Never falls back to another region. */
export const UserpilotBaseUrl = z.union([z.enum(['us', 'eu']).transform((region) => REGIONS[region] as string), dedicated]);

/** An https base URL of a vendor, without the slash at its end. */
const VendorUrl = z.string().transform((text, context) => {
  const url = plainUrl(text);
  if (url === undefined) {
    context.addIssue('write an https base URL, e.g. "https://acme.okta.com"');
    return z.NEVER;
  }
  return url.href.replace(/\/+$/, '');
});

const UNITS = 'minute|hour|day';
/** As EventBridge Scheduler has them: scheduler/latest/UserGuide/schedule-types.html */
const RATE = new RegExp(`^rate\\((?:1 (?:${UNITS})|(?:[2-9]|[1-9]\\d{1,5}) (?:${UNITS})s)\\)$`);
/** Minutes, hours, day of month, month, day of week, year; one of the two days is `?`. */
const CRON =
  /^cron\((?:[\d*/,-]{1,64} ){2}(?:\? [\dA-Z*/,-]{1,64} [\dA-Z*/,#L-]{1,64}|[\d*/,LW-]{1,64} [\dA-Z*/,-]{1,64} \?) [\d*/,-]{1,64}\)$/;

const isTimeZone = (timeZone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return true;
  } catch {
    return false;
  }
};

/** When all users of a source are brought over again, and what that finds out. */
export const ResyncSettings = z.strictObject({
  /** `rate(1 day)`, `rate(12 hours)` or `cron(30 3 * * ? *)`. @default - only by hand, with `npm run resync` */
  schedule: z
    .string()
    .refine(
      (text) => RATE.test(text) || CRON.test(text),
      'write a rate such as "rate(1 day)" or "rate(12 hours)", or six fields such as "cron(30 3 * * ? *)"',
    )
    .optional(),
  /** By which a `cron` is meant. @default UTC */
  timeZone: z.string().refine(isTimeZone, 'write a time zone such as "Europe/Berlin"').optional(),
  /** All users, also where the vendor can tell who changed since the last run. @default false */
  full: z.boolean().optional(),
  /**
   * What becomes of users whom the vendor does not list any more: counted, or also taken for deleted, so that no late update brings
   * them back. Only in a full run. @default 'report'
   */
  missing: z.enum(['report', 'tombstone']).optional(),
});
export type ResyncSettings = z.infer<typeof ResyncSettings>;

/** JMESPath, read from the whole event: `data.user.id`. The source that reads it compiles it; `infra/stages.ts` checks it. */
const Expression = z.string().min(1).max(512, 'write an expression of at most 512 characters');
const Expressions = z.record(z.string().min(1).max(255), Expression);
const EventTypes = z.array(z.string().min(1).max(200)).max(100);

/** How to read the events of a vendor whose form only you know. Expressions that find nothing leave a value out. */
export const EventSettings = z.strictObject({
  /** What the event calls itself. @default 'type' */
  type: Expression.optional(),
  /** ISO 8601, or seconds or milliseconds since the epoch. @default 'timestamp' */
  occurredAt: Expression.optional(),
  /** Where the vendor's `webhook-id` is new at every attempt: the id that is not. @default `webhook-id` */
  id: Expression.optional(),
  /** Types that say a user came to be. @default ['user.created'] */
  creates: EventTypes.optional(),
  /** @default ['user.updated'] */
  updates: EventTypes.optional(),
  /** @default ['user.deleted'] */
  deletes: EventTypes.optional(),
  userId: Expression.optional(),
  email: Expression.optional(),
  name: Expression.optional(),
  createdAt: Expression.optional(),
  companyId: Expression.optional(),
  companyName: Expression.optional(),
  /** Further properties of a user: Userpilot name to expression. */
  properties: Expressions.optional(),
  /** Events about a company itself. */
  companies: z
    .strictObject({
      /** @default ['organization.created'] */
      creates: EventTypes.optional(),
      /** @default ['organization.updated'] */
      updates: EventTypes.optional(),
      /** @default ['organization.deleted'] */
      deletes: EventTypes.optional(),
      id: Expression.optional(),
      name: Expression.optional(),
      createdAt: Expression.optional(),
      properties: Expressions.optional(),
    })
    .optional(),
});
export type EventSettings = z.infer<typeof EventSettings>;

/** When so many events wait that the surplus goes through the bulk endpoint. */
export const OverflowSettings = z.strictObject({
  /** Messages that are left to single calls: some minutes' worth, 540 a minute. */
  from: z.int().positive().default(2000),
});
export type OverflowSettings = z.infer<typeof OverflowSettings>;

/** What a deployment may say about one source. Everything has a default in the source's own file. */
export const SourceSettings = z.strictObject({
  /** Where the user id stands, first hit wins. It must be the id that your app passes to `userpilot.identify`. */
  userId: z.array(Path).min(1).optional(),
  /** Where the company id stands, first hit wins. */
  companyId: z.array(Path).optional(),
  /** Further properties to send: Userpilot name to path. Only scalars leave; arrays of scalars are joined by commas. */
  properties: z.record(z.string().min(1).max(255), Path).optional(),
  /** Default properties that must not leave for Userpilot, e.g. `["email", "name"]`. */
  omit: z.array(z.string()).optional(),
  /** What a deletion at the vendor means. `mark` sets a `<source>_deleted` property. Default: the source's. */
  deletions: z.enum(['tombstone', 'mark', 'ignore']).optional(),
  /** Test-mode events (Stripe sandbox, Auth0 test deliveries). @default 'ignore' */
  testEvents: z.enum(['deliver', 'ignore']).optional(),
  /** Stripe: whether a customer is a person or, as often in B2B, a company. @default 'user' */
  entity: z.enum(['user', 'company']).optional(),
  /** Stripe: ids of the connected accounts whose events count as well. Absent = those of the own account only. */
  accounts: z.array(z.string().min(1).max(255)).optional(),
  /** Standard Webhooks: how to read the sender's events. Absent parts are guessed by the usual names. */
  events: EventSettings.optional(),
  /** Stytch: the kind of the project, for the list of its users. @default 'consumer' */
  vertical: z.enum(['consumer', 'b2b']).optional(),
  /** Cognito: ids of the user pools that may call; others are ignored. Absent = any pool that IAM lets in. */
  userPools: z.array(z.string().min(1)).optional(),
  /**
   * Base URL of the vendor's API. Events without a profile are completed from there, by the credential under `api` in the
   * source's secret. Absent: they are mapped as they are, or parked as NO_VENDOR_API.
   */
  api: VendorUrl.optional(),
  /** Who issues the vendor's signed tokens; its public keys verify them. */
  issuer: VendorUrl.optional(),
  /** Whom such a token must be made for; one of them is enough. */
  audience: z.array(z.string().min(1)).min(1).optional(),
  /** Where the public keys stand, if not at the place that follows from `issuer`. */
  keys: VendorUrl.optional(),
  /** Name of the header with the shared secret, where the vendor lets you choose it. Lower case. */
  header: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,63}$/, 'write a header name in lower case, e.g. "x-webhook-secret"')
    .optional(),
  /** Absent: none where the stage is deployed, and by hand at a local stack. */
  resync: ResyncSettings.optional(),
});
export type SourceSettings = z.infer<typeof SourceSettings>;

/** The wait before another try of one event doubles from `base` up to `cap`. */
export const RetrySettings = z.strictObject({
  baseSeconds: z.number().positive().max(43_200).default(30),
  capSeconds: z.number().positive().max(43_200).default(1800),
  /** How long the breaker stays open for the first time; it doubles up to ten times as long. */
  openSeconds: z.number().positive().max(3600).default(30),
});
export type RetrySettings = z.infer<typeof RetrySettings>;

/** What a stage does at Userpilot about users and companies that were deleted at their vendor. */
export const DeletionSettings = z.strictObject({
  /** `ignore` sends and notes nothing, `report` counts what would be sent, `erase` sends it. */
  mode: z.enum(['ignore', 'report', 'erase']).default('report'),
  /**
   * Whole days between a deletion and the run that sends it. Userpilot cannot undo one, so a week: a wrong script on a Friday is
   * seen before it has an effect, and three weeks are left of the month that the GDPR gives.
   */
  holdBackDays: z.int().min(0).max(365).default(7),
  /** More than `count`, or than this share of all known, due on one day: nothing is sent before a person says so. */
  mass: z
    .strictObject({ count: z.int().positive().default(1000), share: z.number().positive().max(1).default(0.05) })
    .prefault({}),
});
export type DeletionSettings = z.infer<typeof DeletionSettings>;
