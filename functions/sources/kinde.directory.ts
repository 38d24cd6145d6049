import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { SourceSettings } from '../core/settings.ts';
import { bearerOf } from './access-token.ts';
import type { Directory } from './directory.ts';

/** No event of Kinde's: `verify` takes none of this type. */
export const LISTED_USER = 'listed.user';

/** The largest page. */
const PAGE_SIZE = 500;
const Users = z.object({
  users: z.array(z.looseObject({ organizations: z.unknown().optional() })).nullish(),
  next_token: z.string().nullish(),
});

/** The list names organizations by their codes alone, where events have objects. */
const Codes = z.array(z.string()).transform((codes) => codes.map((code) => ({ code })));

const recordOf = ({ organizations, ...user }: { readonly organizations?: unknown }) => ({
  type: LISTED_USER,
  event_id: 'listed',
  data: { user: { ...user, organizations: Codes.safeParse(organizations).data ?? organizations } },
});

const baseOf = ({ api }: SourceSettings): string => {
  if (api === undefined) throw new Error('kinde: write "api", e.g. "https://acme.kinde.com"');
  return api;
};

/** Users of the Management API, by client credentials of a machine-to-machine application. */
export const kindeDirectory: Directory = {
  hosts: (settings) => [baseOf(settings)],
  credential: ['clientId', 'clientSecret'],
  authorize: async ({ credential: { clientId = '', clientSecret = '' }, settings, call, now }) => {
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      audience: `${baseOf(settings)}/api`,
    });
    return bearerOf(await call({ method: 'POST', url: '/oauth2/token', body }), now);
  },
  // The limit is not published, and 500 users a call are many.
  pace: { intervalMs: 1000, burst: 1 },
  retryAfterSeconds: ({ headers: { 'ratelimit-reset': seconds = '' } }) =>
    /^\d{1,6}$/.test(seconds) ? Number(seconds) : undefined,
  // All of them whatever `since` says: Kinde filters by the last sign-in, and not by a change.
  list: async (api, cursor) => {
    const query = new URLSearchParams({
      page_size: String(PAGE_SIZE),
      expand: 'organizations',
      ...(cursor !== undefined && { next_token: cursor }),
    });
    const { status, body } = await api({ url: `/api/v1/users?${query}` });
    const { data: page } = Users.safeParse(body);
    if (status !== 200 || page === undefined) throw new VendorError('UNEXPECTED', { status });
    return { records: (page.users ?? []).map(recordOf), ...(page.next_token && { next: page.next_token }) };
  },
};
