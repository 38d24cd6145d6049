import * as z from 'zod';
import { digest } from '../core/digest.ts';
import { type Parsed, parseJson } from '../core/json.ts';
import { filled, idAt, isoOf, momentOf, nameOf, propertiesOf } from '../core/mapping.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import { hankoDirectory, LISTED_USER } from './hanko.directory.ts';
import { claimsOf, isGoodAt, readJwks, readToken, TokenTimes, verifyKeyToken } from './jwt.ts';
import { refused, TOLERANCE_SECONDS } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected, type Trust } from './source.ts';
import { deletionOf, freeForm, part, scalar, text } from './subject.ts';

/**
 * Private metadata and what the user may write (`unsafe_metadata`), passwords and other factors, address and browser of the
 * client, and the passcode of a mail are not named, so they go.
 */
const Kept = z.object({
  evt: z.string().min(1).max(255),
  iat: scalar,
  data: part(
    z.object({
      id: scalar,
      emails: part(z.array(part(z.object({ address: scalar, is_verified: scalar, is_primary: scalar })))),
      username: part(z.object({ username: scalar })),
      name: scalar,
      given_name: scalar,
      family_name: scalar,
      picture: scalar,
      identities: part(z.array(part(z.object({ provider_id: scalar, provider_name: scalar })))),
      metadata: part(z.object({ public_metadata: freeForm })),
      created_at: scalar,
      updated_at: scalar,
    }),
  ),
});
type Event = z.infer<typeof Kept>;

const time = z.iso.datetime({ offset: true }).transform((iso) => new Date(iso));
const IssuedAt = z
  .number()
  .transform((seconds) => momentOf(seconds))
  .pipe(z.date({ error: 'iat is no time' }));
const User = z.looseObject({
  emails: z.array(z.object({ address: text, is_verified: z.boolean().nullish(), is_primary: z.boolean().nullish() })).nullish(),
  username: z.object({ username: text }).nullish(),
  name: text,
  given_name: text,
  family_name: text,
  identities: z.array(z.object({ provider_name: text })).nullish(),
  created_at: time.nullish(),
  updated_at: time.nullish(),
});

/** The name of the event stands once more outside the token, where nobody signs it. */
const Outer = z.object({ token: z.string(), event: z.string() });
const outerOf = (body: Uint8Array): z.infer<typeof Outer> | undefined => {
  const json = parseJson(body);
  return json.ok ? Outer.safeParse(json.value).data : undefined;
};

/** The same keys sign the tokens of everybody who logs in: the subject tells an event from them. */
const Purpose = z.object({
  sub: z.literal('hanko webhooks'),
  evt: z.string().refine((evt) => evt !== LISTED_USER),
  aud: z.union([z.string().transform((one) => [one]), z.array(z.string())]).nullish(),
  ...TokenTimes.shape,
});

const verifyHanko = ({ body, receivedAt }: RawRequest, { keys, settings }: Trust): Verdict => {
  const outer = outerOf(body);
  if (outer === undefined) return refused('SIGNATURE_MISSING');
  const token = readToken(outer.token);
  if (token === undefined) return refused('SIGNATURE_MALFORMED');
  const verdict = verifyKeyToken(token, { algorithms: ['RS256'], keys });
  if (!verdict.ok) return verdict;
  const purpose = claimsOf(token, Purpose);
  if (purpose === undefined || purpose.evt !== outer.event) return refused('TOKEN_NOT_FOR_US');
  const { audience } = settings;
  if (audience !== undefined && !purpose.aud?.some((one) => audience.includes(one))) return refused('TOKEN_NOT_FOR_US');
  // Made to last as long as our tolerance, and sent at once and only once.
  return isGoodAt(purpose, receivedAt, { maxAgeSeconds: TOLERANCE_SECONDS }) ? verdict : refused('TIMESTAMP_OUTSIDE_TOLERANCE');
};

const read = (body: Uint8Array): Parsed => {
  const token = readToken(outerOf(body)?.token ?? '');
  return token === undefined ? { ok: false } : parseJson(token.claims);
};

/** There is no id of an event. Its token is one: it names user, event and second, and holds the whole state. */
const eventIdOf = ({ body }: RawRequest): string => digest(outerOf(body)?.token ?? '');

/**
 * `iat` counts whole seconds, and what was last written to the user may be later within that one; an e-mail or a user name that
 * changes leaves `updated_at` as it is. Of a listed user the moment of asking counts, for the same reason.
 */
const timeOf = (event: Event, updatedAt: Date | null | undefined, { receivedAt }: MapContext): Date => {
  if (event.evt === LISTED_USER) return receivedAt;
  const issuedAt = IssuedAt.parse(event.iat);
  return updatedAt != null && updatedAt > issuedAt ? updatedAt : issuedAt;
};

/** The list may lack the name: a user name would take its place at Userpilot. */
const nameIn = ({ name, given_name, family_name, username }: z.infer<typeof User>, { evt }: Event): string | undefined =>
  filled(name) ?? nameOf(given_name, family_name) ?? (evt === LISTED_USER ? undefined : filled(username?.username));

const mapUser = (event: Event, context: MapContext): Mapped => {
  const { settings } = context;
  const user = User.parse(event.data);
  const user_id = idAt(user, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const emails = user.emails ?? [];
  const primary = emails.find(({ is_primary }) => is_primary) ?? emails[0];
  const properties = propertiesOf(user, settings, {
    email: filled(primary?.address),
    name: nameIn(user, event),
    created_at: isoOf(user.created_at ?? undefined),
    email_verified: primary?.is_verified ?? undefined,
    username: filled(user.username?.username),
    provider: filled(user.identities?.[0]?.provider_name),
  });
  const company_id = idAt(user, settings.companyId ?? []);
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties, ...(company_id !== undefined && { company: { id: company_id } }) },
    facet: 'profile',
    occurredAt: timeOf(event, user.updated_at, context),
    ...(event.evt === 'user.create' && { creates: true }),
  });
};

/** Carries the whole user. It counts as the end of its second: it must not look older than an update of the same second. */
const mapDeletion = (event: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const user_id = idAt(event.data, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const occurredAt = new Date(IssuedAt.parse(event.iat).getTime() + 999);
  return deletionOf({ user_id }, { source: 'hanko', meaning, occurredAt });
};

/** Whatever changed, the whole user comes along. Hanko has no organizations. Paths in the settings are relative to the user. */
export const hanko = defineSource<Event>({
  id: 'hanko',
  docs: 'https://docs.hanko.io/guides/webhooks/introduction',
  verify: (request, _, trust) => verifyHanko(request, trust),
  keys: {
    url: ({ keys, issuer }) => keys ?? (issuer === undefined ? undefined : `${issuer}/.well-known/jwks.json`),
    read: readJwks,
  },
  read,
  schema: Kept,
  head: ({ evt }, request) => ({ eventId: eventIdOf(request), type: evt }),
  map: (event, context) => {
    const { evt } = event;
    if (evt === 'user.delete') return mapDeletion(event, context);
    const tells = evt === 'user.create' || evt === 'user.update' || evt.startsWith('user.update.') || evt === LISTED_USER;
    return tells ? mapUser(event, context) : ignored('EVENT_NOT_HANDLED');
  },
  directory: hankoDirectory,
});
