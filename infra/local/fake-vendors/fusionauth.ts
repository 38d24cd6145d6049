import type { FakeAnswer, FakeRequest, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const API_KEY = 'invented-fusionauth-api-key';
/** Not documented: the one that we ask for. */
const MAX_PAGE = 500;
/** Of the search engine: further rows are reached by its token only. */
const MAX_ROW = 10_000;

const userOf = ({ who, createdAt, updatedAt }: FakeUser) => ({
  id: who.id,
  tenantId: 'invented-tenant',
  email: who.email,
  firstName: who.firstName,
  lastName: who.lastName,
  active: true,
  verified: true,
  birthDate: '1990-05-17',
  mobilePhone: '+15555550142',
  data: { companyId: who.companyId, companyName: who.companyName },
  twoFactor: { recoveryCodes: ['invented-private-code'] },
  insertInstant: createdAt.getTime(),
  lastUpdateInstant: updatedAt.getTime(),
});

interface Search {
  readonly queryString?: string;
  readonly query?: string;
  readonly startRow?: number;
  readonly numberOfResults?: number;
  readonly nextResults?: string;
  readonly accurateTotal?: boolean;
}

const failure = (status: number, code: string): FakeAnswer => ({
  status,
  body: { generalErrors: [{ code, message: code }] },
});

interface Place {
  /** Rows left out after `after`, or from the beginning. */
  readonly skip: number;
  readonly since: number;
  readonly after?: string;
}

/** From whom on, and of whom: a token of the search engine holds both. */
const placeIn = ({ nextResults, startRow = 0, query }: Search): Place => {
  if (nextResults !== undefined) return JSON.parse(Buffer.from(nextResults, 'base64url').toString());
  return {
    skip: startRow,
    since: query === undefined ? Number.NEGATIVE_INFINITY : JSON.parse(query).range.lastUpdateInstant.gte,
  };
};

type Engine = 'search' | 'database';

const searchUsers = (search: Search, { users }: FakeWorld, engine: Engine): FakeAnswer => {
  const { numberOfResults = 25, nextResults, query, queryString, startRow = 0, accurateTotal = false } = search;
  if (numberOfResults > MAX_PAGE) return failure(400, '[tooMany]search.numberOfResults');
  if ([nextResults, query, queryString].every((one) => one === undefined)) return failure(400, '[missing]search');
  if (engine === 'database' && queryString === undefined) return failure(400, '[notSupported]search');
  if (engine === 'search' && startRow + numberOfResults > MAX_ROW) return failure(400, '[tooLarge]search.startRow');
  const { skip, since, after } = placeIn(search);
  const found = users.filter(({ updatedAt }) => updatedAt.getTime() >= since);
  const from = skip + (after === undefined ? 0 : found.findIndex(({ who }) => who.id === after) + 1);
  const page = found.slice(from, from + numberOfResults);
  const token = Buffer.from(JSON.stringify({ skip: 0, since, after: page.at(-1)?.who.id })).toString('base64url');
  const isCapped = engine === 'search' && !accurateTotal;
  return {
    status: 200,
    body: {
      total: isCapped ? Math.min(found.length, MAX_ROW) : found.length,
      ...(engine === 'search' && page.length > 0 && { nextResults: token }),
      users: page.map(userOf),
    },
  };
};

const searchIn = ({ body }: FakeRequest): Search => (body as { readonly search?: Search } | undefined)?.search ?? {};

/** `POST /api/user/search`, as the search engine or the database answers it: fusionauth.io/docs/lifecycle/manage-users/search */
export const fakeFusionauthOn = (engine: Engine): FakeVendor => ({
  id: 'fusionauth',
  credential: { apiKey: API_KEY },
  limit: { calls: 600, perMs: 60_000 },
  answer: (request, world) => {
    if (request.headers.authorization !== API_KEY) return failure(401, '[invalid]Authorization');
    if (request.path !== '/api/user/search') return failure(404, '[notFound]');
    if (request.method !== 'POST') return failure(405, '[notAllowed]');
    return searchUsers(searchIn(request), world, engine);
  },
});

export const fakeFusionauth: FakeVendor = fakeFusionauthOn('search');
