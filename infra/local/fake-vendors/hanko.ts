import type { FakeAnswer, FakeRequest, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const MAX_PER_PAGE = 100;
const TOKEN = 'invented-hanko-key';

const listedOf = ({ who, createdAt, updatedAt }: FakeUser) => {
  const times = { created_at: createdAt.toISOString(), updated_at: updatedAt.toISOString() };
  return {
    id: who.id,
    emails: [{ id: `email-of-${who.id}`, address: who.email, is_verified: true, is_primary: true, ...times }],
    username: { id: `username-of-${who.id}`, username: who.firstName.toLowerCase(), ...times },
    ...times,
  };
};

/** With what only a user who is asked for alone has. */
const wholeOf = (user: FakeUser) => ({
  ...listedOf(user),
  name: `${user.who.firstName} ${user.who.lastName}`,
  given_name: user.who.firstName,
  family_name: user.who.lastName,
  metadata: {
    public_metadata: { company_id: user.who.companyId, plan: 'trial' },
    private_metadata: { risk_note: 'invented-private-note' },
  },
});

const page = ({ query }: FakeRequest, { users }: FakeWorld): FakeAnswer => {
  const number = Number(query.get('page') ?? 1);
  const size = Number(query.get('per_page') ?? 20);
  if (!Number.isInteger(number) || number < 1 || !(size >= 1 && size <= MAX_PER_PAGE))
    return { status: 400, body: { code: 400 } };
  const ordered = query.get('sort_direction') === 'asc' ? users : users.toReversed();
  const listed = ordered.slice((number - 1) * size, number * size);
  return { status: 200, headers: { 'x-total-count': String(users.length) }, body: listed.map(listedOf) };
};

export const fakeHanko: FakeVendor = {
  id: 'hanko',
  credential: { token: TOKEN },
  limit: { calls: 100, perMs: 10_000 },
  answer: (request, world) => {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return { status: 401, body: { code: 401 } };
    if (request.method !== 'GET') return { status: 404 };
    if (request.path === '/users') return page(request, world);
    const id = /^\/users\/([^/]+)$/.exec(request.path)?.[1];
    const user = id === undefined ? undefined : world.user(decodeURIComponent(id));
    return user === undefined ? { status: 404, body: { code: 404 } } : { status: 200, body: wholeOf(user) };
  },
};
