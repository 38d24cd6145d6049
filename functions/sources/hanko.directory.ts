import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { SourceSettings } from '../core/settings.ts';
import type { Directory, VendorApi } from './directory.ts';

/** No event of Hanko's: `verify` takes none of this type. */
export const LISTED_USER = 'listed.user';

/** No maximum is documented, and this many are taken. Where each user costs a call besides, a page that fails is not to cost many. */
const PAGE_SIZE = 100;
const WHOLE_PAGE_SIZE = 20;

/** What every user in the list has, where there is any; a name or metadata may only come with the user asked for alone. */
const LISTED = new Set(['id', 'emails', 'username', 'created_at', 'updated_at']);

const needsWhole = ({ userId = [], companyId = [], properties = {} }: SourceSettings): boolean =>
  [...userId, ...companyId, ...Object.values(properties)].some((path) => !LISTED.has(path.split(/[.[]/)[0] ?? ''));

const Users = z.array(z.looseObject({ id: z.string() }));
const recordOf = (user: unknown) => ({ evt: LISTED_USER, data: user });

/** Without those who were deleted since they were listed. */
const wholeOf = async (api: VendorApi, ids: readonly string[]): Promise<readonly unknown[]> => {
  const users: unknown[] = [];
  for (const id of ids) {
    const { status, body } = await api({ url: `/users/${encodeURIComponent(id)}` });
    if (status === 200) users.push(body);
  }
  return users;
};

/**
 * The admin API. Oldest first, so that whoever signs up meanwhile lands on the last page. An empty page is the end, should a server
 * take less than it is asked for.
 */
export const hankoDirectory: Directory = {
  hosts: ({ api }) => {
    if (api === undefined) throw new Error('hanko: write "api", e.g. "https://<tenant>.hanko.io/admin"');
    return [api];
  },
  credential: ['token'],
  authorize: ({ credential: { token = '' } }) => ({ headers: { authorization: `Bearer ${token}` } }),
  // No limit is documented.
  pace: { intervalMs: 200, burst: 5 },
  // All of them whatever `since` says: Hanko cannot filter by time.
  list: async (api, cursor = '1', { settings }) => {
    const isWhole = needsWhole(settings);
    const size = isWhole ? WHOLE_PAGE_SIZE : PAGE_SIZE;
    const { status, body } = await api({ url: `/users?page=${cursor}&per_page=${size}&sort_direction=asc` });
    const { data: listed } = Users.nullable().safeParse(body);
    if (status !== 200 || listed === undefined) throw new VendorError('UNEXPECTED', { status });
    if (listed === null || listed.length === 0) return { records: [] };
    const users = isWhole
      ? await wholeOf(
          api,
          listed.map(({ id }) => id),
        )
      : listed;
    return { records: users.map(recordOf), next: String(Number(cursor) + 1) };
  },
};
