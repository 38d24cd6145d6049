import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { SourceSettings } from '../core/settings.ts';
import { bearerOf } from './access-token.ts';
import type { Directory } from './directory.ts';

/** The largest page in the public cloud. */
const PAGE_SIZE = 50;
/** A search finds no more than the first thousand, whatever there is. */
const MAX_FOUND = 1000;

const Users = z.array(z.looseObject({ user_id: z.string(), created_at: z.iso.datetime({ offset: true }) }));

/** Where the list goes on: users created at `from` or later, less the first pages of those that were created at `from` alone. */
const Cursor = z.strictObject({ from: z.string(), page: z.int() });

const baseOf = ({ api }: SourceSettings): string => {
  if (api === undefined) throw new Error('auth0: `api` is not set: the address of the tenant, https://acme.eu.auth0.com');
  return api;
};

/** Under a custom domain the Management API keeps the name of the tenant's own one. */
const audienceOf = (settings: SourceSettings): string => settings.audience?.[0] ?? `${baseOf(settings)}/api/v2/`;

/**
 * Users by their time of creation. A search ends after a thousand, and so each page is the first of a search of its own, which
 * begins where the page before ended. (An export job has no such end, but hands out one compressed file at another address.)
 */
export const auth0Directory: Directory = {
  hosts: (settings) => [baseOf(settings)],
  credential: ['clientId', 'clientSecret'],
  authorize: async ({ credential: { clientId, clientSecret }, settings, call, now }) => {
    const grant = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret };
    return bearerOf(await call({ method: 'POST', url: '/oauth/token', body: { ...grant, audience: audienceOf(settings) } }), now);
  },
  // The smallest plan takes two a second.
  pace: { intervalMs: 1000, burst: 1 },
  list: async (api, cursor, { since, startedAt }) => {
    const { from, page } = Cursor.parse(cursor === undefined ? { from: '*', page: 0 } : JSON.parse(cursor));
    const created = `created_at:[${from} TO ${startedAt.toISOString()}]`;
    const query = new URLSearchParams({
      q: since === undefined ? created : `${created} AND updated_at:[${since.toISOString()} TO *]`,
      search_engine: 'v3',
      sort: 'created_at:1',
      page: String(page),
      per_page: String(PAGE_SIZE),
    });
    if ((page + 1) * PAGE_SIZE > MAX_FOUND) throw new VendorError('UNEXPECTED');
    const { status, body } = await api({ url: `/api/v2/users?${query}` });
    const { data: users } = Users.safeParse(body);
    if (status !== 200 || users === undefined) throw new VendorError('UNEXPECTED', { status });
    const toRecord = (user: (typeof users)[number]) => ({
      id: `listed_${user.user_id}`,
      type: 'user.updated',
      time: startedAt.toISOString(),
      data: { object: user },
    });
    const last = users.at(-1)?.created_at;
    if (last === undefined || users.length < PAGE_SIZE) return { records: users.map(toRecord) };
    // The next search begins with the last moment of this page, with all who were created then.
    const before = users.filter(({ created_at }) => created_at !== last);
    const sameSearch = from === last ? page + 1 : 1;
    const next = { from: last, page: before.length > 0 ? 0 : sameSearch };
    return { records: (before.length > 0 ? before : users).map(toRecord), next: JSON.stringify(next) };
  },
};
