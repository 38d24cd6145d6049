import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { SourceSettings } from '../core/settings.ts';
import type { Directory, Page, VendorApi } from './directory.ts';

/** The largest that WorkOS takes. */
const PAGE_SIZE = 100;
const List = z.object({
  data: z.array(z.looseObject({ id: z.string() })),
  list_metadata: z.object({ after: z.string().nullish() }),
});

const after = z.string().optional();
/** Where the next page begins. `resume` is where the organizations go on after the memberships of this one. */
const Place = z.discriminatedUnion('of', [
  z.strictObject({ of: z.literal('users'), after }),
  z.strictObject({ of: z.literal('organizations'), after }),
  z.strictObject({ of: z.literal('memberships'), organization: z.string(), after, resume: after }),
]);
type Place = z.infer<typeof Place>;

const pageOf = (records: readonly unknown[], next: Place | undefined): Page => ({
  records,
  ...(next !== undefined && { next: JSON.stringify(next) }),
});

/** The form of a webhook of something that is no longer new. It carries the time of its last update. */
const recordOf = (event: string) => (data: unknown) => ({ id: 'listed', event, data });

/** A membership names user and organization by WorkOS's own ids only: where others count, it would name nobody. */
const areMembersNamed = ({ userId = ['id'], companyId = ['id'] }: SourceSettings): boolean =>
  userId[0] === 'id' && companyId[0] === 'id';

interface Listing {
  readonly limit?: number;
  readonly after: string | undefined;
  readonly organization_id?: string;
}

/** Oldest first, so that who comes meanwhile lands at the end. */
const ask = async (api: VendorApi, path: string, { limit = PAGE_SIZE, after: last, ...filter }: Listing) => {
  const query = new URLSearchParams({
    order: 'asc',
    limit: String(limit),
    ...filter,
    ...(last !== undefined && { after: last }),
  });
  const { status, body } = await api({ url: `${path}?${query}` });
  if (status !== 200) throw new VendorError('UNEXPECTED', { status });
  const { data, list_metadata } = List.parse(body);
  return { data, next: list_metadata.after ?? undefined };
};

const listUsers = async (api: VendorApi, last: string | undefined): Promise<Page> => {
  const { data, next } = await ask(api, '/user_management/users', { after: last });
  return pageOf(data.map(recordOf('user.updated')), next === undefined ? { of: 'organizations' } : { of: 'users', after: next });
};

/** One by one where its members come next, or the cursor would have to hold all that are still to do. */
const listOrganizations = async (api: VendorApi, last: string | undefined, settings: SourceSettings): Promise<Page> => {
  const named = areMembersNamed(settings);
  const { data, next } = await ask(api, '/organizations', { limit: named ? 1 : PAGE_SIZE, after: last });
  const records = data.map(recordOf('organization.updated'));
  const [organization] = named ? data : [];
  if (organization !== undefined) return pageOf(records, { of: 'memberships', organization: organization.id, resume: next });
  return pageOf(records, next === undefined ? undefined : { of: 'organizations', after: next });
};

const listMemberships = async (api: VendorApi, place: Extract<Place, { of: 'memberships' }>): Promise<Page> => {
  const { organization: organization_id, resume } = place;
  const { data, next } = await ask(api, '/user_management/organization_memberships', { organization_id, after: place.after });
  const records = data.map(recordOf('organization_membership.updated'));
  if (next !== undefined) return pageOf(records, { ...place, after: next });
  return pageOf(records, resume === undefined ? undefined : { of: 'organizations', after: resume });
};

/**
 * WorkOS's API: all users, then each organization and its members, who are listed by organization only. It cannot tell what
 * changed since a moment.
 */
export const workosDirectory: Directory = {
  hosts: ({ api = 'https://api.workos.com' }) => [api],
  credential: ['apiKey'],
  authorize: ({ credential: { apiKey = '' } }) => ({ headers: { authorization: `Bearer ${apiKey}` } }),
  // A fifth of the least of its limits, 1,000 reads in 10 s: workos.com/docs/reference/rate-limits
  pace: { intervalMs: 50, burst: 10 },
  list: (api, cursor, { settings }) => {
    const place: Place = cursor === undefined ? { of: 'users' } : Place.parse(JSON.parse(cursor));
    if (place.of === 'users') return listUsers(api, place.after);
    return place.of === 'organizations' ? listOrganizations(api, place.after, settings) : listMemberships(api, place);
  },
};
