import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { Directory, VendorApi } from './directory.ts';

/** What others use; the maximum is not documented. */
const PAGE_SIZE = 100;
const Users = z.object({ users: z.array(z.looseObject({})), has_more_results: z.boolean() });
const Found = z.looseObject({});
const Member = z.looseObject({ org_id_to_org_info: z.record(z.string(), z.unknown()).nullish() });

const USERS = '/api/backend/v1/user/query';

/** A 404 does not say what is missing: with a wrong address in the settings everything would be, and every user be deleted. */
const find = async (api: VendorApi, url: string) => {
  const { status, body } = await api({ url });
  if (status === 200) return Found.parse(body);
  const users = await api({ url: `${USERS}?page_size=1` });
  if (users.status !== 200) throw new VendorError('UNEXPECTED', { status });
  return undefined;
};

/**
 * PropelAuth's backend API, of which `issuer`, the project's auth URL, chooses the project. Ids of refreshes are encoded as parts
 * of a path, that of a membership is the user's, a slash, and the organization's. The types of what is fetched are ours: signed
 * events never have them.
 */
export const propelauthDirectory: Directory = {
  hosts: ({ api = 'https://propelauth-api.com', issuer }) => {
    if (issuer === undefined) throw new Error('propelauth: write "issuer", the auth URL, e.g. "https://auth.acme.example"');
    return [api];
  },
  credential: ['apiKey'],
  authorize: ({ credential: { apiKey = '' }, settings: { issuer = '' } }) => ({
    headers: { authorization: `Bearer ${apiKey}`, 'x-propelauth-url': new URL(issuer).hostname },
  }),
  // No limit is documented, but 429 is.
  pace: { intervalMs: 1000, burst: 2 },
  fetch: async (api, { subject, id, creates }) => {
    const created = creates === true ? '.created' : '';
    if (subject === 'org') {
      const organization = await find(api, `/api/backend/v1/org/${id}`);
      return organization && { ...organization, event_type: `fetched.org${created}` };
    }
    const [userId = '', orgId] = id.split('/');
    const user = await find(api, `/api/backend/v1/user/${userId}?include_orgs=true`);
    if (user === undefined || orgId === undefined) return user && { ...user, event_type: `fetched.user${created}` };
    const org_id = decodeURIComponent(orgId);
    const isMember = Object.hasOwn(Member.parse(user).org_id_to_org_info ?? {}, org_id);
    return isMember ? { ...user, org_id, event_type: 'fetched.membership' } : undefined;
  },
  gone: ({ subject, id }) => {
    const [first = '', second = ''] = id.split('/').map(decodeURIComponent);
    if (subject === 'org') return { event_type: 'org.deleted', org_id: first };
    return subject === 'user'
      ? { event_type: 'user.deleted', user_id: first }
      : { event_type: 'user.removed_from_org', removed_user_id: first, org_id: second };
  },
  // Oldest first, so that who signs up meanwhile lands at the end. Somebody who is deleted meanwhile makes the next page skip one.
  list: async (api, cursor = '0') => {
    const query = `page_size=${PAGE_SIZE}&page_number=${cursor}&order_by=CREATED_AT_ASC&include_orgs=true`;
    const { status, body } = await api({ url: `${USERS}?${query}` });
    if (status !== 200) throw new VendorError('UNEXPECTED', { status });
    const { users, has_more_results } = Users.parse(body);
    const records = users.map((user) => ({ ...user, event_type: 'fetched.user' }));
    return { records, ...(has_more_results && { next: String(Number(cursor) + 1) }) };
  },
};
