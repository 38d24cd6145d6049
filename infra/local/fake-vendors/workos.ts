import type { FakeAnswer, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const KEY = 'sk_test_invented-local-key';
const MAX_LIMIT = 100;

/** As the API writes a user, with what must never get through. */
const toUser = ({ who, createdAt, updatedAt }: FakeUser) => ({
  object: 'user',
  id: who.id,
  email: who.email,
  email_verified: true,
  first_name: who.firstName,
  last_name: who.lastName,
  profile_picture_url: 'https://images.example.com/invented.png',
  external_id: null,
  metadata: { plan: 'trial' },
  last_sign_in_at: null,
  locale: 'en-GB',
  created_at: createdAt.toISOString(),
  updated_at: updatedAt.toISOString(),
});

const toOrganization = ({ who, createdAt }: FakeUser) => ({
  object: 'organization',
  id: who.companyId,
  name: who.companyName,
  domains: [{ domain: 'invented.example', verification_token: 'invented-private-token' }],
  metadata: {},
  created_at: createdAt.toISOString(),
  updated_at: createdAt.toISOString(),
});

/** Everybody belongs to one organization. */
const toMembership = ({ who, createdAt, updatedAt }: FakeUser) => ({
  object: 'organization_membership',
  id: `om_${who.id}`,
  user_id: who.id,
  organization_id: who.companyId,
  organization_name: who.companyName,
  status: 'active',
  role: { slug: 'member' },
  custom_attributes: { desk: 'invented-private-note' },
  created_at: createdAt.toISOString(),
  updated_at: updatedAt.toISOString(),
});

const refused = (status: number, code: string): FakeAnswer => ({ status, body: { code } });

const itemsAt = (path: string, query: URLSearchParams, { users }: FakeWorld): readonly { readonly id: string }[] | undefined => {
  if (path === '/user_management/users') return users.map(toUser);
  const organizationId = query.get('organization_id');
  if (path === '/organizations') return [...new Map(users.map((user) => [user.who.companyId, toOrganization(user)])).values()];
  if (path !== '/user_management/organization_memberships' || organizationId === null) return undefined;
  return users.filter(({ who }) => who.companyId === organizationId).map(toMembership);
};

/** github.com/workos/openapi-spec, spec/open-api-spec.yaml */
export const fakeWorkos: FakeVendor = {
  id: 'workos',
  credential: { apiKey: KEY },
  limit: { calls: 1000, perMs: 10_000 },
  answer: ({ method, path, query, headers }, world) => {
    if (headers.authorization !== `Bearer ${KEY}`) return refused(401, 'unauthorized');
    const items = method === 'GET' ? itemsAt(path, query, world) : undefined;
    if (items === undefined) return refused(404, 'not_found');
    const limit = Number(query.get('limit') ?? 10);
    if (!(limit >= 1 && limit <= MAX_LIMIT)) return refused(400, 'invalid_limit');
    const ordered = query.get('order') === 'asc' ? items : items.toReversed();
    const start = query.has('after') ? ordered.findIndex(({ id }) => id === query.get('after')) + 1 : 0;
    const data = ordered.slice(start, start + limit);
    const after = start + limit < ordered.length ? (data.at(-1)?.id ?? null) : null;
    return { status: 200, body: { object: 'list', data, list_metadata: { before: null, after } } };
  },
};
