import * as z from 'zod';
import type { FakeAnswer, FakeUser, FakeVendor } from './vendor.ts';

const CREDENTIAL = { clientId: 'invented-client', secret: 'invented-client-secret' };
const TOKEN = 'invented-frontegg-token';
const MAX_LIMIT = 200;

const Login = z.object({ clientId: z.literal(CREDENTIAL.clientId), secret: z.literal(CREDENTIAL.secret) });
const Query = z.object({
  _limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(50),
  _offset: z.coerce.number().int().min(0).default(0),
  _sortBy: z.literal('createdAt').optional(),
  _order: z.literal('ASC').optional(),
});

/** As the API writes a user, with what must never get through. */
const toUser = ({ who, createdAt, updatedAt }: FakeUser) => ({
  id: who.id,
  sub: who.id,
  email: who.email,
  name: `${who.firstName} ${who.lastName}`,
  verified: true,
  mfaEnrolled: false,
  phoneNumber: '+15555550142',
  profilePictureUrl: 'https://images.example.com/invented.png',
  provider: 'local',
  tenantId: who.companyId,
  tenantIds: [who.companyId],
  tenants: [{ tenantId: who.companyId, roles: [{ key: 'invented-role' }] }],
  metadata: '{"plan":"trial"}',
  vendorMetadata: '{"note":"invented-internal-note"}',
  createdAt: createdAt.toISOString(),
  lastLogin: updatedAt.toISOString(),
  isLocked: false,
});

const refused = (status: number, error: string): FakeAnswer => ({ status, body: { errors: [error] } });

/** github.com/frontegg/openapi-public: identity.json and env-auth.json */
export const fakeFrontegg: FakeVendor = {
  id: 'frontegg',
  credential: CREDENTIAL,
  limit: { calls: 600, perMs: 60_000 },
  answer: ({ method, path, query, headers, body }, { users }) => {
    if (method === 'POST' && path === '/auth/vendor/')
      return Login.safeParse(body).success
        ? { status: 200, body: { token: TOKEN, expiresIn: 3600 } }
        : refused(401, 'Unauthorized');
    if (headers.authorization !== `Bearer ${TOKEN}`) return refused(401, 'Unauthorized');
    if (method !== 'GET' || path !== '/identity/resources/users/v3') return refused(404, 'Not found');
    const { data } = Query.safeParse(Object.fromEntries(query));
    if (data === undefined) return refused(400, 'Bad request');
    const { _limit: limit, _offset: page } = data;
    const items = users.slice(page * limit, (page + 1) * limit).map(toUser);
    const totalPages = Math.ceil(users.length / limit);
    const next = page + 1 < totalPages ? `_offset=${page + 1}` : '';
    const _metadata = { totalItems: users.length, totalPages };
    return { status: 200, body: { items, _links: { next, prev: '', first: '', last: '' }, _metadata } };
  },
};
