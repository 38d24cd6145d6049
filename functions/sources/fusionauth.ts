import { createHash } from 'node:crypto';
import * as z from 'zod';
import { parseJson } from '../core/json.ts';
import { filled, idAt, isoOf, momentOf, nameOf, propertiesOf } from '../core/mapping.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import type { SourceSettings } from '../core/settings.ts';
import { fusionauthDirectory } from './fusionauth.directory.ts';
import {
  claimsOf,
  isGoodAt,
  readJwks,
  readToken,
  type SignatureAlgorithm,
  TokenTimes,
  verifyKeyToken,
  verifyMacToken,
} from './jwt.ts';
import { MAX_HEADER_LENGTH, refused, TOLERANCE_SECONDS, verifyText } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected, type Trust } from './source.ts';
import { deletionOf, freeForm, part, scalar, text } from './subject.ts';

/**
 * Password hash and salt, factors and recovery codes, tokens of registrations, identities (they repeat phone numbers), birth
 * date, phones, the parent's address and `info` on the client are not named, so they go.
 */
const Kept = z.object({
  event: z.object({
    id: z.string().min(1).max(255),
    type: z.string().min(1).max(255),
    createInstant: scalar,
    user: part(
      z.object({
        id: scalar,
        tenantId: scalar,
        email: scalar,
        username: scalar,
        firstName: scalar,
        lastName: scalar,
        fullName: scalar,
        active: scalar,
        verified: scalar,
        timezone: scalar,
        imageUrl: scalar,
        preferredLanguages: part(z.array(scalar)),
        data: freeForm,
        insertInstant: scalar,
        lastUpdateInstant: scalar,
        lastLoginInstant: scalar,
        registrations: part(z.array(part(z.object({ applicationId: scalar, roles: part(z.array(scalar)) })))),
        memberships: part(z.array(part(z.object({ groupId: scalar })))),
      }),
    ),
  }),
});
type Event = z.infer<typeof Kept>;

/** Milliseconds. */
const instant = z.number().nullish();
const User = z.looseObject({
  email: text,
  username: text,
  firstName: text,
  lastName: text,
  fullName: text,
  active: z.boolean().nullish(),
  verified: z.boolean().nullish(),
  timezone: text,
  preferredLanguages: z.array(z.string()).nullish(),
  insertInstant: instant,
  lastUpdateInstant: instant,
  registrations: z.array(z.object({ applicationId: text, roles: z.array(z.string()).nullish() })).nullish(),
});
type User = z.infer<typeof User>;
const Moment = z.date({ error: 'neither createInstant nor lastUpdateInstant is a time' });

/**
 * The token has no times. The body's own, which is signed with it, bounds a replay: as wide as with Logto, so that an operator
 * can post again what stands in the webhook log after an outage of ours. The ledger drops what is older than what it knows.
 */
const MAX_AGE_MS = 3 * 86_400_000;
const Dated = z.object({ event: z.object({ createInstant: z.number() }) });

const isTimely = ({ body, receivedAt }: RawRequest): boolean => {
  const json = parseJson(body);
  const dated = Dated.safeParse(json.ok ? json.value : undefined);
  // Signed and not to be read: whatever is wrong with it comes to light further on, and is kept.
  if (!dated.success) return true;
  const age = receivedAt.getTime() - dated.data.event.createInstant;
  return age <= MAX_AGE_MS && age >= -TOLERANCE_SECONDS * 1000;
};

/** What Key Master makes, less ES512 and PS*. Never the token's choice. */
const ALGORITHMS: readonly SignatureAlgorithm[] = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'EdDSA'];
const Claims = TokenTimes.extend({ request_body_sha256: z.string() });

const keysUrl = ({ issuer, keys }: SourceSettings): string | undefined =>
  keys ?? (issuer === undefined ? undefined : `${issuer}/.well-known/jwks.json`);

/**
 * A JWT in a header, whose one claim is the SHA-256 of the body in base64. The settings alone say whether a public key or a shared
 * secret made it. A key may sign access tokens as well, which have no such claim:
 * fusionauth.io/docs/extend/events-and-webhooks/signing
 */
const verifyFusionauth = (request: RawRequest, secrets: readonly string[], { settings, keys }: Trust): Verdict => {
  const isPublished = keysUrl(settings) !== undefined;
  if (!isPublished && secrets.length === 0) return refused('NO_SECRET_CONFIGURED');
  const header = request.headers['x-fusionauth-signature-jwt'];
  if (!header) return refused('SIGNATURE_MISSING');
  const token = header.length > MAX_HEADER_LENGTH ? undefined : readToken(header);
  if (token === undefined) return refused('SIGNATURE_MALFORMED');
  const verdict = isPublished ? verifyKeyToken(token, { algorithms: ALGORITHMS, keys }) : verifyMacToken(token, secrets);
  if (!verdict.ok) return verdict;
  const claims = claimsOf(token, Claims);
  if (claims === undefined) return refused('TOKEN_NOT_FOR_US');
  const matches = verifyText(claims.request_body_sha256, [createHash('sha256').update(request.body).digest('base64')]);
  if (!matches.ok) return matches;
  return isGoodAt(claims, request.receivedAt) && isTimely(request) ? matches : refused('TIMESTAMP_OUTSIDE_TOLERANCE');
};

const Typed = z.object({ event: z.object({ type: z.string() }) });
/** Most events come twice: inside the transaction of the change, and with `.complete` after the commit. */
const COMPLETE = /\.complete$/;
const withoutTwin = (type: string): string => type.replace(COMPLETE, '');

/**
 * Any answer but 2xx rolls the change back, where the tenant has it so: fusionauth.io/docs/extend/events-and-webhooks. At an
 * import no person waits.
 */
const holdsUp = (body: Uint8Array): boolean => {
  const json = parseJson(body);
  const { data } = Typed.safeParse(json.ok ? json.value : undefined);
  const type = data?.event.type ?? '';
  return type.startsWith('user.') && type !== 'user.bulk.create' && !COMPLETE.test(type);
};

const Import = z.looseObject({
  event: z.looseObject({ type: z.literal('user.bulk.create'), id: z.string(), users: z.array(z.unknown()) }),
});
/** Each user of an import by itself, so that one who lacks an id does not hold up the others. */
const recordsOf = (body: unknown): readonly unknown[] => {
  const { data } = Import.safeParse(body);
  if (data === undefined) return [body];
  const { users, ...event } = data.event;
  return users.map((user, index) => ({ event: { ...event, id: `${event.id}:${index}`, user } }));
};

/** Roles by application: which place an application has in the list says nothing. */
const rolesOf = ({ registrations }: User) =>
  Object.fromEntries((registrations ?? []).map(({ applicationId, roles }) => [applicationId ?? '', roles ?? []]));

/** The event does not promise that its user is already switched off, or on again. */
const ACTIVE: Readonly<Record<string, boolean>> = { 'user.deactivate': false, 'user.reactivate': true };

const mapUser = ({ event }: Event, { settings }: MapContext): Mapped => {
  const type = withoutTwin(event.type);
  const user = User.parse(event.user);
  const user_id = idAt(user, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const company_id = idAt(user, settings.companyId ?? []);
  const email = filled(user.email);
  const properties = propertiesOf({ ...user, roles: rolesOf(user) }, settings, {
    email,
    name: filled(user.fullName) ?? nameOf(user.firstName, user.lastName) ?? filled(user.username),
    created_at: isoOf(momentOf(user.insertInstant)),
    email_verified: email === undefined ? undefined : (user.verified ?? undefined),
    active: ACTIVE[type] ?? user.active ?? undefined,
    locale: filled(user.preferredLanguages?.[0]),
    timezone: filled(user.timezone),
  });
  const created = ['user.create', 'user.bulk.create'].includes(type);
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties, ...(company_id !== undefined && { company: { id: company_id } }) },
    facet: 'profile',
    // What was listed has no time of an event.
    occurredAt: Moment.parse(momentOf(instant.parse(event.createInstant)) ?? momentOf(user.lastUpdateInstant)),
    ...(created && { creates: true }),
  });
};

const mapDeletion = ({ event }: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const user_id = idAt(User.parse(event.user), settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const occurredAt = Moment.parse(momentOf(instant.parse(event.createInstant)));
  return deletionOf({ user_id }, { source: 'fusionauth', meaning, occurredAt });
};

/** Paths in the settings are relative to `user`, to which `roles` by id of the application are added. */
export const fusionauth = defineSource<Event>({
  id: 'fusionauth',
  docs: 'https://fusionauth.io/docs/extend/events-and-webhooks',
  verify: verifyFusionauth,
  keys: { url: keysUrl, read: readJwks },
  hook: ({ body }) => (holdsUp(body) ? { answer: { status: 200, body: '{}' }, withinMs: 700 } : undefined),
  records: recordsOf,
  schema: Kept,
  head: ({ event }) => ({ eventId: event.id, type: event.type }),
  directory: fusionauthDirectory,
  map: (whole, context) => {
    const { type } = whole.event;
    switch (withoutTwin(type)) {
      case 'user.create':
      case 'user.bulk.create':
      case 'user.update':
      case 'user.deactivate':
      case 'user.reactivate':
      case 'user.email.update':
      case 'user.email.verified':
      case 'user.identity.update':
      case 'user.identity.verified':
      case 'user.registration.create':
      case 'user.registration.update':
      case 'user.registration.delete':
      case 'user.registration.verified':
        return mapUser(whole, context);
      case 'user.delete':
        // Before the commit it may yet be rolled back, and whoever is deleted here does not come back.
        return type === 'user.delete' ? ignored('EVENT_NOT_HANDLED') : mapDeletion(whole, context);
      case 'test':
        return ignored('TEST_EVENT');
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
});
