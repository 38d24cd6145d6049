import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { filled, idAt, nameOf, propertiesOf } from '../core/mapping.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import type { SourceSettings } from '../core/settings.ts';
import type { Directory } from './directory.ts';
import { refused, verifyStripe } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, refresh, rejected } from './source.ts';
import { deletionOf, idAtPart, part, scalar, text } from './subject.ts';

/** Passwords and their hashes, phone number, gender, address, nickname and who caused the event are not named, so they go. */
const Kept = z.object({
  event_type: z.string().min(1).max(255),
  aggregateID: scalar,
  resourceOwner: scalar,
  /** A number in events, a text where protobuf wrote it. */
  sequence: scalar,
  created_at: scalar,
  event_payload: part(
    z.object({
      userName: scalar,
      firstName: scalar,
      lastName: scalar,
      displayName: scalar,
      preferredLanguage: scalar,
      email: scalar,
      name: scalar,
    }),
  ),
  /** What `directory` was given, never what a webhook brought. */
  fetched: part(
    z.object({
      userId: scalar,
      username: scalar,
      preferredLoginName: scalar,
      loginNames: part(z.array(scalar)),
      state: scalar,
      details: part(z.object({ creationDate: scalar, changeDate: scalar, resourceOwner: scalar })),
      human: part(
        z.object({
          profile: part(z.object({ givenName: scalar, familyName: scalar, displayName: scalar, preferredLanguage: scalar })),
          email: part(z.object({ email: scalar, isVerified: scalar })),
        }),
      ),
      creates: scalar,
    }),
  ),
});
type Event = z.infer<typeof Kept>;

/** With up to nine digits behind the second, of which three stay. */
const time = z.iso.datetime({ offset: true }).transform((iso) => new Date(iso));
const User = z.looseObject({
  state: text,
  details: z.looseObject({ creationDate: time.nullish(), changeDate: time.nullish(), resourceOwner: text }).nullish(),
  human: z
    .looseObject({
      profile: z.looseObject({ givenName: text, familyName: text, displayName: text, preferredLanguage: text }).nullish(),
      email: z.looseObject({ email: text, isVerified: z.boolean().nullish() }).nullish(),
    })
    .nullish(),
  creates: z.boolean().nullish(),
});
type User = z.infer<typeof User>;
const Creation = z.object({
  created_at: z.iso.datetime({ offset: true }),
  event_payload: z.object({
    userName: text,
    firstName: text,
    lastName: text,
    displayName: text,
    preferredLanguage: text,
    email: text,
  }),
});
const Named = z.object({ name: text });

const CREATED = new Set(['user.human.added', 'user.human.selfregistered']);
/** These name what changed, or nothing at all. */
const CHANGED = new Set([
  'user.human.profile.changed',
  'user.human.email.changed',
  'user.human.email.verified',
  'user.username.changed',
  'user.domain.claimed',
  'user.deactivated',
  'user.reactivated',
  'user.locked',
  'user.unlocked',
]);
const REMOVED = 'user.removed';
const FETCHED = 'fetched.user';

/** Stripe's scheme to the letter, under two names: github.com/zitadel/zitadel, pkg/actions/signing.go, and a page of the documentation. */
const verifyZitadel = (request: RawRequest, secrets: readonly string[]): Verdict => {
  const { 'zitadel-signature': plain, 'x-zitadel-signature': prefixed } = request.headers;
  if (plain !== undefined && prefixed !== undefined && plain !== prefixed) return refused('HEADER_CONFLICT');
  return verifyStripe({ ...request, headers: { 'stripe-signature': plain ?? prefixed ?? '' } }, secrets);
};

/** Some versions write the payload as base64 of JSON: github.com/zitadel/zitadel, internal/repository/execution/queue.go */
const payloadOf = (payload: unknown): unknown => {
  if (typeof payload !== 'string') return payload;
  const json = parseJson(Buffer.from(payload, 'base64'));
  return json.ok ? json.value : false;
};

/** The payload is opened before anything is kept, as it may hold a password's hash; and no webhook can look like a user that we fetched. */
const fromOutside = (body: unknown): unknown => {
  const { fetched: _, event_payload, ...told } = z.looseObject({}).parse(body);
  return { ...told, event_payload: payloadOf(event_payload) };
};

/** A user belongs to one organization for good, so there is no second clock: the company goes with the profile. */
const userChange = (user: User, user_id: string, { settings, receivedAt }: MapContext): Mapped => {
  const { profile, email } = user.human ?? {};
  const company_id = idAtPart(user, settings.companyId ?? ['details.resourceOwner']);
  const properties = propertiesOf(user, settings, {
    email: filled(email?.email),
    name: filled(profile?.displayName) ?? nameOf(profile?.givenName, profile?.familyName),
    created_at: user.details?.creationDate?.toISOString(),
    email_verified: email?.isVerified ?? undefined,
    // The BCP 47 word for none.
    locale: profile?.preferredLanguage === 'und' ? undefined : filled(profile?.preferredLanguage),
    state: filled(user.state),
  });
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties, ...(company_id !== undefined && { company: { id: company_id } }) },
    facet: 'profile',
    occurredAt: user.details?.changeDate ?? receivedAt,
    ...(user.creates === true && { creates: true }),
  });
};

const refreshOf = ({ aggregateID, created_at, event_type }: Event, settings: SourceSettings): Mapped => {
  const id = idAt({ aggregateID }, ['aggregateID']);
  if (id === undefined) return rejected('NO_USER_ID');
  if (settings.api === undefined) return rejected('NO_VENDOR_API');
  const occurredAt = time.parse(created_at);
  return refresh({ subject: 'user', id, occurredAt, ...(CREATED.has(event_type) && { creates: true }) });
};

/** In the form in which the API answers. */
const createdUser = (event: Event): User => {
  const { created_at, event_payload } = Creation.parse(event);
  const { userName, firstName, lastName, displayName, preferredLanguage, email } = event_payload;
  return User.parse({
    userId: event.aggregateID,
    username: userName,
    details: { creationDate: created_at, changeDate: created_at, resourceOwner: event.resourceOwner },
    human: { profile: { givenName: firstName, familyName: lastName, displayName, preferredLanguage }, email: { email } },
    creates: true,
  });
};

/** The one event that holds the whole user. What only the API knows of a user, its login names for instance, may be the id. */
const mapCreation = (event: Event, context: MapContext): Mapped => {
  const { settings } = context;
  const user = createdUser(event);
  const user_id = idAtPart(user, settings.userId ?? ['userId']);
  if (user_id !== undefined) return userChange(user, user_id, context);
  return settings.userId === undefined ? rejected('NO_USER_ID') : refreshOf(event, settings);
};

const mapFetched = (event: Event, context: MapContext): Mapped => {
  const user = User.parse(event.fetched);
  // A machine is renamed and deactivated like a person.
  if (!user.human) return ignored('EVENT_NOT_HANDLED');
  const user_id = idAt(user, context.settings.userId ?? ['userId']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  // Protobuf leaves out what is false.
  const email = { isVerified: false, ...user.human.email };
  return userChange({ ...user, human: { ...user.human, email } }, user_id, context);
};

/** Never `userID`, which is who caused the event. */
const ownerOf = ({ resourceOwner }: Event, { companyId = ['details.resourceOwner'] }: SourceSettings): string | undefined =>
  idAtPart({ details: { resourceOwner } }, companyId);

const mapOrganization = (event: Event, { settings }: MapContext): Mapped => {
  const { name } = Named.parse(event.event_payload);
  const company_id = ownerOf(event, settings);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const occurredAt = time.parse(event.created_at);
  const created = event.event_type === 'org.added';
  // `properties` name members of the user.
  const properties = propertiesOf({}, settings, {
    name: filled(name),
    created_at: created ? occurredAt.toISOString() : undefined,
  });
  return changes({
    call: { kind: 'identifyCompany', company_id, ...properties },
    facet: 'profile',
    occurredAt,
    ...(created && { creates: true }),
  });
};

const mapDeletion = (event: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const deletion = { source: 'zitadel', meaning, occurredAt: time.parse(event.created_at) } as const;
  if (event.event_type === 'org.removed') {
    const company_id = ownerOf(event, settings);
    return company_id === undefined ? rejected('NO_COMPANY_ID') : deletionOf({ company_id }, deletion);
  }
  const user_id = idAtPart({ userId: event.aggregateID }, settings.userId ?? ['userId']);
  return user_id === undefined ? rejected('NO_USER_ID') : deletionOf({ user_id }, deletion);
};

const Found = z.looseObject({ userId: z.string(), details: z.looseObject({ changeDate: text }).nullish() });

const toRecord = (user: z.infer<typeof Found>, creates = false): unknown => ({
  event_type: FETCHED,
  aggregateID: user.userId,
  created_at: user.details?.changeDate,
  fetched: { ...user, creates },
});

/** A token without a role is told 404 as well, "membership not found", and a wrong address too: neither must end a user. */
const NOT_FOUND = 'QUERY-Dfbg2';
const Failure = z.object({ details: z.array(z.object({ id: text })) });
const One = z.object({ user: Found });
const Many = z.object({ result: z.array(Found).nullish() });
/** The largest page is configured per installation, 1000 or less; nothing larger than this is known to be always taken. */
const PAGE = 100;

const directory: Directory = {
  hosts: ({ api }) => {
    if (api === undefined) throw new Error('zitadel: `api` is not set: the domain of the instance, https://acme.zitadel.cloud');
    return [api];
  },
  credential: ['token'],
  authorize: ({ credential }) => ({ headers: { authorization: `Bearer ${credential.token}` } }),
  // No limit is documented.
  pace: { intervalMs: 500, burst: 5 },
  fetch: async (api, { id, creates }) => {
    const { status, body } = await api({ url: `/v2/users/${encodeURIComponent(id)}` });
    const { data: found } = One.safeParse(body);
    if (status < 300 && found !== undefined) return toRecord(found.user, creates);
    const isGone = status >= 400 && Failure.safeParse(body).data?.details.some((detail) => detail.id === NOT_FOUND);
    if (isGone !== true) throw new VendorError('UNEXPECTED', { status });
    return undefined;
  },
  gone: ({ id }, at) => ({ event_type: REMOVED, aggregateID: id, created_at: at.toISOString() }),
  /** In the order of ids, which it is without a sorting column: of people imported together many have the same date. */
  list: async (api, cursor = '0') => {
    const query = { offset: cursor, limit: PAGE, asc: true };
    const queries = [{ typeQuery: { type: 'TYPE_HUMAN' } }];
    const { status, body } = await api({ method: 'POST', url: '/v2/users', body: { query, queries } });
    const { data: page } = Many.safeParse(body);
    if (status >= 300 || page === undefined) throw new VendorError('UNEXPECTED', { status });
    const users = page.result ?? [];
    // To the first empty page: a short one need not be the last where an installation allows less than we ask for.
    const next = users.length > 0 ? String(Number(cursor) + users.length) : undefined;
    return { records: users.map((user) => toRecord(user)), ...(next !== undefined && { next }) };
  },
};

/**
 * Actions v2, by event. `aggregateID` is the user. Paths in the settings are relative to the user as the API answers it, also
 * for what an event holds of it: `userId`, `username`, `details.resourceOwner`.
 */
export const zitadel = defineSource<Event>({
  id: 'zitadel',
  docs: 'https://zitadel.com/docs/guides/integrate/actions/usage',
  verify: verifyZitadel,
  records: (body) => [fromOutside(body)],
  schema: Kept,
  head: ({ aggregateID, sequence, created_at, event_type }) => ({
    eventId: `${aggregateID}.${sequence ?? created_at}`.slice(0, 255),
    type: event_type,
  }),
  map: (event, context) => {
    if (event.event_type === FETCHED && event.fetched !== undefined) return mapFetched(event, context);
    if (CREATED.has(event.event_type)) return mapCreation(event, context);
    if (CHANGED.has(event.event_type)) return refreshOf(event, context.settings);
    switch (event.event_type) {
      case 'org.added':
      case 'org.changed':
        return mapOrganization(event, context);
      case 'org.removed':
      case REMOVED:
        return mapDeletion(event, context);
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
  directory,
});
