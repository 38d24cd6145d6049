import * as z from 'zod';
import type { Change } from '../core/calls.ts';
import { parseJson } from '../core/json.ts';
import { filled, idAt, isoOf, momentOf, nameOf, propertiesOf } from '../core/mapping.ts';
import { readJwks } from './jwt.ts';
import { keycloakDirectory, realmOf } from './keycloak.directory.ts';
import { keycloakKeys, verifyKeycloak } from './keycloak.proof.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, refresh, rejected } from './source.ts';
import { deletionOf, idAtPart, part, scalar, text } from './subject.ts';

/** Attributes that Keycloak itself has for these; what else a realm keeps is the customer's own to name. */
const PERSONAL = /phone|mobile|address|street|postal|birth|gender|password|secret|token/i;
const Attributes = part(
  z
    .record(z.string(), z.unknown())
    .transform((all) => Object.fromEntries(Object.entries(all).filter(([name]) => !PERSONAL.test(name)))),
);
/** Credentials, linked identities, required actions and groups are not named, so they go. */
const Representation = part(
  z.object({
    id: scalar,
    username: scalar,
    email: scalar,
    firstName: scalar,
    lastName: scalar,
    enabled: scalar,
    emailVerified: scalar,
    createdTimestamp: scalar,
    attributes: Attributes,
    name: scalar,
    displayName: scalar,
  }),
);
/** So do the client's address, its login and where it was sent. */
const Kept = z.object({
  uid: z.string().min(1).max(255),
  type: z.string().min(1).max(255),
  time: scalar,
  realmName: scalar,
  authDetails: part(z.object({ userId: scalar })),
  details: part(
    z.object({
      context: scalar,
      email: scalar,
      first_name: scalar,
      last_name: scalar,
      updated_email: scalar,
      updated_first_name: scalar,
      updated_last_name: scalar,
    }),
  ),
  resourceId: scalar,
  resourcePath: scalar,
  representation: Representation,
  /** Came from the admin API: `records` takes it from whatever comes by webhook. */
  fetched: scalar,
});
type Event = z.infer<typeof Kept>;

/** Milliseconds. */
const epoch = z.number().nullish();
const Profile = z.looseObject({
  username: text,
  email: text,
  firstName: text,
  lastName: text,
  enabled: z.boolean().nullish(),
  emailVerified: z.boolean().nullish(),
  createdTimestamp: epoch,
});
type Profile = z.infer<typeof Profile>;
const Details = z.object({
  context: text,
  email: text,
  first_name: text,
  last_name: text,
  updated_email: text,
  updated_first_name: text,
  updated_last_name: text,
});
const Organization = z.looseObject({ name: text, displayName: text });
const Moment = z.date({ error: 'time is not a time' });

const timeOf = ({ time }: Event): Date => Moment.parse(momentOf(epoch.parse(time)));

const Folded = z.looseObject({ representation: z.string() });
const parsed = (json: string): unknown => {
  const result = parseJson(Buffer.from(json));
  return result.ok ? result.value : undefined;
};

/**
 * The representation is JSON inside a text. It is stripped before anything else: of an event that is parked for its form, names
 * inside a text would stay hidden from whoever looks for private ones. Of an admin event the one who is logged in is the
 * administrator, who goes at once: no reading of ours can take them for the user.
 */
const unfolded = (body: unknown): unknown => {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const { fetched: _, authDetails, ...rest } = body as Record<string, unknown>; // an object, checked above
  const isOwnDeed = typeof rest.type === 'string' && rest.type.startsWith('access.');
  const event = isOwnDeed ? { ...rest, authDetails } : rest;
  const { data } = Folded.safeParse(event);
  return data === undefined ? event : { ...data, representation: Representation.parse(parsed(data.representation)) };
};

const isCreation = ({ type }: Event): boolean => type === 'access.REGISTER' || type === 'admin.USER-CREATE';
const isAdminEvent = ({ type }: Event): boolean => type.startsWith('admin.');

const vendorIdOf = (event: Event): string | undefined => {
  if (!isAdminEvent(event)) return idAt(event, ['authDetails.userId']);
  const [, id] = /^users\/([^/]+)$/.exec(String(event.resourcePath)) ?? [];
  return idAt({ resourceId: event.resourceId, id }, ['resourceId', 'id']);
};

/** A webhook of all realms tells of users whom the API of one does not have. */
const canFetch = ({ fetched, realmName }: Event, { settings }: MapContext): boolean => {
  if (settings.api === undefined || fetched === true) return false;
  const realm = realmOf(settings.api);
  return (realmName ?? realm) === realm;
};

/** What the event of a user's own deed tells: of a change only what is new. */
const toldBy = (event: Event): Partial<Profile> => {
  const details = Details.parse(event.details ?? {});
  if (event.type === 'access.VERIFY_EMAIL') return { email: details.email, emailVerified: true };
  return event.type === 'access.REGISTER'
    ? { email: details.email, firstName: details.first_name, lastName: details.last_name }
    : { email: details.updated_email, firstName: details.updated_first_name, lastName: details.updated_last_name };
};

const mapProfile = (event: Event, id: string, { settings, receivedAt }: MapContext): Mapped => {
  const created = isCreation(event);
  const fetched = event.fetched === true;
  const isWhole = fetched || event.type === 'admin.USER-CREATE';
  const profile = Profile.parse(isAdminEvent(event) ? event.representation : toldBy(event));
  const user = { ...profile, id, realmName: event.realmName };
  const find = isWhole ? idAt : idAtPart;
  const user_id = find(user, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected(isWhole ? 'NO_USER_ID' : 'NO_VENDOR_API');
  const company_id = find({ attributes: profile.attributes }, settings.companyId ?? []);
  const names = [profile.firstName, profile.lastName];
  const isHalf = !isWhole && !created && names.filter((name) => name !== undefined && name !== null).length === 1;
  const occurredAt = fetched ? receivedAt : timeOf(event);
  const createdAt = momentOf(profile.createdTimestamp) ?? (created && !fetched ? occurredAt : undefined);
  const properties = propertiesOf(user, settings, {
    email: filled(profile.email),
    // Half a name would put itself over the whole.
    name: isHalf ? undefined : nameOf(...names),
    created_at: isoOf(createdAt),
    email_verified: profile.emailVerified ?? undefined,
    enabled: profile.enabled ?? undefined,
  });
  if (!isWhole && !created && properties.metadata === undefined && company_id === undefined)
    return isHalf ? rejected('NO_VENDOR_API') : ignored('NOTHING_CHANGED');
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties, ...(company_id !== undefined && { company: { id: company_id } }) },
    facet: 'profile',
    occurredAt,
    ...(created && { creates: true }),
  });
};

/** Before a new user of an identity provider exists, the review of their profile is told as an update of nobody's. */
const REVIEW = 'IDP_REVIEW';

const mapUser = (event: Event, context: MapContext): Mapped => {
  const id = vendorIdOf(event);
  if (id === undefined) {
    const isReview = event.details ? event.details.context === REVIEW : false;
    return isReview ? ignored('EVENT_NOT_HANDLED') : rejected('NO_USER_ID');
  }
  if (!canFetch(event, context)) return mapProfile(event, id, context);
  return refresh({ subject: 'user', id, occurredAt: timeOf(event), ...(isCreation(event) && { creates: true }) });
};

/**
 * What was fetched is dated by our clock, for want of one in it: so is the deletion then. By Keycloak's, if that were a little slow,
 * whoever logs in to delete their account would have been seen after their end.
 */
const mapUserDeletion = (event: Event, context: MapContext): Mapped => {
  const { settings, receivedAt } = context;
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const user_id = idAtPart({ id: vendorIdOf(event) }, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const occurredAt = canFetch(event, context) ? receivedAt : timeOf(event);
  return deletionOf({ user_id }, { source: 'keycloak', meaning, occurredAt });
};

/** `orgs` at Phase Two, where an update says the id twice, and `organizations` at Keycloak itself. */
const ORGANIZATION_PATH = /^(?:orgs|organizations)\/([^/]+)(?:\/members\/([^/]+)$)?/;
const idsIn = ({ resourcePath }: Event) => {
  const [, organizationId, userId] = ORGANIZATION_PATH.exec(String(resourcePath)) ?? [];
  return { organizationId, userId };
};

const mapOrganization = (event: Event, { settings }: MapContext): Mapped => {
  const created = event.type === 'admin.ORGANIZATION-CREATE';
  const organization = Organization.parse(event.representation ?? {});
  const company_id = idAt({ ...organization, id: organization.id ?? idsIn(event).organizationId }, settings.companyId ?? ['id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const name = filled(organization.displayName) ?? filled(organization.name);
  const change: Change = {
    call: { kind: 'identifyCompany', company_id, ...propertiesOf(organization, settings, { name }) },
    facet: 'profile',
    occurredAt: timeOf(event),
  };
  return changes(created ? { ...change, creates: true } : change);
};

const mapOrganizationDeletion = (event: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const company_id = idAtPart({ id: idsIn(event).organizationId }, settings.companyId ?? ['id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  return deletionOf({ company_id }, { source: 'keycloak', meaning, occurredAt: timeOf(event) });
};

/** Names user and organization by Keycloak's own ids only: with other ids configured, nobody is named. */
const mapMembership = (event: Event, { settings }: MapContext): Mapped => {
  const { organizationId, userId } = idsIn(event);
  const company_id = idAtPart({ id: organizationId }, settings.companyId ?? ['id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const user_id = idAtPart({ id: userId }, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const call = { kind: 'identifyUser', user_id, company: { id: company_id } } as const;
  return changes({ call, facet: 'membership', occurredAt: timeOf(event) });
};

/**
 * Webhooks of the extension p2-inc/keycloak-events; Keycloak alone sends none. Paths in the settings are relative to the user as
 * the admin API has it, or to the organization; of `companyId` those that begin with `attributes` count for users.
 */
export const keycloak = defineSource<Event>({
  id: 'keycloak',
  docs: 'https://github.com/p2-inc/keycloak-events',
  verify: verifyKeycloak,
  keys: { url: keycloakKeys, read: readJwks },
  records: (body) => [unfolded(body)],
  schema: Kept,
  head: ({ uid, type }) => ({ eventId: uid, type }),
  directory: keycloakDirectory,
  map: (event, context) => {
    switch (event.type) {
      case 'access.REGISTER':
      case 'access.UPDATE_PROFILE':
      case 'access.UPDATE_EMAIL':
      case 'access.VERIFY_EMAIL':
      case 'admin.USER-CREATE':
      case 'admin.USER-UPDATE':
        return mapUser(event, context);
      case 'access.LOGIN':
        // Tells nothing of a profile, but of a user whose beginning no event told.
        return canFetch(event, context) ? mapUser(event, context) : ignored('EVENT_NOT_HANDLED');
      case 'access.DELETE_ACCOUNT':
      case 'admin.USER-DELETE':
        return mapUserDeletion(event, context);
      case 'admin.ORGANIZATION-CREATE':
      case 'admin.ORGANIZATION-UPDATE':
        return mapOrganization(event, context);
      case 'admin.ORGANIZATION-DELETE':
        return mapOrganizationDeletion(event, context);
      case 'admin.ORGANIZATION_MEMBERSHIP-CREATE':
        return mapMembership(event, context);
      case 'admin.ORGANIZATION_MEMBERSHIP-DELETE':
        return ignored('NO_COMPANY_DETACH');
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
});
