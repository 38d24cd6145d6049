import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import { filled, idAt, nameOf, propertiesOf } from '../core/mapping.ts';
import { type Path, valueAt } from '../core/path.ts';
import type { DoorRequest, PlainAnswer, RawRequest, Verdict } from '../core/request.ts';
import type { SourceSettings } from '../core/settings.ts';
import type { Directory } from './directory.ts';
import { MAX_HEADER_LENGTH, refused, verifyText } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, refresh, rejected } from './source.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, text } from './subject.ts';

/** Who did it, from where and with which session is not named, so it goes. Of a fetched user the credentials and links go. */
const Kept = z.object({
  uuid: z.string().min(1).max(255),
  eventType: z.string().min(1).max(255),
  published: scalar,
  outcome: part(z.object({ result: scalar })),
  target: part(z.array(part(z.object({ id: scalar, type: scalar, alternateId: scalar, displayName: scalar })))),
  /** What `directory` was given, never what a webhook brought. */
  fetched: part(
    z.object({
      id: scalar,
      status: scalar,
      created: scalar,
      lastUpdated: scalar,
      statusChanged: scalar,
      profile: freeForm,
      creates: scalar,
    }),
  ),
});
type Event = z.infer<typeof Kept>;

const time = z.iso.datetime({ offset: true }).transform((iso) => new Date(iso));
const Outcome = z.object({ result: text }).nullish();
const User = z.looseObject({
  status: text,
  created: time.nullish(),
  lastUpdated: time.nullish(),
  statusChanged: time.nullish(),
  profile: z.looseObject({ email: text, displayName: text, firstName: text, lastName: text, locale: text }).nullish(),
  creates: z.boolean().nullish(),
});

const CREATED = 'user.lifecycle.create';
const DELETED = 'user.lifecycle.delete.initiated';
const UPDATED = new Set([
  CREATED,
  'user.lifecycle.activate',
  'user.lifecycle.reactivate',
  'user.lifecycle.suspend',
  'user.lifecycle.unsuspend',
  'user.lifecycle.deactivate',
  'user.account.update_profile',
]);
const FETCHED = 'fetched.user';

/** Okta sends the value as it was typed, with or without a scheme. No comma: two of these headers, joined, are not one. */
const VALUE = /^[\x21-\x2b\x2d-\x7e]+(?: [\x21-\x2b\x2d-\x7e]+)*$/;

const verifyOkta = ({ headers }: RawRequest, secrets: readonly string[], header = 'authorization'): Verdict => {
  if (secrets.length === 0) return refused('NO_SECRET_CONFIGURED');
  const value = headers[header];
  if (!value) return refused('SIGNATURE_MISSING');
  if (value.length > MAX_HEADER_LENGTH || !VALUE.test(value)) return refused('SIGNATURE_MALFORMED');
  return verifyText(value, secrets);
};

const CHALLENGE = /^[\x21-\x7e]{1,1024}$/;

/** Once, when an admin verifies the hook: developer.okta.com/docs/concepts/event-hooks. Whether the secret comes along is not documented. */
const shakeHands = ({ method, headers }: DoorRequest): PlainAnswer | undefined => {
  const challenge = headers['x-okta-verification-challenge'];
  if (method !== 'GET' || challenge === undefined || !CHALLENGE.test(challenge)) return undefined;
  return { status: 200, body: JSON.stringify({ verification: challenge }) };
};

const Body = z.object({ data: z.object({ events: z.array(z.unknown()) }) });

/** No webhook can look like a user that we fetched. */
const fromOutside = (event: unknown): unknown => {
  if (typeof event !== 'object' || event === null) return event;
  const { fetched: _, ...told } = event as Record<string, unknown>; // an object, checked above
  return told;
};

/** Beside the user there may be an application, a group or an authenticator. */
const userOf = ({ target }: Event) => (target || []).find((one) => one && one.type === 'User') || undefined;

const mapDeletion = (event: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const user_id = idAtPart(userOf(event), settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  return deletionOf({ user_id }, { source: 'okta', meaning, occurredAt: time.parse(event.published) });
};

const EMAIL = /^[^\s@]+@[^\s@]+$/;
const LEAN_MS = 60_000;

/**
 * What an event tells by itself: a login, which usually is the e-mail address, and a name. Dated a minute back, all alike, so
 * that the whole user, whose time of change Okta logs a moment later, never looks older once there is an API to ask.
 */
const mapLean = (event: Event, { settings }: MapContext): Mapped => {
  const user = userOf(event);
  const user_id = idAtPart(user, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const published = time.parse(event.published);
  const { alternateId, displayName } = z.object({ alternateId: text, displayName: text }).parse(user);
  const created = event.eventType === CREATED;
  const properties = propertiesOf(user, settings, {
    email: EMAIL.test(alternateId ?? '') ? filled(alternateId) : undefined,
    name: filled(displayName),
    created_at: created ? published.toISOString() : undefined,
  });
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties },
    facet: 'profile',
    occurredAt: new Date(published.getTime() - LEAN_MS),
    ...(created && { creates: true }),
  });
};

const mapEvent = (event: Event, context: MapContext): Mapped => {
  const result = Outcome.parse(event.outcome)?.result ?? 'SUCCESS';
  if (result !== 'SUCCESS') return ignored('EVENT_NOT_HANDLED');
  if (event.eventType === DELETED) return mapDeletion(event, context);
  if (context.settings.api === undefined) return mapLean(event, context);
  const id = idAt(userOf(event), ['id']);
  if (id === undefined) return rejected('NO_USER_ID');
  const occurredAt = time.parse(event.published);
  return refresh({ subject: 'user', id, occurredAt, ...(event.eventType === CREATED && { creates: true }) });
};

const latestOf = (...moments: readonly (Date | null | undefined)[]): Date | undefined =>
  moments
    .flatMap((moment) => moment ?? [])
    .sort((a, b) => a.getTime() - b.getTime())
    .at(-1);

/** Whether a change of the status moves `lastUpdated` is not documented, so the later of both counts. */
const mapFetched = (fetched: unknown, { settings, receivedAt }: MapContext): Mapped => {
  const user = User.parse(fetched);
  const { profile, creates } = user;
  const user_id = idAt(user, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const company_id = idAt(user, settings.companyId ?? []);
  const properties = propertiesOf(user, settings, {
    email: filled(profile?.email),
    name: filled(profile?.displayName) ?? nameOf(profile?.firstName, profile?.lastName),
    created_at: user.created?.toISOString(),
    status: filled(user.status),
    locale: filled(profile?.locale),
  });
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties, ...(company_id !== undefined && { company: { id: company_id } }) },
    facet: 'profile',
    occurredAt: latestOf(user.lastUpdated, user.statusChanged) ?? receivedAt,
    ...(creates === true && { creates: true }),
  });
};

const Found = z.looseObject({ id: z.string(), lastUpdated: text, profile: z.record(z.string(), z.unknown()).nullish() });

const ALWAYS = new Set(['email', 'displayName', 'firstName', 'lastName', 'locale']);
const NEVER = new Set([
  'mobilePhone',
  'primaryPhone',
  'secondEmail',
  'postalAddress',
  'streetAddress',
  'city',
  'state',
  'zipCode',
]);

const pathsIn = ({ userId = [], companyId = [], properties = {} }: SourceSettings): readonly Path[] => [
  ...userId,
  ...companyId,
  ...Object.values(properties),
];

/** Profiles hold whatever an organization keeps of its people: what the settings do not name stays at Okta. */
const toRecord = (user: z.infer<typeof Found>, settings: SourceSettings, creates = false): unknown => {
  const paths = pathsIn(settings);
  const isWanted = ([name, value]: readonly [string, unknown]): boolean =>
    ALWAYS.has(name) || (!NEVER.has(name) && paths.some((path) => valueAt({ profile: { [name]: value } }, path) !== undefined));
  const profile = Object.fromEntries(Object.entries(user.profile ?? {}).filter(isWanted));
  return { uuid: `${user.id}.${user.lastUpdated}`, eventType: FETCHED, fetched: { ...user, profile, creates } };
};

/** Okta's own word for it. A wrong address answers 404 as well, and must not end a user. */
const NOT_FOUND = 'E0000007';
const Failure = z.object({ errorCode: z.string() });
const NEXT = /<([^<>]{1,2048})>; ?rel="next"/;
/** Of the end of the minute for which a limit counts. */
const EPOCH_SECONDS = /^\d{9,11}$/;

const directory: Directory = {
  hosts: ({ api }) => {
    if (api === undefined) throw new Error('okta: `api` is not set: the base URL of the organization, https://acme.okta.com');
    return [api];
  },
  credential: ['token'],
  authorize: ({ credential }) => ({ headers: { authorization: `SSWS ${credential.token}` } }),
  // Limits depend on the plan, and are shared with whoever else calls.
  pace: { intervalMs: 1000, burst: 5 },
  retryAfterSeconds: ({ status, headers }, now) => {
    const reset = headers['x-rate-limit-reset'] ?? '';
    if (status !== 429 || !EPOCH_SECONDS.test(reset)) return undefined;
    return Math.min(Math.max(Math.ceil(Number(reset) - now.getTime() / 1000), 1), 60);
  },
  fetch: async (api, { id, creates }, settings) => {
    const { status, body } = await api({ url: `/api/v1/users/${encodeURIComponent(id)}` });
    const { data: user } = Found.safeParse(body);
    if (status < 300 && user !== undefined) return toRecord(user, settings, creates);
    const isGone = status >= 400 && Failure.safeParse(body).data?.errorCode === NOT_FOUND;
    if (!isGone) throw new VendorError('UNEXPECTED', { status });
    return undefined;
  },
  gone: ({ id }, at) => ({
    uuid: `${id}.gone`,
    eventType: DELETED,
    published: at.toISOString(),
    target: [{ id, type: 'User' }],
  }),
  /** Without a filter Okta leaves out whoever is deactivated; with one they come too. */
  list: async (api, cursor, { since, settings }) => {
    const first = new URLSearchParams({ limit: '200', ...(since && { filter: `lastUpdated gt "${since.toISOString()}"` }) });
    const { status, headers, body } = await api({ url: cursor ?? `/api/v1/users?${first}` });
    const { data: users } = z.array(Found).safeParse(body);
    if (status >= 300 || users === undefined) throw new VendorError('UNEXPECTED', { status });
    const next = NEXT.exec(headers.link ?? '')?.[1];
    return { records: users.map((user) => toRecord(user, settings)), ...(next !== undefined && { next }) };
  },
};

/**
 * Event hooks. Nothing is signed: the hook's secret is the proof. An event names its user by id, login and full name, and so
 * the paths in the settings are relative to the user in Okta's API, which is asked where the settings say where it is.
 */
export const okta = defineSource<Event>({
  id: 'okta',
  docs: 'https://developer.okta.com/docs/concepts/event-hooks/',
  verify: (request, secrets, { settings }) => verifyOkta(request, secrets, settings.header),
  handshake: shakeHands,
  records: (body) => Body.parse(body).data.events.map(fromOutside),
  schema: Kept,
  head: ({ uuid, eventType }) => ({ eventId: uuid, type: eventType }),
  map: (event, context) => {
    if (event.eventType === FETCHED && event.fetched !== undefined) return mapFetched(event.fetched, context);
    return event.eventType === DELETED || UPDATED.has(event.eventType) ? mapEvent(event, context) : ignored('EVENT_NOT_HANDLED');
  },
  directory,
});
