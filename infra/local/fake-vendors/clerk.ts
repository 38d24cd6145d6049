import type { FakeAnswer, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const KEY = 'sk_test_invented-local-key';
const MAX_LIMIT = 500;

/** As the Backend API writes a user, with what must never get through. */
const toUser = ({ who, createdAt, updatedAt }: FakeUser) => ({
  object: 'user',
  id: who.id,
  external_id: null,
  username: null,
  first_name: who.firstName,
  last_name: who.lastName,
  locale: 'en-GB',
  primary_email_address_id: 'idn_invented_email',
  email_addresses: [{ id: 'idn_invented_email', email_address: who.email, verification: { status: 'verified' } }],
  phone_numbers: [{ id: 'idn_invented_phone', phone_number: '+15555550142' }],
  public_metadata: { plan: 'trial' },
  private_metadata: { note: 'invented-private-note' },
  unsafe_metadata: { note: 'invented-unsafe-note' },
  created_at: createdAt.getTime(),
  updated_at: updatedAt.getTime(),
});

/** Everybody belongs to one organization. */
const toMembership = ({ who, createdAt, updatedAt }: FakeUser) => ({
  object: 'organization_membership',
  id: `orgmem_${who.id}`,
  role: 'org:member',
  private_metadata: { desk: 'invented-private-note' },
  organization: {
    object: 'organization',
    id: who.companyId,
    name: who.companyName,
    slug: 'invented-company',
    created_at: createdAt.getTime(),
    updated_at: createdAt.getTime(),
  },
  public_user_data: { user_id: who.id, identifier: who.email },
  created_at: createdAt.getTime(),
  updated_at: updatedAt.getTime(),
});

const refused = (status: number, code: string): FakeAnswer => ({ status, body: { errors: [{ code }] } });

const limitOf = (query: URLSearchParams): number | undefined => {
  const limit = Number(query.get('limit') ?? 10);
  return Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT ? limit : undefined;
};

const listed = (query: URLSearchParams, limit: number, { users }: FakeWorld): FakeAnswer => {
  const order = query.get('order_by') ?? '-created_at';
  const after = query.get('starting_after');
  if (after !== null && (!order.endsWith('created_at') || (query.get('offset') ?? '0') !== '0')) {
    return refused(422, 'form_param_value_invalid');
  }
  const before = Number(query.get('created_at_before') ?? Number.POSITIVE_INFINITY);
  const known = users.filter(({ createdAt }) => createdAt.getTime() < before);
  const ordered = order.startsWith('-') ? known.toReversed() : known;
  const start = after === null ? Number(query.get('offset') ?? 0) : ordered.findIndex(({ who }) => who.id === after) + 1;
  return { status: 200, body: ordered.slice(start, start + limit).map(toUser) };
};

/** github.com/clerk/openapi-specs, bapi/2026-05-12.yml */
export const fakeClerk: FakeVendor = {
  id: 'clerk',
  credential: { secretKey: KEY },
  limit: { calls: 100, perMs: 10_000 },
  answer: ({ method, path, query, headers }, world) => {
    if (headers.authorization !== `Bearer ${KEY}`) return refused(401, 'clerk_key_invalid');
    const limit = limitOf(query);
    if (limit === undefined) return refused(400, 'form_param_value_invalid');
    if (method === 'GET' && path === '/v1/users') return listed(query, limit, world);
    if (method !== 'GET' || path !== '/v1/organization_memberships') return refused(404, 'resource_not_found');
    const offset = Number(query.get('offset') ?? 0);
    const data = world.users.slice(offset, offset + limit).map(toMembership);
    return { status: 200, body: { data, total_count: world.users.length } };
  },
};
