import type { FakeAnswer, FakeUser, FakeVendor } from './vendor.ts';

const KEY = 'sb_secret_invented-local-key';
const MAX_PER_PAGE = 1000;
const DEFAULT_PER_PAGE = 50;

/** As the admin API writes a user, with what must never get through. */
const toUser = ({ who, createdAt, updatedAt }: FakeUser) => ({
  id: who.id,
  aud: 'authenticated',
  role: 'authenticated',
  email: who.email,
  email_confirmed_at: createdAt.toISOString(),
  phone: '+15555550142',
  confirmed_at: createdAt.toISOString(),
  last_sign_in_at: updatedAt.toISOString(),
  app_metadata: { provider: 'email', providers: ['email'] },
  user_metadata: { full_name: `${who.firstName} ${who.lastName}`, company_id: who.companyId },
  identities: [{ id: 'invented-provider-id', identity_data: { note: 'invented-profile-data' }, provider: 'email' }],
  created_at: createdAt.toISOString(),
  updated_at: updatedAt.toISOString(),
  is_anonymous: false,
});

const counted = (text: string | null, otherwise: number): number => {
  const count = Number(text ?? otherwise);
  return Number.isInteger(count) && count > 0 ? count : 0;
};

const refused = (status: number, msg: string): FakeAnswer => ({ status, body: { code: status, msg } });

/** github.com/supabase/auth, internal/api/admin.go and pagination.go; the largest page is ours, they know none. */
export const fakeSupabase: FakeVendor = {
  id: 'supabase',
  credential: { secretKey: KEY },
  limit: { calls: 600, perMs: 60_000 },
  answer: ({ method, path, query, headers }, { users }) => {
    if (headers.apikey !== KEY || headers.authorization !== `Bearer ${KEY}`) return refused(401, 'Invalid API key');
    if (method !== 'GET' || path !== '/auth/v1/admin/users') return refused(404, 'not found');
    const page = counted(query.get('page'), 1);
    const size = counted(query.get('per_page'), DEFAULT_PER_PAGE);
    if (page === 0 || size === 0 || size > MAX_PER_PAGE) return refused(400, 'Bad Pagination Parameters');
    const listed = users.toReversed().slice((page - 1) * size, page * size);
    return {
      status: 200,
      headers: { 'x-total-count': String(users.length) },
      body: { users: listed.map(toUser), aud: 'authenticated' },
    };
  },
};
