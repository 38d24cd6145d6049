import * as z from 'zod';
import type { Change } from '../core/calls.ts';
import { filled, idAt, isoOf, momentOf, nameOf, propertiesOf } from '../core/mapping.ts';
import { propelauthDirectory } from './propelauth.directory.ts';
import { svixId, verifySvix } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, refresh, rejected } from './source.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, selfForm, text } from './subject.ts';

/** Pictures, the last active organization, permissions and sign-in details are not named, so they go. */
const Kept = z.object({
  event_type: z.string().min(1).max(255),
  user_id: scalar,
  email: scalar,
  email_confirmed: scalar,
  first_name: scalar,
  last_name: scalar,
  username: scalar,
  enabled: scalar,
  locked: scalar,
  mfa_enabled: scalar,
  created_at: scalar,
  legacy_user_id: scalar,
  properties: selfForm,
  org_id: scalar,
  name: scalar,
  legacy_org_id: scalar,
  metadata: freeForm,
  role: scalar,
  new_role: scalar,
  org_id_to_org_info: part(
    z.record(
      z.string(),
      part(z.object({ org_id: scalar, org_name: scalar, org_metadata: freeForm, legacy_org_id: scalar, user_role: scalar })),
    ),
  ),
});
type Event = z.infer<typeof Kept>;

/** Seconds or milliseconds, as the models of PropelAuth's own clients disagree: github.com/PropelAuth/rust */
const epoch = z.number().nullish();
const OrgInfo = z.looseObject({ org_id: text, org_name: text, org_metadata: z.unknown(), user_role: text });
const User = z.looseObject({
  email: text,
  email_confirmed: z.boolean().nullish(),
  first_name: text,
  last_name: text,
  username: text,
  created_at: epoch,
  org_id_to_org_info: z.record(z.string(), OrgInfo).nullish(),
});
const Organization = z.looseObject({ name: text, created_at: epoch });
const Membership = z.object({ user_id: text, org_id: text, role: text, new_role: text });

/** Dated as of when it was asked for or, of what a webhook says, as of its last attempt: nothing in PropelAuth's events is a time. */
const companyChange = (organization: unknown, { settings, receivedAt }: MapContext): Change | undefined => {
  const company_id = idAt(organization, settings.companyId ?? ['org_id']);
  if (company_id === undefined) return undefined;
  const { name, created_at } = Organization.parse(organization);
  const properties = propertiesOf(organization, settings, { name: filled(name), created_at: isoOf(momentOf(created_at)) });
  return { call: { kind: 'identifyCompany', company_id, ...properties }, facet: 'profile', occurredAt: receivedAt };
};

interface Member {
  readonly user_id: string;
  readonly company_id: string;
  readonly role: string | null | undefined;
}

/** `properties` name members of the user and of the organization, so of the membership there is only its role to send. */
const memberChange = ({ user_id, company_id, role }: Member, { settings, receivedAt }: MapContext): Change => {
  const { metadata } = propertiesOf({}, settings, { role: filled(role) });
  return {
    call: { kind: 'identifyUser', user_id, ...(metadata && { metadata }), company: { id: company_id } },
    facet: 'membership',
    occurredAt: receivedAt,
  };
};

/** The organization and the membership that a fetched user tells of; none where it has no company id by the rule. */
const membershipIn = (user_id: string, info: z.infer<typeof OrgInfo>, context: MapContext): readonly Change[] => {
  const { org_name: name, org_metadata: metadata, user_role: role, ...rest } = info;
  const company = companyChange({ ...rest, name, metadata }, context);
  if (company?.call.kind !== 'identifyCompany') return [];
  const { company_id } = company.call;
  return [...(company.call.metadata === undefined ? [] : [company]), memberChange({ user_id, company_id, role }, context)];
};

const mapUser = (event: Event, context: MapContext): Mapped => {
  const { settings, receivedAt } = context;
  const user = User.parse(event);
  const user_id = idAt(user, settings.userId ?? ['user_id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const properties = propertiesOf(user, settings, {
    email: filled(user.email),
    name: nameOf(user.first_name, user.last_name) ?? filled(user.username),
    created_at: isoOf(momentOf(user.created_at)),
    email_verified: user.email_confirmed ?? undefined,
  });
  const profile: Change = {
    call: { kind: 'identifyUser', user_id, ...properties },
    facet: 'profile',
    occurredAt: receivedAt,
    ...(event.event_type === 'fetched.user.created' && { creates: true }),
  };
  const [info, ...others] = Object.values(user.org_id_to_org_info ?? {});
  // Of several organizations the one that was joined last counts: the event of joining says which, the user does not.
  return info === undefined || others.length > 0 ? changes(profile) : changes(profile, ...membershipIn(user_id, info, context));
};

const mapOrganization = (event: Event, context: MapContext): Mapped => {
  const change = companyChange(event, context);
  if (change === undefined) return rejected('NO_COMPANY_ID');
  return changes(event.event_type === 'fetched.org.created' ? { ...change, creates: true } : change);
};

/** Without an API only ids and a role are known: with other ids configured, nobody is named. */
const mapMembership = (event: Event, context: MapContext): Mapped => {
  const { settings } = context;
  const { user_id: userId, org_id, role, new_role } = Membership.parse(event);
  const user_id = idAtPart({ user_id: userId }, settings.userId ?? ['user_id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const company_id = idAtPart({ org_id }, settings.companyId ?? ['org_id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  return changes(memberChange({ user_id, company_id, role: role ?? new_role }, context));
};

const mapFetchedMembership = (event: Event, context: MapContext): Mapped => {
  const user = User.parse(event);
  const user_id = idAt(user, context.settings.userId ?? ['user_id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const info = Object.entries(user.org_id_to_org_info ?? {}).find(([id]) => id === event.org_id)?.[1];
  const found = info === undefined ? [] : membershipIn(user_id, info, context);
  return found.length === 0 ? rejected('NO_COMPANY_ID') : changes(...found);
};

const mapDeletion = (event: Event, { settings, receivedAt }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const deletion = { source: 'propelauth', meaning, occurredAt: receivedAt } as const;
  if (event.event_type === 'org.deleted') {
    const company_id = idAtPart({ org_id: event.org_id }, settings.companyId ?? ['org_id']);
    return company_id === undefined ? rejected('NO_COMPANY_ID') : deletionOf({ company_id }, deletion);
  }
  const user_id = idAtPart({ user_id: event.user_id }, settings.userId ?? ['user_id']);
  return user_id === undefined ? rejected('NO_USER_ID') : deletionOf({ user_id }, deletion);
};

type Subject = 'user' | 'org' | 'membership';

/**
 * Asks for the present state, even where the event carries one: it may be hours old, as nothing dates it, and what it says of
 * a user or an organization may have changed or ended since. `unless` is what can be said without an API.
 */
const ask = (event: Event, subject: Subject, context: MapContext, unless?: typeof mapUser): Mapped => {
  const { settings, receivedAt: occurredAt } = context;
  if (settings.api === undefined) return unless?.(event, context) ?? rejected('NO_VENDOR_API');
  const userId = idAt(event, ['user_id']);
  const orgId = idAt(event, ['org_id']);
  if (userId === undefined && subject !== 'org') return rejected('NO_USER_ID');
  if (orgId === undefined && subject !== 'user') return rejected('NO_COMPANY_ID');
  const ids = { user: [userId], org: [orgId], membership: [userId, orgId] }[subject];
  const id = ids.map((one) => encodeURIComponent(one ?? '')).join('/');
  return refresh({ subject, id, occurredAt, ...(event.event_type.endsWith('.created') && { creates: true }) });
};

/**
 * Delivered by Svix, flat and undated. Paths in the settings are relative to the user of PropelAuth's API, and for `companyId`
 * to the organization; a user's own `properties` and `metadata` are among them.
 */
export const propelauth = defineSource<Event>({
  id: 'propelauth',
  docs: 'https://docs.propelauth.com/sso-and-integrations/webhooks',
  verify: verifySvix,
  schema: Kept,
  head: ({ event_type }, request) => ({ eventId: svixId(request), type: event_type }),
  map: (event, context) => {
    switch (event.event_type) {
      case 'user.created':
        // No creation to the ledger: an id is never used twice, and this one may be deleted by the time of a late attempt.
        return ask(event, 'user', context, mapUser);
      case 'user.updated':
      case 'user.enabled':
      case 'user.disabled':
      case 'user.locked':
        return ask(event, 'user', context);
      case 'user.added_to_org':
      case 'user.role_changed_within_org':
        return ask(event, 'membership', context, mapMembership);
      case 'org.created':
        return ask(event, 'org', context, mapOrganization);
      case 'org.updated':
        return ask(event, 'org', context);
      case 'user.deleted':
      case 'org.deleted':
        return mapDeletion(event, context);
      case 'user.removed_from_org':
        return ignored('NO_COMPANY_DETACH');
      case 'fetched.user.created':
      case 'fetched.user':
        return mapUser(event, context);
      case 'fetched.org.created':
      case 'fetched.org':
        return mapOrganization(event, context);
      case 'fetched.membership':
        return mapFetchedMembership(event, context);
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
  directory: propelauthDirectory,
});
