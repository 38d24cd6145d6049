import { type FakeAnswer, type FakeUser, type FakeVendor, pageAfter } from './vendor.ts';

const KEY = 'ory_pat_invented-local-key';
const MAX_PAGE_SIZE = 500;
const DEFAULT_PAGE_SIZE = 250;

/** As the admin API writes an identity, with what must never get through. */
const toIdentity = ({ who, createdAt, updatedAt }: FakeUser) => ({
  id: who.id,
  schema_id: 'preset://email',
  schema_url: 'https://invented-slug.projects.oryapis.example/schemas/invented',
  state: 'active',
  state_changed_at: createdAt.toISOString(),
  traits: { email: who.email, name: { first: who.firstName, last: who.lastName }, phone: '+15555550142' },
  verifiable_addresses: [
    { id: 'invented-address-1', value: '+15555550142', via: 'sms', verified: true, status: 'completed' },
    { id: 'invented-address-2', value: who.email, via: 'email', verified: true, status: 'completed' },
  ],
  recovery_addresses: [{ id: 'invented-address-3', value: '+15555550142', via: 'sms' }],
  metadata_public: null,
  metadata_admin: { note: 'invented-private-note' },
  credentials: { password: { type: 'password', identifiers: [who.email], version: 0 } },
  organization_id: who.companyId,
  created_at: createdAt.toISOString(),
  updated_at: updatedAt.toISOString(),
});

const refused = (status: number, reason: string): FakeAnswer => ({ status, body: { error: { code: status, reason } } });

/** github.com/ory/kratos, identity/handler.go; its links may name a host of its own. */
export const fakeOry: FakeVendor = {
  id: 'ory',
  credential: { apiKey: KEY },
  limit: { calls: 90, perMs: 60_000 },
  tooMany: (seconds) => ({ ...refused(429, 'Too many requests'), headers: { 'x-ratelimit-reset': String(seconds) } }),
  answer: ({ method, path, query, headers }, { users, user }) => {
    if (headers.authorization !== `Bearer ${KEY}`) return refused(401, 'Access credentials are invalid');
    const [, id] = /^\/admin\/identities\/([^/]+)$/.exec(path) ?? [];
    const found = id === undefined ? undefined : user(decodeURIComponent(id));
    if (method === 'GET' && found !== undefined) return { status: 200, body: toIdentity(found) };
    if (method !== 'GET' || path !== '/admin/identities') return refused(404, 'Unable to locate the resource');
    const size = Number(query.get('page_size') ?? DEFAULT_PAGE_SIZE);
    const listed = pageAfter(users, query.get('page_token') ?? undefined, size);
    if (!(size >= 1 && size <= MAX_PAGE_SIZE) || listed === undefined) return refused(400, 'The page is not one');
    const first = `<http://kratos.internal:4434/admin/identities?page_size=${size}>; rel="first"`;
    const next = `<http://kratos.internal:4434/admin/identities?page_size=${size}&page_token=${listed.next}>; rel="next"`;
    return {
      status: 200,
      headers: { link: listed.next === undefined ? first : `${first},${next}` },
      body: listed.page.map(toIdentity),
    };
  },
};
