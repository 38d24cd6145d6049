import * as z from 'zod';
import type { Change } from '../core/calls.ts';
import { filled, idAt, nameOf, propertiesOf } from '../core/mapping.ts';
import { svixId, verifySvix } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected } from './source.ts';
import { stytchDirectory } from './stytch.directory.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, text } from './subject.ts';

/**
 * Phone numbers, ids of passwords and other factors, wallets, linked accounts and what the end user's client may write
 * (`untrusted_metadata`) are not named, so they go.
 */
const Kept = z.object({
  action: z.string().min(1).max(64),
  object_type: z.string().min(1).max(64),
  source: z.string().min(1).max(64),
  id: scalar,
  timestamp: scalar,
  user: part(
    z.object({
      user_id: scalar,
      external_id: scalar,
      name: part(z.object({ first_name: scalar, middle_name: scalar, last_name: scalar })),
      emails: part(z.array(part(z.object({ email: scalar, verified: scalar })))),
      providers: part(z.array(part(z.object({ provider_type: scalar })))),
      status: scalar,
      created_at: scalar,
      trusted_metadata: freeForm,
    }),
  ),
  member: part(
    z.object({
      member_id: scalar,
      organization_id: scalar,
      external_id: scalar,
      email_address: scalar,
      email_address_verified: scalar,
      name: scalar,
      status: scalar,
      is_admin: scalar,
      roles: part(z.array(part(z.object({ role_id: scalar })))),
      created_at: scalar,
      updated_at: scalar,
      trusted_metadata: freeForm,
    }),
  ),
  organization: part(
    z.object({
      organization_id: scalar,
      organization_external_id: scalar,
      organization_name: scalar,
      organization_slug: scalar,
      created_at: scalar,
      updated_at: scalar,
      trusted_metadata: freeForm,
    }),
  ),
});
type Event = z.infer<typeof Kept>;

const User = z.looseObject({
  name: z.object({ first_name: text, middle_name: text, last_name: text }).nullish(),
  emails: z.array(z.object({ email: text, verified: z.boolean().nullish() })).nullish(),
  providers: z.array(z.object({ provider_type: text })).nullish(),
  status: text,
  created_at: text,
});
const Member = z.looseObject({
  organization_id: text,
  email_address: text,
  email_address_verified: z.boolean().nullish(),
  name: text,
  status: text,
  is_admin: z.boolean().nullish(),
  roles: z.array(z.object({ role_id: text })).nullish(),
  created_at: text,
  updated_at: text,
});
const Organization = z.looseObject({ organization_name: text, organization_slug: text, created_at: text, updated_at: text });

const time = z.iso.datetime({ offset: true }).transform((iso) => new Date(iso));

/** Stytch writes an empty text where nothing is set. */
const timeIn = (value: string | null | undefined): Date | undefined => {
  const iso = filled(value);
  return iso === undefined ? undefined : time.parse(iso);
};

/** Samples of members show no `created_at`; the time of a creation is close enough to it. */
const createdAt = (event: Event, value: string | null | undefined): string | undefined => {
  const created = timeIn(value) ?? (event.action === 'CREATE' ? time.parse(event.timestamp) : undefined);
  return created?.toISOString();
};

/** Of a Consumer project. A user has no time of its last change, so the event's counts. */
const mapUser = (event: Event, { settings }: MapContext): Mapped => {
  const user = User.parse(event.user);
  const user_id = idAt(user, settings.userId ?? ['user_id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const emails = (user.emails ?? []).filter(({ email }) => filled(email) !== undefined);
  const primary = emails.find(({ verified }) => verified) ?? emails[0];
  const { first_name, middle_name, last_name } = user.name ?? {};
  const properties = propertiesOf(user, settings, {
    email: filled(primary?.email),
    name: nameOf(first_name, middle_name, last_name),
    created_at: createdAt(event, user.created_at),
    email_verified: primary?.verified ?? undefined,
    status: filled(user.status),
    provider: filled(user.providers?.[0]?.provider_type),
  });
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties },
    facet: 'profile',
    occurredAt: time.parse(event.timestamp),
    ...(event.action === 'CREATE' && { creates: true }),
  });
};

/**
 * Of a B2B project. A member belongs to one organization for good, so there is no event of a membership apart from this
 * one, and no second clock: the company goes with the profile.
 */
const mapMember = (event: Event, { settings }: MapContext): Mapped => {
  const member = Member.parse(event.member);
  const user_id = idAt(member, settings.userId ?? ['member_id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const company_id = idAtPart({ organization_id: member.organization_id }, settings.companyId ?? ['organization_id']);
  const roles = member.roles?.flatMap(({ role_id }) => filled(role_id) ?? []);
  const properties = propertiesOf(member, settings, {
    email: filled(member.email_address),
    name: filled(member.name),
    created_at: createdAt(event, member.created_at),
    email_verified: member.email_address_verified ?? undefined,
    status: filled(member.status),
    is_admin: member.is_admin ?? undefined,
    roles: filled(roles?.join(',')),
  });
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties, ...(company_id !== undefined && { company: { id: company_id } }) },
    facet: 'profile',
    occurredAt: timeIn(member.updated_at) ?? time.parse(event.timestamp),
    ...(event.action === 'CREATE' && { creates: true }),
  });
};

const mapOrganization = (event: Event, { settings }: MapContext): Mapped => {
  const organization = Organization.parse(event.organization);
  const company_id = idAt(organization, settings.companyId ?? ['organization_id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const properties = propertiesOf(organization, settings, {
    name: filled(organization.organization_name),
    slug: filled(organization.organization_slug),
    created_at: createdAt(event, organization.created_at),
  });
  const change: Change = {
    call: { kind: 'identifyCompany', company_id, ...properties },
    facet: 'profile',
    occurredAt: timeIn(organization.updated_at) ?? time.parse(event.timestamp),
  };
  return changes(event.action === 'CREATE' ? { ...change, creates: true } : change);
};

/** Carries nothing but the id: with another id configured, nobody is named. */
const mapDeletion = (event: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const deletion = { source: 'stytch', meaning, occurredAt: time.parse(event.timestamp) } as const;
  const name = `${event.object_type}_id`;
  if (event.object_type === 'organization') {
    const company_id = idAtPart({ [name]: event.id }, settings.companyId ?? [name]);
    return company_id === undefined ? rejected('NO_COMPANY_ID') : deletionOf({ company_id }, deletion);
  }
  const user_id = idAtPart({ [name]: event.id }, settings.userId ?? [name]);
  return user_id === undefined ? rejected('NO_USER_ID') : deletionOf({ user_id }, deletion);
};

/**
 * Consumer and B2B projects, delivered by Svix. Paths in the settings are relative to the object: the user or the member,
 * or for `companyId` the organization.
 */
export const stytch = defineSource<Event>({
  id: 'stytch',
  docs: 'https://stytch.com/docs/workspace-management/webhooks',
  verify: verifySvix,
  schema: Kept,
  // The name under which one subscribes to it; the body holds its parts.
  head: ({ source, object_type, action }, request) => ({
    eventId: svixId(request),
    type: `${source}.${object_type}.${action}`.toLowerCase(),
  }),
  map: (event, context) => {
    switch (`${event.object_type}.${event.action}`) {
      case 'user.CREATE':
      case 'user.UPDATE':
        return mapUser(event, context);
      case 'member.CREATE':
      case 'member.UPDATE':
        return mapMember(event, context);
      case 'organization.CREATE':
      case 'organization.UPDATE':
        return mapOrganization(event, context);
      case 'user.DELETE':
      case 'member.DELETE':
      case 'organization.DELETE':
        return mapDeletion(event, context);
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
  directory: stytchDirectory,
});
