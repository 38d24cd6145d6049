import type { FakeAnswer, FakeRequest, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const TOKEN = 'invented-okta-api-token';
/** Of `GET /api/v1/users`. */
const MAX_PAGE = 200;
const SINCE = /^lastUpdated gt "([^"]+)"$/;

/** Times count whole seconds, as in the vendor's own samples: developer.okta.com/docs/api/openapi/okta-management */
const iso = (moment: Date): string => `${moment.toISOString().slice(0, 19)}.000Z`;

const userOf = ({ who, createdAt, updatedAt }: FakeUser) => ({
  id: who.id,
  status: 'ACTIVE',
  created: iso(createdAt),
  activated: iso(createdAt),
  statusChanged: iso(createdAt),
  lastLogin: iso(updatedAt),
  lastUpdated: iso(updatedAt),
  passwordChanged: iso(createdAt),
  type: { id: 'otyInvented0000001' },
  profile: {
    login: who.email,
    email: who.email,
    secondEmail: `private.${who.email}`,
    firstName: who.firstName,
    lastName: who.lastName,
    displayName: `${who.firstName} ${who.lastName}`,
    locale: 'en_GB',
    mobilePhone: '+15555550142',
    streetAddress: 'Invented Street 4',
    city: 'Inventedville',
    birthDate: '1990-01-01',
    organization: who.companyName,
    companyId: who.companyId,
  },
  credentials: {
    password: {},
    recovery_question: { question: 'An invented question?' },
    provider: { type: 'OKTA', name: 'OKTA' },
  },
  _links: { self: { href: `https://acme.okta.example/api/v1/users/${who.id}` } },
});

const failure = (status: number, errorCode: string, errorSummary: string): FakeAnswer => ({
  status,
  body: { errorCode, errorSummary, errorLink: errorCode, errorId: 'oaeInvented', errorCauses: [] },
});
const badRequest = failure(400, 'E0000001', 'Api validation failed');

const listUsers = ({ query }: FakeRequest, { users, base }: FakeWorld): FakeAnswer => {
  const limit = Number(query.get('limit') ?? MAX_PAGE);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) return badRequest;
  const filter = query.get('filter');
  const since = filter === null ? undefined : new Date(SINCE.exec(filter)?.[1] ?? Number.NaN);
  if (since !== undefined && Number.isNaN(since.getTime())) return badRequest;
  const found = users.filter(({ updatedAt }) => since === undefined || updatedAt > since);
  const after = query.get('after');
  const start = after === null ? 0 : found.findIndex(({ who }) => who.id === after) + 1;
  if (after !== null && start === 0) return badRequest;
  const page = found.slice(start, start + limit);
  const last = page.at(-1);
  const links = [`<${base}/api/v1/users?${query}>; rel="self"`];
  if (last !== undefined && start + limit < found.length) {
    const next = new URLSearchParams({ after: last.who.id, limit: String(limit), ...(filter !== null && { filter }) });
    links.push(`<${base}/api/v1/users?${next}>; rel="next"`);
  }
  return { status: 200, headers: { link: links.join(', ') }, body: page.map(userOf) };
};

/** `GET /api/v1/users`, of all or of one: developer.okta.com/docs/api/openapi/okta-management/management/tag/User */
export const fakeOkta: FakeVendor = {
  id: 'okta',
  credential: { token: TOKEN },
  limit: { calls: 600, perMs: 60_000 },
  tooMany: (seconds, now) => ({
    ...failure(429, 'E0000047', 'API call exceeded rate limit due to too many requests.'),
    headers: { 'x-rate-limit-reset': String(Math.ceil(now.getTime() / 1000) + seconds) },
  }),
  answer: (request, world) => {
    if (request.headers.authorization !== `SSWS ${TOKEN}`) return failure(401, 'E0000011', 'Invalid token provided');
    if (request.method !== 'GET') return failure(405, 'E0000022', 'The endpoint does not support the provided HTTP method');
    if (request.path === '/api/v1/users') return listUsers(request, world);
    const id = decodeURIComponent(/^\/api\/v1\/users\/([^/]+)$/.exec(request.path)?.[1] ?? '');
    const user = world.user(id);
    if (user === undefined) return failure(404, 'E0000007', `Not found: Resource not found: ${id} (User)`);
    return { status: 200, body: userOf(user) };
  },
};
