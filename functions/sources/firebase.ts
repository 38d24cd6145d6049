import * as z from 'zod';
import { parseJson } from '../core/json.ts';
import { filled, idAt, isoOf, momentOf, propertiesOf } from '../core/mapping.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import { firebaseDirectory } from './firebase.directory.ts';
import { claimsOf, isGoodAt, readCertificates, readJwks, readToken, verifyKeyToken } from './jwt.ts';
import { accepted, refused, svixId, TOLERANCE_SECONDS, verifySvix } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, refresh, rejected, type Trust } from './source.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, text } from './subject.ts';

const providers = z.array(part(z.object({ providerId: scalar })));
/** Telephone number, picture, password hashes and what the sign-in provider tells are not named, so they go. */
const Relayed = z.object({
  type: z.string().min(1).max(255),
  id: scalar,
  timestamp: scalar,
  data: part(
    z.object({
      uid: scalar,
      email: scalar,
      emailVerified: scalar,
      displayName: scalar,
      disabled: scalar,
      metadata: part(z.object({ creationTime: scalar, createdAt: scalar, createTime: scalar, lastSignInTime: scalar })),
      providerData: part(providers),
      customClaims: freeForm,
      customAuth: scalar,
      tenantId: scalar,
    }),
  ),
});
type Event = z.infer<typeof Relayed>;

/** The claims of a blocking function's token, in another spelling of the same user: firebase-functions, common/providers/identity */
const Blocking = z
  .object({
    event_type: z.string().min(1).max(64),
    event_id: scalar,
    iat: scalar,
    user_record: part(
      z.object({
        uid: scalar,
        email: scalar,
        email_verified: scalar,
        display_name: scalar,
        disabled: scalar,
        metadata: part(z.object({ creation_time: scalar, last_sign_in_time: scalar })),
        provider_data: part(z.array(part(z.object({ provider_id: scalar })))),
        custom_claims: freeForm,
        tenant_id: scalar,
      }),
    ),
  })
  .transform(({ event_type, event_id, iat, user_record: user }): Event => {
    const { metadata, provider_data } = user || {};
    return {
      type: event_type,
      id: event_id,
      timestamp: iat,
      data: user && {
        uid: user.uid,
        email: user.email,
        emailVerified: user.email_verified,
        displayName: user.display_name,
        disabled: user.disabled,
        metadata: metadata && { creationTime: metadata.creation_time, lastSignInTime: metadata.last_sign_in_time },
        providerData: Array.isArray(provider_data)
          ? provider_data.map((provider) => provider && { providerId: provider.provider_id })
          : provider_data,
        customClaims: user.custom_claims,
        tenantId: user.tenant_id,
      },
    };
  });

const User = z.looseObject({
  email: text,
  emailVerified: z.boolean().nullish(),
  displayName: text,
  disabled: z.boolean().nullish(),
  metadata: z.object({ creationTime: scalar, createdAt: scalar, createTime: scalar }).nullish(),
  providerData: z.array(z.object({ providerId: text })).nullish(),
  customAuth: z.boolean().nullish(),
});

/** Digits in a text count like a number: the API has milliseconds so. Texts are ISO 8601, or HTTP dates from older SDKs. */
const momentIn = (value: unknown): Date | undefined => {
  if (typeof value === 'number') return momentOf(value);
  if (typeof value !== 'string') return undefined;
  if (/^\d{1,16}$/.test(value)) return momentOf(Number(value));
  const moment = new Date(value);
  return momentOf(moment.getTime()) && moment;
};

const TokenBody = z.object({ data: z.object({ jwt: z.string() }) });

/** The token in the body of a blocking function; undefined when the body holds none. */
const tokenIn = (body: Uint8Array): string | undefined => {
  const json = parseJson(body);
  return json.ok ? TokenBody.safeParse(json.value).data?.data.jwt : undefined;
};

const Claims = z.object({
  iss: z.string(),
  aud: z.string(),
  iat: z.number(),
  exp: z.number(),
  event_id: z.string().min(1).max(512),
  event_type: z.string().min(1),
});

/** The same keys sign the id tokens of all users of all projects: those are made for a project, and tell of no event. */
const verifyBlocking = (jwt: string, receivedAt: Date, { settings, keys }: Trust): Verdict => {
  const token = readToken(jwt);
  if (token === undefined) return refused('SIGNATURE_MALFORMED');
  const verdict = verifyKeyToken(token, { algorithms: ['RS256'], keys });
  if (!verdict.ok) return verdict;
  const claims = claimsOf(token, Claims);
  const isForUs = claims !== undefined && claims.iss === settings.issuer && settings.audience?.includes(claims.aud) === true;
  if (!isForUs) return refused('TOKEN_NOT_FOR_US');
  const isTimely = isGoodAt(claims, receivedAt, { maxAgeSeconds: TOLERANCE_SECONDS });
  return isTimely ? accepted : refused('TIMESTAMP_OUTSIDE_TOLERANCE');
};

const SIGNED = /^(?:svix|webhook)-(?:id|timestamp|signature)$/;
const isSigned = ({ headers }: Pick<RawRequest, 'headers'>): boolean => Object.keys(headers).some((name) => SIGNED.test(name));

/** The relay signs its requests, and a blocking function's token is in the body. A request with both is neither. */
const verifyFirebase = (request: RawRequest, secrets: readonly string[], trust: Trust): Verdict => {
  const jwt = tokenIn(request.body);
  if (jwt === undefined) return verifySvix(request, secrets);
  return isSigned(request) ? refused('HEADER_CONFLICT') : verifyBlocking(jwt, request.receivedAt, trust);
};

/** Google calls everybody "user" who ever opened the app. Who signs in by a custom token has no provider either, but an id. */
const isAnonymous = ({ email, providerData, customAuth }: z.infer<typeof User>): boolean =>
  filled(email) === undefined && (providerData ?? []).length === 0 && customAuth !== true;

const timeOf = ({ timestamp }: Event, { receivedAt }: MapContext): Date => momentIn(timestamp) ?? receivedAt;

const mapUser = (event: Event, context: MapContext): Mapped => {
  const { settings } = context;
  const user = User.parse(event.data);
  const user_id = idAt(user, settings.userId ?? ['uid']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  if (isAnonymous(user)) return ignored('NOT_A_SIGN_UP');
  const { creationTime, createdAt, createTime } = user.metadata ?? {};
  const properties = propertiesOf(user, settings, {
    email: filled(user.email),
    name: filled(user.displayName),
    created_at: isoOf(momentIn(creationTime ?? createdAt ?? createTime)),
    email_verified: user.emailVerified ?? undefined,
    provider: filled(user.providerData?.[0]?.providerId),
    disabled: user.disabled ?? undefined,
  });
  const company = idAt(user, settings.companyId ?? ['tenantId']);
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties, ...(company !== undefined && { company: { id: company } }) },
    facet: 'profile',
    occurredAt: timeOf(event, context),
    ...((event.type === 'user.created' || event.type === 'beforeCreate') && { creates: true }),
  });
};

/** The account is not stored yet, and may never be: only the API knows whether it was. */
const mapBeforeCreation = (event: Event, context: MapContext): Mapped => {
  if (context.settings.api === undefined) return mapUser(event, context);
  const user = User.parse(event.data);
  const id = idAt(user, ['uid']);
  if (id === undefined) return rejected('NO_USER_ID');
  if (isAnonymous(user)) return ignored('NOT_A_SIGN_UP');
  return refresh({ subject: 'user', id, occurredAt: timeOf(event, context), creates: true });
};

const mapDeletion = (event: Event, context: MapContext): Mapped => {
  const { settings } = context;
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const user_id = idAtPart(z.looseObject({}).parse(event.data), settings.userId ?? ['uid']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  return deletionOf({ user_id }, { source: 'firebase', meaning, occurredAt: timeOf(event, context) });
};

/**
 * Firebase Authentication and Google's Identity Platform, through a relay function of the customer's (firebase.md has it) or as
 * a blocking function. Paths in the settings are relative to `data`: the user as the relay sends it.
 */
export const firebase = defineSource<Event>({
  id: 'firebase',
  docs: 'https://firebase.google.com/docs/functions/1st-gen/auth-events',
  verify: verifyFirebase,
  keys: {
    // One page for all projects, where the customer has a blocking function at all.
    url: ({ keys, issuer }) =>
      keys ?? (issuer && 'https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com'),
    // Google publishes the same keys as a JWKS as well: googleapis.com/service_accounts/v1/jwk/…
    read: (page) => (z.object({ keys: z.array(z.unknown()) }).safeParse(page).success ? readJwks(page) : readCertificates(page)),
  },
  read: (body) => {
    const jwt = tokenIn(body);
    const token = jwt === undefined ? undefined : readToken(jwt);
    return parseJson(token?.claims ?? body);
  },
  // Seven seconds, and a function of the customer's may stand between: firebase.google.com/docs/auth/extend-with-blocking-functions
  hook: (request) =>
    tokenIn(request.body) === undefined || isSigned(request)
      ? undefined
      : { answer: { status: 200, body: '{}' }, withinMs: 4000 },
  schema: z.union([Blocking, Relayed]),
  // The id of a blocking event is a claim; the relay sends that of its event as the id of the message. Both are signed.
  head: ({ type, id }, request) => ({ eventId: z.string().min(1).max(512).safeParse(id).data ?? svixId(request), type }),
  map: (event, context) => {
    switch (event.type) {
      case 'user.created':
      case 'user.updated':
      case 'beforeSignIn':
        return mapUser(event, context);
      case 'beforeCreate':
        return mapBeforeCreation(event, context);
      case 'user.deleted':
        return mapDeletion(event, context);
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
  directory: firebaseDirectory,
});
