import * as z from 'zod';
import { userOf } from '../../../functions/sources/auth0.sender.ts';
import type { FakeAnswer, FakeRequest, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const CREDENTIAL = { clientId: 'inventedClient', clientSecret: 'invented-client-secret' };
const TOKEN = 'invented-auth0-token';
const MAX_PAGE = 50;
const MAX_FOUND = 1000;

const failure = (statusCode: number, error: string): FakeAnswer => ({ status: statusCode, body: { statusCode, error } });

const Grant = z.object({ grant_type: z.literal('client_credentials'), client_id: z.string(), client_secret: z.string() });

const grant = (body: unknown, base: string): FakeAnswer => {
  const { data } = Grant.extend({ audience: z.literal(`${base}/api/v2/`) }).safeParse(body);
  const isKnown = data?.client_id === CREDENTIAL.clientId && data.client_secret === CREDENTIAL.clientSecret;
  if (!isKnown) return { status: 401, body: { error: 'access_denied', error_description: 'Unauthorized' } };
  return { status: 200, body: { access_token: TOKEN, expires_in: 86_400, token_type: 'Bearer', scope: 'read:users' } };
};

/** `created_at:[a TO b] AND updated_at:[c TO *]`, of which any part may be a star. */
const RANGE = /^(created_at|updated_at):\[(\S+) TO (\S+)\]$/;

const isIn = (user: FakeUser, range: string): boolean => {
  const [, field, from = '', to = ''] = RANGE.exec(range) ?? [];
  const at = field === 'created_at' ? user.createdAt : user.updatedAt;
  return (from === '*' || at >= new Date(from)) && (to === '*' || at <= new Date(to));
};

const searchUsers = ({ query }: FakeRequest, { users }: FakeWorld): FakeAnswer => {
  const ranges = query.get('q')?.split(' AND ') ?? [];
  const [page, size] = [Number(query.get('page') ?? 0), Number(query.get('per_page') ?? MAX_PAGE)];
  const isPage = Number.isInteger(page) && page >= 0 && Number.isInteger(size) && size > 0 && size <= MAX_PAGE;
  const isQuery = ranges.length > 0 && ranges.every((range) => RANGE.test(range)) && query.get('search_engine') === 'v3';
  if (!isPage || !isQuery || query.get('sort') !== 'created_at:1' || (page + 1) * size > MAX_FOUND)
    return failure(400, 'Bad Request');
  const found = users.filter((user) => ranges.every((range) => isIn(user, range)));
  const body = found
    .slice(page * size, (page + 1) * size)
    .map(({ who, createdAt, updatedAt }) =>
      userOf({ who, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() }),
    );
  return { status: 200, body };
};

/** Token endpoint and user search: auth0.com/docs/manage-users/user-search */
export const fakeAuth0: FakeVendor = {
  id: 'auth0',
  credential: CREDENTIAL,
  limit: { calls: 500, perMs: 60_000 },
  answer: (request, world) => {
    const { method, path, headers, body } = request;
    if (method === 'POST' && path === '/oauth/token') return grant(body, world.base);
    if (headers.authorization !== `Bearer ${TOKEN}`) return failure(401, 'Unauthorized');
    return method === 'GET' && path === '/api/v2/users' ? searchUsers(request, world) : failure(404, 'Not Found');
  },
};
