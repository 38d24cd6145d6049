import type { FakeAnswer, FakeRequest, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const TOKEN = 'invented-zitadel-access-token';
/** What recent versions take unless they are configured otherwise. */
const MAX_PAGE = 1000;

const userOf = ({ who, createdAt, updatedAt }: FakeUser) => ({
  userId: who.id,
  details: {
    sequence: '412',
    creationDate: createdAt.toISOString().replace('Z', '044Z'),
    changeDate: updatedAt.toISOString().replace('Z', '044Z'),
    resourceOwner: who.companyId,
  },
  state: 'USER_STATE_ACTIVE',
  username: who.email,
  loginNames: [who.email],
  preferredLoginName: who.email,
  human: {
    profile: {
      givenName: who.firstName,
      familyName: who.lastName,
      nickName: 'invented-private-nickname',
      displayName: `${who.firstName} ${who.lastName}`,
      preferredLanguage: 'en',
      gender: 'GENDER_DIVERSE',
      avatarUrl: 'https://images.example.com/invented.png',
    },
    email: { email: who.email, isVerified: true },
    phone: { phone: '+15555550142', isVerified: true },
  },
});

const failure = (status: number, code: number, [id, message]: readonly [string, string]): FakeAnswer => ({
  status,
  body: {
    code,
    message: `${message} (${id})`,
    details: [{ '@type': 'type.googleapis.com/zitadel.v1.ErrorDetail', id, message }],
  },
});
const badRequest = failure(400, 3, ['QUERY-Invented', 'Limit exceeded']);

/** An unsigned number of 64 bits, which protobuf writes as a text and reads as either. */
const unsigned = (value: unknown): number => (/^\d{1,15}$/.test(String(value ?? 0)) ? Number(value ?? 0) : Number.NaN);

const listUsers = ({ body }: FakeRequest, { users, now }: FakeWorld): FakeAnswer => {
  const { query } = (body ?? {}) as { readonly query?: { readonly offset?: unknown; readonly limit?: unknown } };
  const [offset, limit] = [unsigned(query?.offset), unsigned(query?.limit ?? 100)];
  if (Number.isNaN(offset) || Number.isNaN(limit) || limit > MAX_PAGE) return badRequest;
  const result = users.toSorted((a, b) => (a.who.id < b.who.id ? -1 : 1)).slice(offset, offset + limit);
  const details = { totalResult: String(users.length), processedSequence: '900', timestamp: now().toISOString() };
  return { status: 200, body: { details, result: result.map(userOf) } };
};

/** `POST /v2/users` and `GET /v2/users/{id}`: zitadel.com/docs/apis/resources/user_service_v2 */
export const fakeZitadel: FakeVendor = {
  id: 'zitadel',
  credential: { token: TOKEN },
  limit: { calls: 1200, perMs: 60_000 },
  answer: (request, world) => {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return failure(401, 16, ['AUTH-Invented', 'Errors.Token.Invalid']);
    if (request.path === '/v2/users' && request.method === 'POST') return listUsers(request, world);
    const id = /^\/v2\/users\/([^/]+)$/.exec(request.path)?.[1];
    if (id === undefined || request.method !== 'GET')
      return { status: 404, body: { code: 5, message: 'Not Found', details: [] } };
    const user = world.user(decodeURIComponent(id));
    if (user === undefined) return failure(404, 5, ['QUERY-Dfbg2', 'User could not be found']);
    const { details } = userOf(user);
    return { status: 200, body: { details, user: userOf(user) } };
  },
};
