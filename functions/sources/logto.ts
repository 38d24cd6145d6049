import * as z from 'zod';
import type { Change } from '../core/calls.ts';
import { digest } from '../core/digest.ts';
import { parseJson } from '../core/json.ts';
import { filled, idAt, isoOf, momentOf, nameOf, propertiesOf } from '../core/mapping.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import { logtoDirectory } from './logto.directory.ts';
import { HEX_SHA256, refused, TOLERANCE_SECONDS, textKeys, verifyHmac } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected } from './source.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, text } from './subject.ts';

/** Phone number, linked identities, birth date, gender, address, and the client's address and session are not named, so they go. */
const Kept = z.object({
  event: z.string().min(1).max(255),
  createdAt: scalar,
  data: part(
    z.object({
      id: scalar,
      username: scalar,
      primaryEmail: scalar,
      name: scalar,
      avatar: scalar,
      profile: part(z.object({ familyName: scalar, givenName: scalar, locale: scalar, zoneinfo: scalar })),
      customData: freeForm,
      applicationId: scalar,
      isSuspended: scalar,
      lastSignInAt: scalar,
      createdAt: scalar,
      updatedAt: scalar,
    }),
  ),
  userId: scalar,
  params: part(z.object({ id: scalar, userId: scalar })),
  matchedRoute: scalar,
  organizationId: scalar,
  addedUserIds: part(z.array(scalar)),
  removedUserIds: part(z.array(scalar)),
});
type Event = z.infer<typeof Kept>;

const time = z.iso.datetime({ offset: true }).transform((iso) => new Date(iso));
/** Milliseconds, in the members of a user; the event's own `createdAt` is ISO text: docs.logto.io/developers/webhooks/webhooks-request */
const epoch = z.number().nullish();
const User = z.looseObject({
  username: text,
  primaryEmail: text,
  name: text,
  profile: z.looseObject({ familyName: text, givenName: text, locale: text, zoneinfo: text }).nullish(),
  isSuspended: z.boolean().nullish(),
  createdAt: epoch,
  updatedAt: epoch,
});
const Organization = z.looseObject({ name: text, createdAt: epoch });
const Ids = z.array(z.string()).nullish();
const Membership = z.object({ organizationId: text, addedUserIds: Ids, removedUserIds: Ids });

/**
 * Logto signs no time of delivery; the body says when the event happened. The ledger orders by that, so a replay changes
 * nothing of whom it knows. The bound is for the rest, and as wide as other vendors go on retrying: a body that an
 * operator sends again from the hook's log after an outage of ours is still taken.
 */
const MAX_AGE_MS = 3 * 86_400_000;
const Dated = z.object({ createdAt: time });

/** Reads the body a second time, after the signature: `map` could only ignore what is too old, and this is no event but a refusal. */
const isTimely = ({ body, receivedAt }: RawRequest): boolean => {
  const json = parseJson(body);
  const dated = Dated.safeParse(json.ok ? json.value : undefined);
  // Signed and not to be read: whatever is wrong with it comes to light further on, and is kept.
  if (!dated.success) return true;
  const age = receivedAt.getTime() - dated.data.createdAt.getTime();
  return age <= MAX_AGE_MS && age >= -TOLERANCE_SECONDS * 1000;
};

/** HMAC-SHA256 over the body, keyed with the hook's signing key as text: docs.logto.io/developers/webhooks/secure-webhooks */
const verifyLogto = (request: RawRequest, secrets: readonly string[]): Verdict => {
  if (secrets.length === 0) return refused('NO_SECRET_CONFIGURED');
  const header = request.headers['logto-signature-sha-256'];
  if (!header) return refused('SIGNATURE_MISSING');
  if (!HEX_SHA256.test(header)) return refused('SIGNATURE_MALFORMED');
  const signatures = [Buffer.from(header, 'hex')];
  const verdict = verifyHmac({ keys: textKeys(secrets), prefix: '', body: request.body, signatures });
  return verdict.ok && !isTimely(request) ? refused('TIMESTAMP_OUTSIDE_TOLERANCE') : verdict;
};

/**
 * The event has no id, so it is the signed body itself, time and hook included: a retry is the same to the byte, while two
 * updates of one user in one millisecond are not. A digest, because logs show it and the body is personal.
 */
const eventIdOf = ({ body }: RawRequest): string => digest(Buffer.from(body).toString('base64')).slice(0, 32);

/** Of the console's test button: github.com/logto-io/logto, packages/core/src/libraries/hook/utils.ts */
const TEST_ID = 'fake-id';
const isTest = ({ data, params, userId }: Event): boolean => {
  const [subject, route] = [data || undefined, params || undefined];
  return [subject?.id, route?.id, route?.userId, userId].includes(TEST_ID);
};

/**
 * These calls of the Management API come with their own answer as `data`: the profile or the custom data alone. It is not
 * sent, as it would make the whole user, when that is still on its way, look out of date.
 */
const PARTIAL_ROUTES = new Set(['/users/:userId/custom-data', '/users/:userId/profile']);

const mapUser = (event: Event, { settings }: MapContext): Mapped => {
  if (PARTIAL_ROUTES.has(String(event.matchedRoute))) return ignored('EVENT_NOT_HANDLED');
  const user = User.parse(event.data);
  const user_id = idAt(user, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const { profile } = user;
  const properties = propertiesOf(user, settings, {
    email: filled(user.primaryEmail),
    name: filled(user.name) ?? nameOf(profile?.givenName, profile?.familyName) ?? filled(user.username),
    created_at: isoOf(momentOf(user.createdAt)),
    username: filled(user.username),
    locale: filled(profile?.locale),
    zoneinfo: filled(profile?.zoneinfo),
    is_suspended: user.isSuspended ?? undefined,
  });
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties },
    facet: 'profile',
    occurredAt: momentOf(user.updatedAt) ?? time.parse(event.createdAt),
    ...(event.event === 'User.Created' && { creates: true }),
  });
};

const mapOrganization = (event: Event, { settings }: MapContext): Mapped => {
  const organization = Organization.parse(event.data);
  const company_id = idAt(organization, settings.companyId ?? ['id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const properties = propertiesOf(organization, settings, {
    name: filled(organization.name),
    created_at: isoOf(momentOf(organization.createdAt)),
  });
  const change: Change = {
    call: { kind: 'identifyCompany', company_id, ...properties },
    facet: 'profile',
    occurredAt: time.parse(event.createdAt),
  };
  return changes(event.event === 'Organization.Created' ? { ...change, creates: true } : change);
};

/** Where nothing of what was deleted comes along, its id stands in the route's parameters. */
const mapDeletion = (event: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const deletion = { source: 'logto', meaning, occurredAt: time.parse(event.createdAt) } as const;
  const params = event.params || {};
  if (event.event === 'Organization.Deleted') {
    const company_id = idAtPart(event.data ?? { id: params.id }, settings.companyId ?? ['id']);
    return company_id === undefined ? rejected('NO_COMPANY_ID') : deletionOf({ company_id }, deletion);
  }
  const user_id = idAtPart(event.data ?? { id: params.userId }, settings.userId ?? ['id']);
  return user_id === undefined ? rejected('NO_USER_ID') : deletionOf({ user_id }, deletion);
};

/** Logto lists up to 5,000 users. Each becomes a message of its own, and all must be queued while Logto waits for the answer. */
const MAX_ADDED = 1000;

/** Names users and organization by Logto's own ids only: with other ids configured, nobody is named. */
const mapMembership = (event: Event, { settings }: MapContext): Mapped => {
  const { organizationId, addedUserIds, removedUserIds } = Membership.parse(event);
  const added = [...new Set(addedUserIds)];
  if (added.length === 0) return ignored(removedUserIds?.length ? 'NO_COMPANY_DETACH' : 'EVENT_NOT_HANDLED');
  if (added.length > MAX_ADDED) return rejected('EVENT_TOO_LARGE');
  const company_id = idAtPart({ id: organizationId }, settings.companyId ?? ['id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const userIds = added.map((id) => idAtPart({ id }, settings.userId ?? ['id'])).filter((id) => id !== undefined);
  if (userIds.length < added.length) return rejected('NO_USER_ID');
  const when = { facet: 'membership', occurredAt: time.parse(event.createdAt) } as const;
  return changes(
    ...userIds.map((user_id) => ({ call: { kind: 'identifyUser', user_id, company: { id: company_id } }, ...when }) as const),
  );
};

const mapHandled = (event: Event, context: MapContext): Mapped => {
  switch (event.event) {
    case 'User.Created':
    case 'User.Data.Updated':
    case 'User.SuspensionStatus.Updated':
      return mapUser(event, context);
    case 'Organization.Created':
    case 'Organization.Data.Updated':
      return mapOrganization(event, context);
    case 'User.Deleted':
    case 'Organization.Deleted':
      return mapDeletion(event, context);
    case 'Organization.Membership.Updated':
      return mapMembership(event, context);
    default:
      return ignored('EVENT_NOT_HANDLED');
  }
};

/** Data events of Logto Cloud and OSS. Paths in the settings are relative to `data`: the user, or the organization. */
export const logto = defineSource<Event>({
  id: 'logto',
  docs: 'https://docs.logto.io/developers/webhooks',
  verify: verifyLogto,
  schema: Kept,
  head: ({ event }, request) => ({ eventId: eventIdOf(request), type: event }),
  map: (event, context) => (isTest(event) ? ignored('TEST_EVENT') : mapHandled(event, context)),
  directory: logtoDirectory,
});
