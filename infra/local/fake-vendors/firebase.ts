import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import * as z from 'zod';
import { claimsOf, isGoodAt, readToken } from '../../../functions/sources/jwt.ts';
import type { FakeAnswer, FakeRequest, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const CLIENT_EMAIL = 'userpilot-reader@invented-project.iam.gserviceaccount.com';
const TOKEN = 'ya29.invented-google-access-token';
const MAX_PAGE = 1000;
const DEFAULT_PAGE = 20;

interface Key {
  readonly pem: string;
  readonly publicKey: KeyObject;
}
let key: Key | undefined;
/** Made when it is first asked for, which takes a tenth of a second; another one in every process. */
const keyOf = (): Key => {
  if (key !== undefined) return key;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  key = { pem, publicKey: createPublicKey(pem) };
  return key;
};

const error = (status: number, message: string): FakeAnswer => ({ status, body: { error: { code: status, message } } });

const Claims = z.object({ iss: z.literal(CLIENT_EMAIL), scope: z.string(), aud: z.string(), iat: z.number(), exp: z.number() });

const isGranted = (assertion: string, { base, now }: FakeWorld): boolean => {
  const token = readToken(assertion);
  const claims = token && claimsOf(token, Claims);
  if (token?.header.alg !== 'RS256' || claims === undefined) return false;
  const { aud, scope, iat, exp } = claims;
  const isWellMade = aud === `${base}/token` && scope.includes('identitytoolkit') && exp - iat <= 3600;
  return isWellMade && isGoodAt(claims, now()) && verify('sha256', Buffer.from(token.signed), keyOf().publicKey, token.signature);
};

const grant = ({ body }: FakeRequest, world: FakeWorld): FakeAnswer => {
  const form = body instanceof URLSearchParams ? body : new URLSearchParams();
  const isGrant = form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  return isGrant && isGranted(form.get('assertion') ?? '', world)
    ? { status: 200, body: { access_token: TOKEN, expires_in: 3599, token_type: 'Bearer' } }
    : { status: 400, body: { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' } };
};

/** Complete, with the hash that an account with more rights would be shown. */
const accountOf = ({ who, createdAt }: FakeUser) => ({
  localId: who.id,
  email: who.email,
  emailVerified: true,
  displayName: `${who.firstName} ${who.lastName}`,
  photoUrl: 'https://images.example.com/invented.png',
  phoneNumber: '+15555550142',
  passwordHash: 'invented-private-hash',
  salt: 'invented-private-salt',
  passwordUpdatedAt: createdAt.getTime(),
  providerUserInfo: [{ providerId: 'password', rawId: who.email, federatedId: who.email, email: who.email }],
  validSince: String(Math.floor(createdAt.getTime() / 1000)),
  disabled: false,
  createdAt: String(createdAt.getTime()),
  lastLoginAt: String(createdAt.getTime()),
  lastRefreshAt: createdAt.toISOString(),
  customAttributes: JSON.stringify({ plan: 'trial' }),
  tenantId: who.companyId,
});

const batchOf = (query: URLSearchParams, { users }: FakeWorld): FakeAnswer => {
  const size = Number(query.get('maxResults') ?? DEFAULT_PAGE);
  if (!Number.isInteger(size) || size < 1 || size > MAX_PAGE) return error(400, 'INVALID_PAGE_SIZE');
  const after = query.get('nextPageToken');
  const from = after === null ? 0 : users.findIndex(({ who }) => who.id === Buffer.from(after, 'base64url').toString()) + 1;
  if (after !== null && from === 0) return error(400, 'INVALID_PAGE_SELECTION');
  const page = users.slice(from, from + size);
  const last = from + size < users.length ? page.at(-1) : undefined;
  return {
    status: 200,
    body: {
      kind: 'identitytoolkit#DownloadAccountResponse',
      ...(page.length > 0 && { users: page.map(accountOf) }),
      ...(last && { nextPageToken: Buffer.from(last.who.id).toString('base64url') }),
    },
  };
};

const Lookup = z.object({ localId: z.array(z.string()).min(1) });

const lookupOf = (body: unknown, world: FakeWorld): FakeAnswer => {
  const { data: asked } = Lookup.safeParse(body);
  if (asked === undefined) return error(400, 'MISSING_LOCAL_ID');
  const users = asked.localId.flatMap((id) => world.user(id) ?? []).map(accountOf);
  return { status: 200, body: { kind: 'identitytoolkit#GetAccountInfoResponse', ...(users.length > 0 && { users }) } };
};

/** Google's Identity Toolkit of one project, and its token endpoint below the same address. */
export const fakeFirebase: FakeVendor = {
  id: 'firebase',
  get credential() {
    return { clientEmail: CLIENT_EMAIL, privateKey: keyOf().pem };
  },
  limit: { calls: 100, perMs: 10_000 },
  answer: (request, world) => {
    const { method, path, query, headers, body } = request;
    if (method === 'POST' && path === '/token') return grant(request, world);
    if (headers.authorization !== `Bearer ${TOKEN}`) return error(401, 'UNAUTHENTICATED');
    if (method === 'GET' && path === '/accounts:batchGet') return batchOf(query, world);
    if (method === 'POST' && path === '/accounts:lookup') return lookupOf(body, world);
    return error(404, 'NOT_FOUND');
  },
};
