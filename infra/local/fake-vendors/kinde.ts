import { type FakeAnswer, type FakeRequest, type FakeUser, type FakeVendor, type FakeWorld, pageAfter } from './vendor.ts';

const MAX_PAGE_SIZE = 500;
const CREDENTIAL = { clientId: 'invented-machine', clientSecret: 'invented-kinde-secret' } as const;
const TOKEN = 'invented-kinde-token';
const LIFETIME_SECONDS = 86_400;

const userOf = ({ who, createdAt }: FakeUser, withOrganizations: boolean) => ({
  id: who.id,
  provided_id: null,
  email: who.email,
  phone: '+15555550142',
  username: null,
  first_name: who.firstName,
  last_name: who.lastName,
  is_suspended: false,
  picture: null,
  total_sign_ins: 1,
  failed_sign_ins: 0,
  last_signed_in: createdAt.toISOString(),
  created_on: createdAt.toISOString(),
  ...(withOrganizations && { organizations: [who.companyId] }),
});

const isGranted = ({ body }: FakeRequest, base: string): boolean =>
  body instanceof URLSearchParams &&
  body.get('grant_type') === 'client_credentials' &&
  body.get('client_id') === CREDENTIAL.clientId &&
  body.get('client_secret') === CREDENTIAL.clientSecret &&
  body.get('audience') === `${base}/api`;

const grant = (request: FakeRequest, { base }: FakeWorld): FakeAnswer =>
  isGranted(request, base)
    ? { status: 200, body: { access_token: TOKEN, expires_in: LIFETIME_SECONDS, scope: 'read:users', token_type: 'bearer' } }
    : { status: 401, body: { error: 'invalid_client' } };

const page = ({ query }: FakeRequest, { users }: FakeWorld): FakeAnswer => {
  const size = Number(query.get('page_size') ?? 10);
  const found = pageAfter(users, query.get('next_token') ?? undefined, size);
  if (!(size >= 1 && size <= MAX_PAGE_SIZE) || found === undefined)
    return { status: 400, body: { errors: [{ code: 'INVALID' }] } };
  const withOrganizations = query.get('expand')?.split(',').includes('organizations') === true;
  const listed = found.page.map((user) => userOf(user, withOrganizations));
  return { status: 200, body: { code: 'OK', message: 'Success', users: listed, next_token: found.next ?? null } };
};

export const fakeKinde: FakeVendor = {
  id: 'kinde',
  credential: CREDENTIAL,
  limit: { calls: 50, perMs: 10_000 },
  tooMany: (seconds) => ({
    status: 429,
    headers: { 'ratelimit-reset': String(seconds) },
    body: { errors: [{ code: 'TOO_MANY' }] },
  }),
  answer: (request, world) => {
    if (request.method === 'POST' && request.path === '/oauth2/token') return grant(request, world);
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return { status: 401, body: { errors: [{ code: 'UNAUTHORIZED' }] } };
    return request.method === 'GET' && request.path === '/api/v1/users' ? page(request, world) : { status: 404 };
  },
};
