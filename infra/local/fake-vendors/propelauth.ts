import type { FakeAnswer, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const KEY = 'invented-propelauth-backend-key';
const MAX_PAGE_SIZE = 100;
const HOST = /^[a-z0-9.-]+$/;
const PREFIX = '/api/backend/v1';

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000);

/** As the backend API writes a user, with what must never get through. */
const toUser = ({ who, createdAt, updatedAt }: FakeUser, withOrgs: boolean) => ({
  user_id: who.id,
  email: who.email,
  email_confirmed: true,
  has_password: true,
  username: null,
  first_name: who.firstName,
  last_name: who.lastName,
  picture_url: 'https://images.example.com/invented.png',
  locked: false,
  enabled: true,
  mfa_enabled: false,
  can_create_orgs: false,
  created_at: seconds(createdAt),
  last_active_at: seconds(updatedAt),
  metadata: { plan: 'trial' },
  properties: { phone_number: '+15555550142', team_size: '11-50' },
  ...(withOrgs && {
    org_id_to_org_info: {
      [who.companyId]: {
        org_id: who.companyId,
        org_name: who.companyName,
        org_metadata: {},
        url_safe_org_name: 'invented-company',
        user_role: 'Member',
        user_permissions: ['invented-permission'],
      },
    },
  }),
});

const toOrganization = ({ who, createdAt }: FakeUser) => ({
  org_id: who.companyId,
  name: who.companyName,
  is_saml_configured: false,
  url_safe_org_slug: 'invented-company',
  domain: 'invented-private.example',
  metadata: {},
  created_at: seconds(createdAt),
});

/** Of the people that `npm run send` invents, the first of a company has its number and one digit more. */
const memberOf = (id: string, { users, user }: FakeWorld): FakeUser | undefined =>
  users.find(({ who }) => who.companyId === id) ?? user(`${id.replace('company', 'user')}0`);

const refused = (status: number, error: string): FakeAnswer => ({ status, body: { error } });

const listed = (query: URLSearchParams, { users }: FakeWorld): FakeAnswer => {
  const size = Number(query.get('page_size') ?? 10);
  const page = Number(query.get('page_number') ?? 0);
  if (!(size >= 1 && size <= MAX_PAGE_SIZE) || !Number.isInteger(page)) return refused(400, 'page_size');
  const ordered = query.get('order_by') === 'CREATED_AT_ASC' ? users : users.toReversed();
  const end = (page + 1) * size;
  const body = {
    users: ordered.slice(page * size, end).map((user) => toUser(user, query.get('include_orgs') === 'true')),
    total_users: users.length,
    current_page: page,
    page_size: size,
    has_more_results: end < users.length,
  };
  return { status: 200, body };
};

/** Paths and forms of the package @propelauth/node-apis; the largest page is ours, as none is documented. */
export const fakePropelauth: FakeVendor = {
  id: 'propelauth',
  credential: { apiKey: KEY },
  limit: { calls: 600, perMs: 60_000 },
  answer: ({ method, path, query, headers }, world) => {
    const isOurs = headers.authorization === `Bearer ${KEY}` && HOST.test(headers['x-propelauth-url'] ?? '');
    if (!isOurs) return refused(401, 'unauthorized');
    if (method === 'GET' && path === `${PREFIX}/user/query`) return listed(query, world);
    const [, kind, id = ''] = /^\/api\/backend\/v1\/(user|org)\/([^/]+)$/.exec(path) ?? [];
    const named = decodeURIComponent(id);
    const found = kind === 'user' ? world.user(named) : memberOf(named, world);
    if (method !== 'GET' || kind === undefined || found === undefined) return refused(404, 'not_found');
    const withOrgs = query.get('include_orgs') === 'true';
    return { status: 200, body: kind === 'user' ? toUser(found, withOrgs) : toOrganization(found) };
  },
};
