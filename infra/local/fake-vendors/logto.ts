import type { FakeAnswer, FakeRequest, FakeUser, FakeVendor } from './vendor.ts';

const CREDENTIAL = { appId: 'inventedApp', appSecret: 'invented-app-secret' };
const TOKEN = 'invented-logto-token';
const MAX_PAGE_SIZE = 100;

/** As the Management API writes a user, with what must never get through. */
const toUser = ({ who, createdAt, updatedAt }: FakeUser) => ({
  id: who.id,
  username: null,
  primaryEmail: who.email,
  primaryPhone: '+15555550142',
  name: `${who.firstName} ${who.lastName}`,
  avatar: 'https://images.example.com/invented.png',
  customData: { plan: 'trial' },
  identities: { google: { userId: 'invented-google-id', details: { note: 'invented-profile-data' } } },
  lastSignInAt: updatedAt.getTime(),
  createdAt: createdAt.getTime(),
  updatedAt: updatedAt.getTime(),
  profile: { givenName: who.firstName, familyName: who.lastName, gender: 'invented-gender', locale: 'en-GB' },
  applicationId: 'invented-app',
  isSuspended: false,
  hasPassword: true,
  ssoIdentities: [],
});

const grant = ({ headers, body }: FakeRequest, base: string): FakeAnswer => {
  const basic = Buffer.from(`${CREDENTIAL.appId}:${CREDENTIAL.appSecret}`).toString('base64');
  if (headers.authorization !== `Basic ${basic}`) return { status: 401, body: { error: 'invalid_client' } };
  const form = body instanceof URLSearchParams ? body : new URLSearchParams();
  if (form.get('grant_type') !== 'client_credentials') return { status: 400, body: { error: 'unsupported_grant_type' } };
  if (form.get('resource') !== `${base}/api` || form.get('scope') !== 'all')
    return { status: 400, body: { error: 'invalid_target' } };
  return { status: 200, body: { access_token: TOKEN, expires_in: 3600, token_type: 'Bearer', scope: 'all' } };
};

const counted = (text: string | null, otherwise: number): number => {
  const count = Number(text ?? otherwise);
  return Number.isInteger(count) && count > 0 ? count : 0;
};

/** github.com/logto-io/logto, packages/core/src: routes/admin-user and middleware/koa-pagination.ts */
export const fakeLogto: FakeVendor = {
  id: 'logto',
  credential: CREDENTIAL,
  limit: { calls: 600, perMs: 60_000 },
  answer: (request, { users, base }) => {
    const { method, path, query, headers } = request;
    if (method === 'POST' && path === '/oidc/token') return grant(request, base);
    if (headers.authorization !== `Bearer ${TOKEN}`) return { status: 401, body: { code: 'auth.unauthorized' } };
    if (method !== 'GET' || path !== '/api/users') return { status: 404, body: { code: 'entity.not_found' } };
    const page = counted(query.get('page'), 1);
    const size = counted(query.get('page_size'), 20);
    if (page === 0 || size === 0 || size > MAX_PAGE_SIZE) return { status: 400, body: { code: 'guard.invalid_pagination' } };
    const listed = users.toReversed().slice((page - 1) * size, page * size);
    return { status: 200, headers: { 'total-number': String(users.length) }, body: listed.map(toUser) };
  },
};
