import * as z from 'zod';
import type { Change } from '../core/calls.ts';
import { parseJson } from '../core/json.ts';
import { filled, idAt, nameOf, propertiesOf } from '../core/mapping.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import { claimsOf, readJwks, readToken, type Token, verifyKeyToken } from './jwt.ts';
import { kindeDirectory, LISTED_USER } from './kinde.directory.ts';
import { refused, TOLERANCE_SECONDS } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected, type Trust } from './source.ts';
import { deletionOf, idAtPart, part, scalar, text } from './subject.ts';

/** Phone number, picture, permissions, identities and sign-in counts are not named, so they go. */
const Kept = z.object({
  type: z.string().min(1).max(255),
  event_id: z.string().min(1).max(255),
  timestamp: scalar,
  data: part(
    z.object({
      user: part(
        z.object({
          id: scalar,
          email: scalar,
          first_name: scalar,
          last_name: scalar,
          username: scalar,
          is_suspended: scalar,
          created_on: scalar,
          organizations: part(
            z.array(
              part(z.object({ code: scalar, roles: part(z.array(z.union([z.string(), part(z.object({ key: scalar }))]))) })),
            ),
          ),
        }),
      ),
      organization: part(z.object({ code: scalar, external_id: scalar, handle: scalar, name: scalar })),
    }),
  ),
});
type Event = z.infer<typeof Kept>;

/** Some come in UTC with milliseconds, some with an offset and microseconds: github.com/kinde-oss/webhook, lib/main.test.ts */
const time = z.iso.datetime({ offset: true }).transform((iso) => new Date(iso));

/** Objects with a key, and plain keys before 1.3 of Kinde's own types. */
const Role = z.union([z.string(), z.object({ key: text }).transform(({ key }) => filled(key))]);
const User = z.looseObject({
  email: text,
  first_name: text,
  last_name: text,
  username: text,
  is_suspended: z.boolean().nullish(),
  created_on: time.nullish(),
  organizations: z.array(z.looseObject({ code: text, roles: z.array(Role).nullish() })).nullish(),
});
type User = z.infer<typeof User>;
const UserData = z.object({ user: User });
const OrganizationData = z.object({ organization: z.looseObject({ name: text, handle: text }) });

/** Kinde goes on trying for 36 hours, and does not say whether it signs anew. */
const MAX_AGE_SECONDS = 48 * 3600;

/** A time that nobody can read is left to `map`, which parks it. */
const isTimely = (timestamp: unknown, receivedAt: Date): boolean => {
  const { data: at } = time.safeParse(timestamp);
  if (at === undefined) return true;
  const ageSeconds = (receivedAt.getTime() - at.getTime()) / 1000;
  return ageSeconds >= -TOLERANCE_SECONDS && ageSeconds <= MAX_AGE_SECONDS;
};

/**
 * The same keys sign the tokens of everybody who signs in, and there is no issuer or audience to tell them by. Only an event has
 * a type, an id of this form and a time at its top: what a project adds to its users' tokens stands deeper or under names of its own.
 */
const Purpose = z.object({
  type: z.string().refine((type) => type !== LISTED_USER),
  event_id: z.string().startsWith('event_'),
  // Of whatever form, but there.
  timestamp: z.unknown(),
});

const tokenIn = (body: Uint8Array): Token | undefined => readToken(Buffer.from(body).toString('latin1'));

/** The whole body is the token: docs.kinde.com/integrate/webhooks/about-webhooks */
const verifyKinde = ({ body, receivedAt }: RawRequest, { keys }: Trust): Verdict => {
  if (body.byteLength === 0) return refused('SIGNATURE_MISSING');
  const token = tokenIn(body);
  if (token === undefined) return refused('SIGNATURE_MALFORMED');
  const verdict = verifyKeyToken(token, { algorithms: ['RS256'], keys });
  if (!verdict.ok) return verdict;
  const purpose = claimsOf(token, Purpose);
  if (purpose === undefined) return refused('TOKEN_NOT_FOR_US');
  return isTimely(purpose.timestamp, receivedAt) ? verdict : refused('TIMESTAMP_OUTSIDE_TOLERANCE');
};

/** Of the only organization, as what a user is in several would mix. Null where there are none: a role that was taken away goes. */
const rolesOf = ({ organizations }: User): string | null | undefined => {
  const [only, ...others] = organizations ?? [];
  if (only === undefined || others.length > 0 || only.roles === undefined) return undefined;
  return only.roles?.filter((role) => role !== undefined).join(',') || null;
};

/** Which of several organizations is meant is for the settings to say: the first is often the project's default one. */
const companyOf = (user: User, { settings: { companyId } }: MapContext): string | undefined => {
  if (companyId === undefined && user.organizations?.length !== 1) return undefined;
  return idAtPart(user, companyId ?? ['organizations[0].code']);
};

/** A listed user comes as they were when asked for; whoever is listed may be known already, and is not created by that. */
const mapUser = (event: Event, context: MapContext): Mapped => {
  const { settings, receivedAt } = context;
  const { user } = UserData.parse(event.data);
  const user_id = idAt(user, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const occurredAt = event.type === LISTED_USER ? receivedAt : time.parse(event.timestamp);
  const creates = event.type === 'user.created';
  const properties = propertiesOf(user, settings, {
    email: filled(user.email),
    name: nameOf(user.first_name, user.last_name) ?? filled(user.username),
    created_at: (creates ? occurredAt : user.created_on)?.toISOString(),
    is_suspended: user.is_suspended ?? undefined,
    roles: rolesOf(user),
  });
  const company_id = companyOf(user, context);
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties, ...(company_id !== undefined && { company: { id: company_id } }) },
    facet: 'profile',
    occurredAt,
    ...(creates && { creates }),
  });
};

/** `companyId` is relative to a user, of whom this is the only organization. */
const asOnly = (organization: unknown) => ({ organizations: [organization] });

const mapOrganization = (event: Event, { settings }: MapContext): Mapped => {
  const { organization } = OrganizationData.parse(event.data);
  const company_id = idAt(asOnly(organization), settings.companyId ?? ['organizations[0].code']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const creates = event.type === 'organization.created';
  const occurredAt = time.parse(event.timestamp);
  const properties = propertiesOf(organization, settings, {
    name: filled(organization.name),
    handle: filled(organization.handle),
    created_at: creates ? occurredAt.toISOString() : undefined,
  });
  const change: Change = { call: { kind: 'identifyCompany', company_id, ...properties }, facet: 'profile', occurredAt };
  return changes(creates ? { ...change, creates } : change);
};

/** Carries nothing but Kinde's own id: with another one configured, nobody is named. */
const mapDeletion = ({ type, timestamp, data }: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const deletion = { source: 'kinde', meaning, occurredAt: time.parse(timestamp) } as const;
  const { user, organization } = data || {};
  if (type === 'organization.deleted') {
    const company_id = idAtPart(asOnly(organization), settings.companyId ?? ['organizations[0].code']);
    return company_id === undefined ? rejected('NO_COMPANY_ID') : deletionOf({ company_id }, deletion);
  }
  const user_id = idAtPart(user, settings.userId ?? ['id']);
  return user_id === undefined ? rejected('NO_USER_ID') : deletionOf({ user_id }, deletion);
};

/** There is no event of a membership: a user comes with all of theirs. Paths in the settings are relative to the user or organization. */
export const kinde = defineSource<Event>({
  id: 'kinde',
  docs: 'https://docs.kinde.com/integrate/webhooks/about-webhooks/',
  verify: (request, _, trust) => verifyKinde(request, trust),
  keys: {
    url: ({ keys, issuer }) => keys ?? (issuer === undefined ? undefined : `${issuer}/.well-known/jwks`),
    read: readJwks,
  },
  read: (body) => {
    const token = tokenIn(body);
    return token === undefined ? { ok: false } : parseJson(token.claims);
  },
  schema: Kept,
  head: ({ event_id, type }) => ({ eventId: event_id, type }),
  map: (event, context) => {
    switch (event.type) {
      case 'user.created':
      case 'user.updated':
      case LISTED_USER:
        return mapUser(event, context);
      case 'organization.created':
      case 'organization.updated':
        return mapOrganization(event, context);
      case 'user.deleted':
      case 'organization.deleted':
        return mapDeletion(event, context);
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
  directory: kindeDirectory,
});
