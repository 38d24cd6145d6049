import * as z from 'zod';
import type { Change } from '../core/calls.ts';
import { filled, idAt, isoOf, momentOf, nameOf, propertiesOf } from '../core/mapping.ts';
import type { SourceSettings } from '../core/settings.ts';
import { clerkDirectory } from './clerk.directory.ts';
import { svixId, verifySvix } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected } from './source.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, text } from './subject.ts';

/** Private and unsafe metadata, phone numbers, wallets, linked accounts and the client's address are not named, so they go. */
const Kept = z.object({
  type: z.string().min(1).max(255),
  timestamp: scalar,
  data: part(
    z.object({
      id: scalar,
      external_id: scalar,
      username: scalar,
      first_name: scalar,
      last_name: scalar,
      locale: scalar,
      primary_email_address_id: scalar,
      email_addresses: part(
        z.array(part(z.object({ id: scalar, email_address: scalar, verification: part(z.object({ status: scalar })) }))),
      ),
      name: scalar,
      slug: scalar,
      public_metadata: freeForm,
      created_at: scalar,
      updated_at: scalar,
      organization: part(
        z.object({ id: scalar, name: scalar, slug: scalar, public_metadata: freeForm, created_at: scalar, updated_at: scalar }),
      ),
      public_user_data: part(z.object({ user_id: scalar })),
    }),
  ),
});
type Event = z.infer<typeof Kept>;

/** Milliseconds, but the envelope's `timestamp` is shown in seconds as well: github.com/clerk/openapi-specs, webhooks */
const epoch = z.number().nullish();
const Moment = z.date({ error: 'neither updated_at nor timestamp is a time' });

const User = z.looseObject({
  username: text,
  first_name: text,
  last_name: text,
  locale: text,
  primary_email_address_id: text,
  email_addresses: z
    .array(z.object({ id: text, email_address: text, verification: z.object({ status: text }).nullish() }))
    .nullish(),
  created_at: epoch,
  updated_at: epoch,
});
const Organization = z.looseObject({ name: text, created_at: epoch, updated_at: epoch });
const Membership = z.object({
  organization: Organization,
  public_user_data: z.object({ user_id: text }).nullish(),
  updated_at: epoch,
});

const timeOf = (updatedAt: number | null | undefined, event: Event): Date =>
  Moment.parse(momentOf(updatedAt) ?? momentOf(epoch.parse(event.timestamp)));

/** In whole seconds it counts as the end of its second: it must not look older than an update of the same second. */
const deletionTimeOf = (event: Event): Date => {
  const moment = timeOf(undefined, event);
  return moment.getTime() === event.timestamp ? moment : new Date(moment.getTime() + 999);
};

const mapUser = (event: Event, { settings }: MapContext): Mapped => {
  const user = User.parse(event.data);
  const user_id = idAt(user, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const emails = user.email_addresses ?? [];
  // The dashboard's sample events name a primary address that is not in the list.
  const primary = emails.find(({ id }) => id === user.primary_email_address_id) ?? emails[0];
  const properties = propertiesOf(user, settings, {
    email: filled(primary?.email_address),
    name: nameOf(user.first_name, user.last_name) ?? filled(user.username),
    created_at: isoOf(momentOf(user.created_at)),
    email_verified: primary && primary.verification?.status === 'verified',
    locale: filled(user.locale),
  });
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties },
    facet: 'profile',
    occurredAt: timeOf(user.updated_at, event),
    ...(event.type === 'user.created' && { creates: true }),
  });
};

const mapUserDeletion = (event: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const user_id = idAtPart(event.data, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  return deletionOf({ user_id }, { source: 'clerk', meaning, occurredAt: deletionTimeOf(event) });
};

type Organization = z.infer<typeof Organization>;

interface Company {
  readonly company_id: string;
  readonly organization: Organization;
  readonly settings: SourceSettings;
}

const companyChange = (event: Event, { company_id, organization, settings }: Company) => {
  const properties = propertiesOf(organization, settings, {
    name: filled(organization.name),
    created_at: isoOf(momentOf(organization.created_at)),
  });
  const occurredAt = timeOf(organization.updated_at, event);
  return { call: { kind: 'identifyCompany', company_id, ...properties }, facet: 'profile', occurredAt } as const satisfies Change;
};

const mapOrganization = (event: Event, { settings }: MapContext): Mapped => {
  const organization = Organization.parse(event.data);
  const company_id = idAt(organization, settings.companyId ?? ['id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const change = companyChange(event, { company_id, organization, settings });
  return changes(event.type === 'organization.created' ? { ...change, creates: true } : change);
};

const mapOrganizationDeletion = (event: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const company_id = idAtPart(event.data, settings.companyId ?? ['id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  return deletionOf({ company_id }, { source: 'clerk', meaning, occurredAt: deletionTimeOf(event) });
};

/** Carries the whole organization but of the user only Clerk's own id: with another id configured, nobody is named. */
const mapMembership = (event: Event, { settings }: MapContext): Mapped => {
  const { organization, public_user_data, updated_at } = Membership.parse(event.data);
  const company_id = idAt(organization, settings.companyId ?? ['id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const user_id = idAtPart({ id: public_user_data?.user_id }, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const company = companyChange(event, { company_id, organization, settings });
  return changes(...(company.call.metadata === undefined ? [] : [company]), {
    call: { kind: 'identifyUser', user_id, company: { id: company_id } },
    facet: 'membership',
    occurredAt: timeOf(updated_at, event),
  });
};

/**
 * Paths in the settings are relative to `data`: the user, or the organization, whose own `properties` go to the company.
 * An organization inside a membership is read like one that comes alone.
 */
export const clerk = defineSource<Event>({
  id: 'clerk',
  docs: 'https://clerk.com/docs/guides/development/webhooks/overview',
  verify: verifySvix,
  schema: Kept,
  head: ({ type }, request) => ({ eventId: svixId(request), type }),
  map: (event, context) => {
    switch (event.type) {
      case 'user.created':
      case 'user.updated':
        return mapUser(event, context);
      case 'user.deleted':
        return mapUserDeletion(event, context);
      case 'organization.created':
      case 'organization.updated':
        return mapOrganization(event, context);
      case 'organization.deleted':
        return mapOrganizationDeletion(event, context);
      case 'organizationMembership.created':
      case 'organizationMembership.updated':
        return mapMembership(event, context);
      case 'organizationMembership.deleted':
        return ignored('NO_COMPANY_DETACH');
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
  directory: clerkDirectory,
});
