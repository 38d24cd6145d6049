import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { SourceSettings } from '../core/settings.ts';
import type { Directory, ListOptions, Page, VendorApi } from './directory.ts';

/** The largest that Clerk takes, for users and for memberships. */
const PAGE_SIZE = 500;
const Users = z.array(z.looseObject({ id: z.string() }));
const Memberships = z.object({ data: z.array(z.unknown()) });

/** The form of a webhook of something that is no longer new. */
const recordOf = (type: 'user.updated' | 'organizationMembership.updated', data: unknown) => ({ type, data });

const MEMBERSHIPS = 'memberships:';

/** A membership names the user by Clerk's own id only: where another counts, it would name nobody. */
const areMembersNamed = ({ userId = ['id'] }: SourceSettings): boolean => userId[0] === 'id';

/** Oldest first: who signs up meanwhile neither moves a page nor comes along. */
const listUsers = async (api: VendorApi, after: string | undefined, { startedAt, settings }: ListOptions): Promise<Page> => {
  const place = after === undefined ? '' : `&starting_after=${encodeURIComponent(after)}`;
  const query = `limit=${PAGE_SIZE}&order_by=%2Bcreated_at&created_at_before=${startedAt.getTime()}${place}`;
  const { status, body } = await api({ url: `/users?${query}` });
  if (status !== 200) throw new VendorError('UNEXPECTED', { status });
  const users = Users.parse(body);
  const last = users.length < PAGE_SIZE ? undefined : users.at(-1)?.id;
  const next = last ?? (areMembersNamed(settings) ? `${MEMBERSHIPS}0` : undefined);
  return { records: users.map((user) => recordOf('user.updated', user)), ...(next !== undefined && { next }) };
};

/** Of the whole instance, each with its organization; by offset, as there is nothing else. */
const listMemberships = async (api: VendorApi, offset: number): Promise<Page> => {
  const answer = await api({ url: `/organization_memberships?limit=${PAGE_SIZE}&offset=${offset}` }).catch((error: unknown) => {
    // The key has just listed the users: an instance that has no organizations says so, we assume, by this.
    if (error instanceof VendorError && error.status === 403) return undefined;
    throw error;
  });
  if (answer?.status !== 200) return { records: [] };
  const { data } = Memberships.parse(answer.body);
  const records = data.map((membership) => recordOf('organizationMembership.updated', membership));
  return { records, ...(data.length === PAGE_SIZE && { next: `${MEMBERSHIPS}${offset + PAGE_SIZE}` }) };
};

/** Clerk's Backend API: all users, then all memberships. It can tell who is new, not who changed. */
export const clerkDirectory: Directory = {
  hosts: ({ api = 'https://api.clerk.com/v1' }) => [api],
  credential: ['secretKey'],
  // The version is that of github.com/clerk/openapi-specs, bapi, from which this was written.
  authorize: ({ credential: { secretKey = '' } }) => ({
    headers: { authorization: `Bearer ${secretKey}`, 'clerk-api-version': '2026-05-12' },
  }),
  // Half of what a development instance may do, 100 calls in 10 s; in production it is ten times as many.
  pace: { intervalMs: 200, burst: 5 },
  list: (api, cursor, options) =>
    cursor?.startsWith(MEMBERSHIPS) === true
      ? listMemberships(api, Number(cursor.slice(MEMBERSHIPS.length)))
      : listUsers(api, cursor, options),
};
