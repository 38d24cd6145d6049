import { readdirSync, readFileSync } from 'node:fs';
import * as z from 'zod';
import type { RawRequest } from '../../functions/core/request.ts';
import { SourceSettings } from '../../functions/core/settings.ts';
import type { SourceId } from '../../functions/manifest.ts';
import { auth0 } from '../../functions/sources/auth0.ts';
import { clerk } from '../../functions/sources/clerk.ts';
import { cognito } from '../../functions/sources/cognito.ts';
import { frontegg } from '../../functions/sources/frontegg.ts';
import { logto } from '../../functions/sources/logto.ts';
import type { Invented, Moment, Sender } from '../../functions/sources/sender.ts';
import { senders } from '../../functions/sources/senders.ts';
import type { Mapped, Source } from '../../functions/sources/source.ts';
import { stripe } from '../../functions/sources/stripe.ts';
import { stytch } from '../../functions/sources/stytch.ts';
import { workos } from '../../functions/sources/workos.ts';

const Fixture = z.strictObject({
  /** Who made the signature. Not this project, or a round trip would prove nothing. */
  signedBy: z.string(),
  headers: z.record(z.string(), z.string()),
  secret: z.string(),
  receivedAt: z.iso.datetime(),
  settings: SourceSettings.optional(),
  eventId: z.string(),
  type: z.string(),
  expected: z.looseObject({ kind: z.enum(['changes', 'ignored', 'rejected']) }),
  body: z.string(),
});
export type Fixture = z.infer<typeof Fixture> & { readonly name: string };

export const fixture = (source: SourceId, name: string): Fixture => ({
  name,
  ...Fixture.parse(JSON.parse(readFileSync(`${import.meta.dirname}/../fixtures/${source}/${name}.json`, 'utf8'))),
});

export const fixturesOf = (source: SourceId): readonly Fixture[] =>
  readdirSync(`${import.meta.dirname}/../fixtures/${source}`)
    .sort()
    .map((file) => fixture(source, file.replace(/\.json$/, '')));

export const requestOf = ({ headers, body, receivedAt }: Fixture): RawRequest => ({
  headers,
  body: Buffer.from(body, 'utf8'),
  receivedAt: new Date(receivedAt),
});

/** The same request, received so many seconds later. */
export const later = (request: RawRequest, seconds: number): RawRequest => ({
  ...request,
  receivedAt: new Date(request.receivedAt.getTime() + seconds * 1000),
});

export const withHeaders = (request: RawRequest, changed: Readonly<Record<string, string | undefined>>): RawRequest => {
  const headers = Object.entries({ ...request.headers, ...changed }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { ...request, headers: Object.fromEntries(headers) };
};

/** Every request that differs in one bit of this header. */
export const flippedHeader = (request: RawRequest, name: string): readonly RawRequest[] => {
  const value = request.headers[name] ?? '';
  return Array.from({ length: value.length * 8 }, (_, bit) => {
    const at = bit >> 3;
    const character = String.fromCharCode(value.charCodeAt(at) ^ (1 << (bit & 7)));
    return withHeaders(request, { [name]: value.slice(0, at) + character + value.slice(at + 1) });
  });
};

/** One request per byte of the body, each with one bit of it flipped. */
export const flippedBody = (request: RawRequest): readonly RawRequest[] =>
  Array.from(request.body, (byte, at) => {
    const body = Uint8Array.from(request.body);
    body[at] = byte ^ (1 << (at % 8));
    return { ...request, body };
  });

/** What becomes of an authentic body: parsed, stripped, mapped, in the form in which it goes over a queue. */
export const mapBody = (
  source: Source,
  body: unknown,
  { receivedAt, settings }: Pick<Fixture, 'receivedAt' | 'settings'>,
): Mapped =>
  JSON.parse(
    JSON.stringify(source.map(source.schema.parse(body), { settings: settings ?? {}, receivedAt: new Date(receivedAt) })),
  );

/** One invented person; the ids look like the vendor's. */
export const person: Invented = {
  id: 'user_inventedNadia1',
  email: 'nadia@example.com',
  firstName: 'Nadia',
  lastName: 'Öztürk',
  companyId: 'org_inventedHarbour1',
  companyName: 'Harbour & Söhne',
};

export const momentAt = (now: Date, eventId = 'invented-event-1'): Moment => ({ now, eventId });

export const sentBy = (
  sender: Sender,
  type: string,
  { secret, moment }: { readonly secret: string; readonly moment: Moment },
): RawRequest => {
  const body = Buffer.from(sender.body(type, person, moment), 'utf8');
  return { headers: sender.headers(body, secret, moment), body, receivedAt: moment.now };
};

export interface Contract {
  readonly source: Source;
  readonly sender: Sender;
  /** A sign-up. */
  readonly signUp: Fixture;
  /** Headers that carry the proof, in the sign-up. */
  readonly proofs: readonly string[];
  /** What the proof covers. Where a part is missing the tests assert that a change of it goes unseen, so that nobody forgets. */
  readonly proves: { readonly sender: boolean; readonly body: boolean; readonly time: boolean };
  /** Seconds for which a delivery stays good. @default 300 */
  readonly maxAge?: number;
  /** Where the user id stands in the body of the sign-up. */
  readonly userId: readonly string[];
  /** Members without which an event that we act on is refused; all others may be missing or null. */
  readonly required: readonly string[];
  /** Parts of the senders' and the fixtures' bodies that must not get past the schema. */
  readonly planted: readonly string[];
}

const PHONES = ['+15555550142', '+15555550187'];

export const contracts: readonly Contract[] = [
  {
    source: clerk,
    sender: senders.clerk,
    signUp: fixture('clerk', 'user-created'),
    proofs: ['svix-id', 'svix-timestamp', 'svix-signature'],
    proves: { sender: true, body: true, time: true },
    userId: ['data', 'id'],
    required: ['data', 'data.organization', 'timestamp', 'type'],
    planted: [
      ...PHONES,
      'private_metadata',
      'unsafe_metadata',
      'external_accounts',
      'client_ip',
      'verification_attempts_remaining',
      'mfa_enabled_at',
      'image_url',
      'identifier',
    ],
  },
  {
    source: auth0,
    sender: senders.auth0,
    signUp: fixture('auth0', 'user-created'),
    proofs: ['authorization'],
    // A fixed token: neither the body nor the time is under a signature. TLS and the token's secrecy are all there is.
    proves: { sender: true, body: false, time: false },
    userId: ['data', 'object', 'user_id'],
    required: ['data', 'data.object', 'data.object.organization', 'id', 'time', 'type'],
    planted: [...PHONES, 'profileData', 'multifactor', 'last_ip', 'last_login', 'user_agent', 'picture'],
  },
  {
    source: frontegg,
    sender: senders.frontegg,
    // Its context names no user, so that the id in `user` is the only one: frontegg.test.ts has the other case.
    signUp: fixture('frontegg', 'user-created'),
    proofs: ['x-webhook-secret'],
    // A token under the shared secret says nothing of the body, and it need not expire: frontegg.test.ts has one that does.
    proves: { sender: true, body: false, time: false },
    userId: ['user', 'id'],
    required: ['data', 'eventKey', 'user'],
    planted: [
      ...PHONES,
      'permissions',
      'roles',
      'invented-role',
      'profilePictureUrl',
      'lastLogin',
      'creatorEmail',
      'creatorName',
    ],
  },
  {
    source: logto,
    sender: senders.logto,
    signUp: fixture('logto', 'user-created'),
    proofs: ['logto-signature-sha-256'],
    // No time of delivery is signed. The body's own bounds a replay, as wide as other vendors go on retrying.
    proves: { sender: true, body: true, time: true },
    maxAge: 3 * 86_400,
    userId: ['data', 'id'],
    required: ['createdAt', 'data', 'event'],
    planted: [
      ...PHONES,
      'identities',
      'details',
      'birthdate',
      'gender',
      'address',
      'sessionId',
      'userIp',
      'userAgent',
      '203.0.113.24',
      '198.51.100.7',
      'description',
      'fake-user@',
    ],
  },
  {
    source: stripe,
    sender: senders.stripe,
    signUp: fixture('stripe', 'customer-created'),
    proofs: ['stripe-signature'],
    proves: { sender: true, body: true, time: true },
    userId: ['data', 'object', 'metadata'],
    required: ['created', 'data', 'data.object', 'id', 'type'],
    planted: [
      ...PHONES,
      '+15555550143',
      'line1',
      'description',
      'balance',
      'pm_invented',
      'previous_attributes',
      'idempotency_key',
    ],
  },
  {
    source: stytch,
    sender: senders.stytch,
    signUp: fixture('stytch', 'user-create'),
    proofs: ['svix-id', 'svix-timestamp', 'svix-signature'],
    proves: { sender: true, body: true, time: true },
    userId: ['user', 'user_id'],
    required: ['action', 'member', 'object_type', 'organization', 'source', 'timestamp', 'user'],
    planted: [
      ...PHONES,
      '+15555550143',
      'untrusted_metadata',
      'provider_subject',
      'profile_picture_url',
      'password_id',
      'totp',
      'webauthn_registration_id',
      'crypto_wallet',
      'mfa_phone_number',
      'sso_registrations',
      'oauth_registrations',
      'sources',
      'email_allowed_domains',
      'mfa_policy',
    ],
  },
  {
    source: workos,
    sender: senders.workos,
    signUp: fixture('workos', 'user-created'),
    proofs: ['workos-signature'],
    proves: { sender: true, body: true, time: true },
    userId: ['data', 'id'],
    required: ['created_at', 'data', 'event', 'id'],
    planted: [
      '+15555550187',
      'profile_picture_url',
      'custom_attributes',
      'invented secret desk',
      'verification_token',
      'domains',
      'context',
      'actor',
      'previous_attributes',
      'last_sign_in_at',
    ],
  },
  {
    source: cognito,
    sender: senders.cognito,
    signUp: fixture('cognito', 'post-confirmation'),
    proofs: [],
    // Invoked by AWS: IAM is the proof, and it lies outside. What comes over HTTP is refused, see cognito.test.ts.
    proves: { sender: false, body: false, time: false },
    userId: ['request', 'userAttributes', 'sub'],
    required: ['request', 'request.userAttributes', 'triggerSource', 'userPoolId'],
    planted: [...PHONES, 'birthdate', 'address', 'gender', 'identities', 'clientMetadata', 'callerContext'],
  },
];
