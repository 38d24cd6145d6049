import * as z from 'zod';
import type { Change } from '../core/calls.ts';
import { digest } from '../core/digest.ts';
import { parseJson } from '../core/json.ts';
import { filled, idAt, isoOf, momentOf, nameOf, propertiesOf } from '../core/mapping.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import { descopeDirectory } from './descope.directory.ts';
import { refused, TOLERANCE_SECONDS, textKeys, verifyHmac } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, refresh, rejected } from './source.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, text } from './subject.ts';

const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,255}$/;

/**
 * An audit record, or with `user` or `tenant` what the management API says of one. The person's device, place and address, `data`
 * of unknown form, phone numbers, which may be login ids too, and pictures are not named, so they go.
 */
const Kept = z.object({
  action: z.string().min(1).max(255),
  occurred: scalar,
  userId: scalar,
  actorId: scalar,
  loginIds: part(z.array(z.unknown()).transform((ids) => ids.filter((id) => typeof id === 'string' && EMAIL.test(id)))),
  tenants: part(z.array(scalar)),
  user: part(
    z.object({
      userId: scalar,
      email: scalar,
      verifiedEmail: scalar,
      name: scalar,
      givenName: scalar,
      middleName: scalar,
      familyName: scalar,
      status: scalar,
      roleNames: part(z.array(scalar)),
      userTenants: part(z.array(part(z.object({ tenantId: scalar, tenantName: scalar })))),
      customAttributes: freeForm,
      createdTime: scalar,
      test: scalar,
    }),
  ),
  tenant: part(z.object({ id: scalar, name: scalar, customAttributes: freeForm, createdTime: scalar })),
  creates: z.boolean().optional(),
});
type Event = z.infer<typeof Kept>;

/** Milliseconds: a number in webhooks, digits in the answers of the audit search. */
const Occurred = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number),
  ])
  .transform(momentOf)
  .pipe(z.date({ error: 'occurred is no time' }));
const Dated = z.object({ occurred: Occurred });

const User = z.looseObject({
  email: text,
  verifiedEmail: z.boolean().nullish(),
  name: text,
  givenName: text,
  middleName: text,
  familyName: text,
  status: text,
  roleNames: z.array(z.string()).nullish(),
  userTenants: z.array(z.object({ tenantId: text, tenantName: text })).nullish(),
  createdTime: z.number().nullish(),
  test: z.boolean().nullish(),
});
const Tenant = z.looseObject({ name: text, createdTime: z.number().nullish() });

/** The outer form is not documented. Receivers have seen a list. */
const Records = z.union([
  z.array(z.unknown()),
  z.object({ events: z.array(z.unknown()) }).transform(({ events }) => events),
  z.looseObject({}).transform((record) => [record]),
]);

/** 32 bytes in one spelling only: the last character carries two spare bits, which a decoder would ignore. */
const BASE64_SHA256 = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/**
 * Descope signs no time of delivery; each record says when it happened. The newest bounds a replay, as wide as vendors go on
 * retrying: the ledger knows what is old by itself.
 */
const MAX_AGE_MS = 3 * 86_400_000;

const isTimely = (body: unknown, receivedAt: Date): boolean => {
  const times = (Records.safeParse(body).data ?? []).flatMap((record) => Dated.safeParse(record).data?.occurred.getTime() ?? []);
  // Signed and not to be read: whatever is wrong with it comes to light further on, and is kept.
  if (times.length === 0) return true;
  const age = receivedAt.getTime() - Math.max(...times);
  return age <= MAX_AGE_MS && age >= -TOLERANCE_SECONDS * 1000;
};

/**
 * HMAC-SHA256 in base64, keyed with the secret as text. Of what, the page says twice and differently: of the bytes, and of the
 * JSON printed anew, which is the same event in another spelling: docs.descope.com/connectors/connector-hmac-usage
 */
const verifyDescope = ({ headers, body, receivedAt }: RawRequest, secrets: readonly string[]): Verdict => {
  if (secrets.length === 0) return refused('NO_SECRET_CONFIGURED');
  const header = headers['x-descope-webhook-s256'];
  if (!header) return refused('SIGNATURE_MISSING');
  if (!BASE64_SHA256.test(header)) return refused('SIGNATURE_MALFORMED');
  const signed = { keys: textKeys(secrets), prefix: '', signatures: [Buffer.from(header, 'base64')] };
  const json = parseJson(body);
  const asSent = verifyHmac({ ...signed, body });
  if (!json.ok) return asSent;
  const verdict = asSent.ok ? asSent : verifyHmac({ ...signed, body: Buffer.from(JSON.stringify(json.value)) });
  return verdict.ok && !isTimely(json.value, receivedAt) ? refused('TIMESTAMP_OUTSIDE_TOLERANCE') : verdict;
};

type Tenants = Event['tenants'] | readonly { readonly id: unknown; readonly name?: unknown }[];

/** Several tenants stand in the order of joining, as far as one can see; a Userpilot user has one company. */
const companyOf = (tenants: Tenants, { settings }: MapContext): string | undefined => {
  const [first] = tenants || [];
  return idAtPart(typeof first === 'object' ? first : { id: first }, settings.companyId ?? ['id']);
};

/** What the record itself says: no name, and of the addresses only one that somebody logs in with. */
const mapLeanUser = (event: Event, creates: boolean, context: MapContext): Mapped => {
  const user_id = idAtPart({ userId: event.userId }, context.settings.userId ?? ['userId']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const occurredAt = Occurred.parse(event.occurred);
  const [email] = event.loginIds || [];
  const { metadata } = propertiesOf({}, context.settings, {
    email: typeof email === 'string' ? email : undefined,
    created_at: creates ? occurredAt.toISOString() : undefined,
  });
  const id = companyOf(event.tenants, context);
  return changes({
    call: { kind: 'identifyUser', user_id, ...(metadata && { metadata }), ...(id !== undefined && { company: { id } }) },
    facet: 'profile',
    occurredAt,
    ...(creates && { creates }),
  });
};

const mapUserEvent = (event: Event, creates: boolean, context: MapContext): Mapped => {
  const id = idAt(event, ['userId']);
  if (id === undefined) return rejected('NO_USER_ID');
  if (context.settings.api === undefined) return mapLeanUser(event, creates, context);
  return refresh({ subject: 'user', id, occurredAt: Occurred.parse(event.occurred), ...(creates && { creates }) });
};

/** A record about one tenant names that one alone. */
const tenantIn = ({ tenants }: Event): string | undefined =>
  tenants && tenants.length === 1 ? idAt({ id: tenants[0] }, ['id']) : undefined;

const mapTenantEvent = (event: Event, creates: boolean, { settings }: MapContext): Mapped => {
  const id = tenantIn(event);
  if (id === undefined) return rejected('NO_COMPANY_ID');
  // The record holds nothing of the tenant, so there is nothing to map it to.
  if (settings.api === undefined) return rejected('NO_VENDOR_API');
  return refresh({ subject: 'tenant', id, occurredAt: Occurred.parse(event.occurred), ...(creates && { creates }) });
};

/** A user has no time of the last change: what was asked for is as new as the question. */
const mapFetchedUser = (event: Event, context: MapContext): Mapped => {
  const { settings, receivedAt: occurredAt } = context;
  const user = User.parse(event.user);
  if (user.test === true && settings.testEvents !== 'deliver') return ignored('TEST_EVENT');
  const user_id = idAt(user, settings.userId ?? ['userId']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const properties = propertiesOf(user, settings, {
    email: filled(user.email),
    name: filled(user.name) ?? nameOf(user.givenName, user.middleName, user.familyName),
    // Seconds.
    created_at: isoOf(momentOf(user.createdTime)),
    email_verified: filled(user.email) === undefined ? undefined : (user.verifiedEmail ?? undefined),
    status: filled(user.status),
    roles: filled(user.roleNames?.join(',')),
  });
  const tenants = user.userTenants?.map(({ tenantId, tenantName }) => ({ id: tenantId, name: tenantName }));
  const company_id = companyOf(tenants, context);
  const profile: Change = {
    call: { kind: 'identifyUser', user_id, ...properties, ...(company_id !== undefined && { company: { id: company_id } }) },
    facet: 'profile',
    occurredAt,
    ...(event.creates && { creates: true }),
  };
  if (company_id === undefined) return changes(profile);
  const { metadata } = propertiesOf({}, { omit: settings.omit }, { name: filled(tenants?.[0]?.name) });
  return metadata === undefined
    ? changes(profile)
    : changes({ call: { kind: 'identifyCompany', company_id, metadata }, facet: 'profile', occurredAt }, profile);
};

const mapFetchedTenant = (event: Event, { settings, receivedAt }: MapContext): Mapped => {
  const tenant = Tenant.parse(event.tenant);
  const company_id = idAt(tenant, settings.companyId ?? ['id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const properties = propertiesOf(tenant, settings, {
    name: filled(tenant.name),
    created_at: isoOf(momentOf(tenant.createdTime)),
  });
  return changes({
    call: { kind: 'identifyCompany', company_id, ...properties },
    facet: 'profile',
    occurredAt: receivedAt,
    ...(event.creates && { creates: true }),
  });
};

/** Comes with ids and nothing else: with other ids configured, nobody is named. */
const mapDeletion = (event: Event, what: 'user' | 'tenant', { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const deletion = { source: 'descope', meaning, occurredAt: Occurred.parse(event.occurred) } as const;
  if (what === 'tenant') {
    const company_id = idAtPart({ id: tenantIn(event) }, settings.companyId ?? ['id']);
    return company_id === undefined ? rejected('NO_COMPANY_ID') : deletionOf({ company_id }, deletion);
  }
  const user_id = idAtPart({ userId: event.userId }, settings.userId ?? ['userId']);
  return user_id === undefined ? rejected('NO_USER_ID') : deletionOf({ user_id }, deletion);
};

/**
 * Records of the audit webhook, each of which ends by itself. They carry no profile: with `api` in the settings it is fetched.
 * Paths in the settings are relative to the user, or for `companyId` to the tenant.
 */
export const descope = defineSource<Event>({
  id: 'descope',
  docs: 'https://docs.descope.com/connectors/connector-configuration-guides/network/audit-webhook',
  verify: verifyDescope,
  records: (body) => Records.parse(body),
  schema: Kept,
  // A record has no id, so it is what stays of it. A digest, because logs show it and a login id is personal.
  head: (event) => ({ eventId: digest(JSON.stringify(event)).slice(0, 32), type: event.action }),
  map: (event, context) => {
    // A public receiver matches "User Created".
    switch (event.action.replace(/\s/g, '').toLowerCase()) {
      case 'usercreated':
        return mapUserEvent(event, true, context);
      case 'usermodified':
        return mapUserEvent(event, false, context);
      case 'userdeleted':
        return mapDeletion(event, 'user', context);
      case 'tenantcreated':
        return mapTenantEvent(event, true, context);
      case 'tenantmodified':
        return mapTenantEvent(event, false, context);
      case 'tenantdeleted':
        return mapDeletion(event, 'tenant', context);
      case 'userscreated':
      case 'usersmodified':
      case 'usersdeleted':
        // How a batch names its users is not documented: kept, to be read once somebody has seen one.
        return rejected('NO_USER_ID');
      case 'fetched.user':
        return mapFetchedUser(event, context);
      case 'fetched.tenant':
        return mapFetchedTenant(event, context);
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
  directory: descopeDirectory,
});
