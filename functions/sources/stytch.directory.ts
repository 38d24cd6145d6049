import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { Directory, VendorApi } from './directory.ts';

/** The largest page of any search. */
const PAGE_SIZE = 1000;
/** Members are asked for by their organizations, of which a search takes "at least one": how many at most is not documented. */
const ORGANIZATIONS = 10;

const Meta = z.object({ next_cursor: z.string().nullish() });
const Users = z.object({ results: z.array(z.looseObject({ user_id: z.string() })), results_metadata: Meta });
const Organizations = z.object({
  organizations: z.array(z.looseObject({ organization_id: z.string() })),
  results_metadata: Meta,
});
const Members = z.object({ members: z.array(z.looseObject({ member_id: z.string() })), results_metadata: Meta });

const search = async <T>(api: VendorApi, place: string, body: object, form: z.ZodType<T>): Promise<T> => {
  const { status, body: answer } = await api({ method: 'POST', url: `/v1/${place}/search`, body });
  const { data } = form.safeParse(answer);
  if (status !== 200 || data === undefined) throw new VendorError('UNEXPECTED', { status });
  return data;
};

/** As an event brings it. Of a user nothing says when it changed. */
const toRecord = (object_type: 'user' | 'member' | 'organization', id: string, object: object, at: Date) => ({
  action: 'UPDATE',
  object_type,
  source: 'LIST',
  id,
  timestamp: at.toISOString(),
  [object_type]: object,
});

const after = (cursor: string | null | undefined) => (cursor ? { cursor } : {});

const listUsers = async (api: VendorApi, cursor: string | undefined, at: Date) => {
  const { results, results_metadata } = await search(api, 'users', { limit: PAGE_SIZE, ...after(cursor) }, Users);
  const next = results_metadata.next_cursor;
  return { records: results.map((user) => toRecord('user', user.user_id, user, at)), ...(next && { next }) };
};

/** Some organizations and then, page by page, the members of these. */
const Step = z.strictObject({
  /** Of the organizations that come next, or that come after `of`. */
  organizations: z.string().optional(),
  of: z.array(z.string()).optional(),
  members: z.string().optional(),
});
type Step = z.infer<typeof Step>;

const listMembers = async (api: VendorApi, { organizations, of = [], members }: Step, at: Date) => {
  const body = { organization_ids: of, limit: PAGE_SIZE, ...after(members) };
  const found = await search(api, 'b2b/organizations/members', body, Members);
  const more = found.results_metadata.next_cursor;
  const next: Step | undefined = more ? { organizations, of, members: more } : organizations ? { organizations } : undefined;
  return { records: found.members.map((member) => toRecord('member', member.member_id, member, at)), next };
};

const listOrganizations = async (api: VendorApi, { organizations }: Step, at: Date) => {
  const body = { limit: ORGANIZATIONS, ...after(organizations) };
  const found = await search(api, 'b2b/organizations', body, Organizations);
  const more = found.results_metadata.next_cursor ?? undefined;
  const of = found.organizations.map(({ organization_id }) => organization_id);
  const next: Step | undefined = of.length > 0 ? { organizations: more, of } : more ? { organizations: more } : undefined;
  const records = found.organizations.map((one) => toRecord('organization', one.organization_id, one, at));
  return { records, next };
};

/**
 * Consumer users, or with `vertical: 'b2b'` organizations and their members. Stytch cannot be asked for what changed since, and
 * lists no deleted ones.
 */
export const stytchDirectory: Directory = {
  hosts: ({ api = 'https://api.stytch.com' }) => [api],
  credential: ['projectId', 'secret'],
  authorize: ({ credential: { projectId, secret } }) => ({
    headers: { authorization: `Basic ${Buffer.from(`${projectId}:${secret}`).toString('base64')}` },
  }),
  // Half of what a B2B search takes a minute.
  pace: { intervalMs: 1200, burst: 1 },
  list: async (api, cursor, { startedAt, settings }) => {
    if (settings.vertical !== 'b2b') return listUsers(api, cursor, startedAt);
    const step = Step.parse(JSON.parse(cursor ?? '{}'));
    const { records, next } = await (step.of === undefined ? listOrganizations : listMembers)(api, step, startedAt);
    return { records, ...(next !== undefined && { next: JSON.stringify(next) }) };
  },
};
