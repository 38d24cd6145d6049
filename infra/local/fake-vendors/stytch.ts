import * as z from 'zod';
import { memberOf, organizationOf, userOf } from '../../../functions/sources/stytch.sender.ts';
import { type FakeAnswer, type FakeUser, type FakeVendor, type FakeWorld, pageAfter } from './vendor.ts';

const CREDENTIAL = { projectId: 'project-live-invented', secret: 'invented-project-secret' };
const MAX_PAGE = 1000;
/** A guess: the vendor names no number. */
const MAX_ORGANIZATIONS = 100;

const Search = z.object({
  limit: z.int().min(1).max(MAX_PAGE).default(100),
  cursor: z.string().optional(),
  organization_ids: z.array(z.string()).min(1).max(MAX_ORGANIZATIONS).optional(),
});

const failure = (status: number, error_type: string): FakeAnswer => ({
  status,
  body: { status_code: status, request_id: 'request-id-invented', error_type, error_message: error_type, error_url: '' },
});

const subjectOf = ({ who, createdAt, updatedAt }: FakeUser) => ({
  who,
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});

/** The first of each company stands for it. */
const foundersOf = (users: readonly FakeUser[]): readonly FakeUser[] => [
  ...new Map(users.toReversed().map((user) => [user.who.companyId, user])).values(),
];

interface Found {
  readonly name: string;
  readonly users: readonly FakeUser[];
  readonly toOne: (user: FakeUser) => object;
}

const foundAt = (path: string, ids: readonly string[] | undefined, { users }: FakeWorld): Found | undefined => {
  if (path === '/v1/users/search') return { name: 'results', users, toOne: (user) => userOf(subjectOf(user)) };
  if (path === '/v1/b2b/organizations/search')
    return { name: 'organizations', users: foundersOf(users), toOne: (user) => organizationOf(subjectOf(user)) };
  if (ids === undefined) return undefined;
  const members = users.filter(({ who }) => ids.includes(who.companyId));
  return { name: 'members', users: members, toOne: (user) => memberOf(subjectOf(user)) };
};

const PATHS = new Set(['/v1/users/search', '/v1/b2b/organizations/search', '/v1/b2b/organizations/members/search']);

/** The searches of a Consumer and of a B2B project: stytch.com/docs/api/search-users and stytch.com/docs/b2b/api/search-members */
export const fakeStytch: FakeVendor = {
  id: 'stytch',
  credential: CREDENTIAL,
  limit: { calls: 100, perMs: 60_000 },
  answer: ({ method, path, headers, body }, world) => {
    const basic = Buffer.from(`${CREDENTIAL.projectId}:${CREDENTIAL.secret}`).toString('base64');
    if (headers.authorization !== `Basic ${basic}`) return failure(401, 'unauthorized_credentials');
    if (method !== 'POST' || !PATHS.has(path)) return failure(404, 'route_not_found');
    const { data: search } = Search.safeParse(body);
    const found = search && foundAt(path, search.organization_ids, world);
    const listed = search && found && pageAfter(found.users, search.cursor, search.limit);
    if (found === undefined || listed === undefined) return failure(400, 'invalid_argument');
    const results_metadata = { total: found.users.length, next_cursor: listed.next ?? null };
    return { status: 200, body: { status_code: 200, [found.name]: listed.page.map(found.toOne), results_metadata } };
  },
};
