import * as z from 'zod';
import type { Change } from '../core/calls.ts';
import { filled, idAt, nameOf, propertiesOf } from '../core/mapping.ts';
import type { SourceSettings } from '../core/settings.ts';
import { auth0Directory } from './auth0.directory.ts';
import { verifyAuthorization } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected } from './source.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, text } from './subject.ts';

/** Phone number, picture, addresses of the client, MFA methods and `profileData` are not named, so they go. */
const Subject = part(
  z.object({
    user_id: scalar,
    email: scalar,
    email_verified: scalar,
    username: scalar,
    name: scalar,
    nickname: scalar,
    given_name: scalar,
    family_name: scalar,
    identities: part(z.array(part(z.object({ connection: scalar, provider: scalar, isSocial: scalar })))),
    app_metadata: freeForm,
    user_metadata: freeForm,
    created_at: scalar,
    updated_at: scalar,
    deleted_at: scalar,
    id: scalar,
    display_name: scalar,
    metadata: freeForm,
    organization: part(z.object({ id: scalar, name: scalar })),
    user: part(z.object({ user_id: scalar })),
  }),
);
const Kept = z.object({
  id: z.string().min(1).max(255),
  type: z.string().min(1).max(255),
  time: scalar,
  a0purpose: scalar,
  data: part(z.object({ object: Subject, previous_object: Subject })),
});
type Event = z.infer<typeof Kept>;

const time = z.iso.datetime({ offset: true }).transform((iso) => new Date(iso));
const User = z.looseObject({
  email: text,
  email_verified: z.boolean().nullish(),
  name: text,
  nickname: text,
  given_name: text,
  family_name: text,
  created_at: time.nullish(),
  updated_at: time.nullish(),
  deleted_at: time.nullish(),
});
const Organization = z.looseObject({ name: text, display_name: text });
const Member = z.object({ organization: z.object({ id: text, name: text }), user: z.object({ user_id: text }).nullish() });

const subjectOf = (event: Event): unknown => (event.data ? event.data.object : event.data);
const userIdPaths = (settings: SourceSettings) => settings.userId ?? ['user_id'];
const companyIdPaths = (settings: SourceSettings) => settings.companyId ?? ['id'];

type User = z.infer<typeof User>;

const userCall = (user: User, settings: SourceSettings) => {
  const user_id = idAt(user, userIdPaths(settings));
  if (user_id === undefined) return undefined;
  const email = filled(user.email);
  // Auth0 fills a missing name with the e-mail address.
  const given = user.name === user.email ? undefined : filled(user.name);
  const properties = propertiesOf(user, settings, {
    email,
    name: given ?? nameOf(user.given_name, user.family_name) ?? filled(user.nickname),
    created_at: user.created_at?.toISOString(),
    email_verified: user.email_verified ?? undefined,
  });
  return { kind: 'identifyUser', user_id, ...properties } as const;
};

/**
 * A login writes last_login, last_ip and updated_at, and may come as `user.updated` (not documented, assumed).
 * What counts is what would be sent: without a previous object of the same shape the event is taken as a change.
 */
const isUnchanged = (event: Event, call: unknown, settings: SourceSettings): boolean => {
  const previous = User.safeParse(event.data ? event.data.previous_object : undefined);
  return previous.success && JSON.stringify(userCall(previous.data, settings)) === JSON.stringify(call);
};

const mapUser = (event: Event, { settings }: MapContext): Mapped => {
  const user = User.parse(subjectOf(event));
  const call = userCall(user, settings);
  if (call === undefined) return rejected('NO_USER_ID');
  const created = event.type === 'user.created';
  if (!created && isUnchanged(event, call, settings)) return ignored('NOTHING_CHANGED');
  const occurredAt = user.updated_at ?? time.parse(event.time);
  return changes({ call, facet: 'profile', occurredAt, ...(created && { creates: true }) });
};

const mapUserDeletion = (event: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const user = User.parse(subjectOf(event));
  const user_id = idAt(user, userIdPaths(settings));
  if (user_id === undefined) return rejected('NO_USER_ID');
  return deletionOf({ user_id }, { source: 'auth0', meaning, occurredAt: user.deleted_at ?? time.parse(event.time) });
};

const mapOrganization = (event: Event, { settings }: MapContext): Mapped => {
  const organization = Organization.parse(subjectOf(event));
  const company_id = idAt(organization, companyIdPaths(settings));
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const properties = propertiesOf(organization, settings, {
    name: filled(organization.display_name) ?? filled(organization.name),
  });
  const change: Change = {
    call: { kind: 'identifyCompany', company_id, ...properties },
    facet: 'profile',
    occurredAt: time.parse(event.time),
  };
  return changes(event.type === 'organization.created' ? { ...change, creates: true } : change);
};

const mapOrganizationDeletion = (event: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const company_id = idAt(subjectOf(event), companyIdPaths(settings));
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  return deletionOf({ company_id }, { source: 'auth0', meaning, occurredAt: time.parse(event.time) });
};

/**
 * Carries ids and the organization's slug. The slug is not sent as the company's name: organization events bring the
 * display name, and a membership that comes later would put the slug over it.
 */
const mapMember = (event: Event, { settings }: MapContext): Mapped => {
  const { organization, user } = Member.parse(subjectOf(event));
  const company_id = idAtPart(organization, companyIdPaths(settings));
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const user_id = idAtPart(user, userIdPaths(settings));
  if (user_id === undefined) return rejected('NO_USER_ID');
  const call = { kind: 'identifyUser', user_id, company: { id: company_id } } as const;
  return changes({ call, facet: 'membership', occurredAt: time.parse(event.time) });
};

const mapHandled = (event: Event, context: MapContext): Mapped => {
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
    case 'organization.member.added':
      return mapMember(event, context);
    case 'organization.member.deleted':
      return ignored('NO_COMPANY_DETACH');
    default:
      return ignored('EVENT_NOT_HANDLED');
  }
};

/**
 * Event Streams, delivered to a webhook. Nothing is signed: the stream's bearer token (or its Basic header) is the proof.
 * Paths in the settings are relative to `data.object`: the user, or for `companyId` the organization.
 */
export const auth0 = defineSource<Event>({
  id: 'auth0',
  docs: 'https://auth0.com/docs/customize/events/event-types',
  verify: verifyAuthorization,
  schema: Kept,
  head: ({ id, type }) => ({ eventId: id, type }),
  map: (event, context) =>
    event.a0purpose === 'test' && context.settings.testEvents !== 'deliver' ? ignored('TEST_EVENT') : mapHandled(event, context),
  directory: auth0Directory,
});
