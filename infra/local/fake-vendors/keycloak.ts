import type { FakeAnswer, FakeRequest, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const CREDENTIAL = { clientId: 'invented-sync', clientSecret: 'invented-keycloak-client-secret' } as const;
const TOKEN = 'invented-keycloak-access-token';
const LIFETIME_SECONDS = 300;
const DEFAULT_PAGE = 100;
/** Keycloak has none: the one that we ask for. */
const MAX_PAGE = 500;

const userOf = ({ who, createdAt }: FakeUser) => ({
  id: who.id,
  username: who.email,
  email: who.email,
  firstName: who.firstName,
  lastName: who.lastName,
  enabled: true,
  emailVerified: true,
  createdTimestamp: createdAt.getTime(),
  attributes: { companyId: [who.companyId], phoneNumber: ['+15555550142'] },
  requiredActions: [],
  federatedIdentities: [{ identityProvider: 'google', userId: 'invented-private-id', userName: who.email }],
});

const failure = (status: number, error: string): FakeAnswer => ({ status, body: { error } });

const grant = ({ method, body }: FakeRequest): FakeAnswer => {
  const form = body instanceof URLSearchParams ? body : new URLSearchParams();
  const granted =
    method === 'POST' &&
    form.get('grant_type') === 'client_credentials' &&
    form.get('client_id') === CREDENTIAL.clientId &&
    form.get('client_secret') === CREDENTIAL.clientSecret;
  return granted
    ? { status: 200, body: { access_token: TOKEN, token_type: 'Bearer', expires_in: LIFETIME_SECONDS } }
    : failure(401, 'invalid_client');
};

const listUsers = ({ query }: FakeRequest, { users }: FakeWorld): FakeAnswer => {
  const first = Number(query.get('first') ?? 0);
  const max = Number(query.get('max') ?? DEFAULT_PAGE);
  if (![first, max].every(Number.isInteger) || first < 0 || max < 1 || max > MAX_PAGE) return failure(400, 'invalid_request');
  const page = users.slice(first, first + max).map(userOf);
  const isBrief = query.get('briefRepresentation') !== 'false';
  return { status: 200, body: isBrief ? page.map(({ attributes: _, ...brief }) => brief) : page };
};

/** Users of the realm `local` in the admin REST API: keycloak.org/docs-api/latest/rest-api */
export const fakeKeycloak: FakeVendor = {
  id: 'keycloak',
  credential: CREDENTIAL,
  limit: { calls: 600, perMs: 10_000 },
  answer: (request, world) => {
    if (request.path === '/realms/local/protocol/openid-connect/token') return grant(request);
    const [, rest] = /^\/admin\/realms\/local\/users(?:\/([^/]+))?$/.exec(request.path) ?? [undefined, null];
    if (rest === null) return failure(404, 'Realm not found.');
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return failure(401, 'HTTP 401 Unauthorized');
    if (rest === undefined) return listUsers(request, world);
    const user = world.user(decodeURIComponent(rest));
    return user === undefined ? failure(404, 'User not found') : { status: 200, body: userOf(user) };
  },
};
