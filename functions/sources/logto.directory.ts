import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { SourceSettings } from '../core/settings.ts';
import { bearerOf } from './access-token.ts';
import type { Directory } from './directory.ts';

/** The largest page: github.com/logto-io/logto, packages/core/src/middleware/koa-pagination.ts */
const PAGE_SIZE = 100;
const Users = z.array(z.unknown());

const baseOf = ({ api }: SourceSettings): string => {
  if (api === undefined) throw new Error('logto: write "api", e.g. "https://acme.logto.app"');
  return api;
};

/** The API's own indicator, which is another than its address at a custom domain and at a server of one's own. */
const resourceOf = (settings: SourceSettings): string => settings.audience?.[0] ?? `${baseOf(settings)}/api`;

/** RFC 6749, section 2.3.1 */
const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;

/**
 * The Management API, by client credentials of a machine-to-machine app. Newest first, by pages alone: who signs up meanwhile
 * pushes others on to the next page, so that some come twice. It cannot be asked for what changed since.
 */
export const logtoDirectory: Directory = {
  hosts: (settings) => [baseOf(settings)],
  credential: ['appId', 'appSecret'],
  authorize: async ({ credential: { appId = '', appSecret = '' }, settings, call, now }) => {
    const body = new URLSearchParams({ grant_type: 'client_credentials', resource: resourceOf(settings), scope: 'all' });
    const headers = { authorization: basic(appId, appSecret) };
    return bearerOf(await call({ method: 'POST', url: '/oidc/token', headers, body }), now);
  },
  // No limit is documented.
  pace: { intervalMs: 1000, burst: 1 },
  list: async (api, cursor = '1', { startedAt }) => {
    const { status, body } = await api({ url: `/api/users?page=${cursor}&page_size=${PAGE_SIZE}` });
    if (status !== 200) throw new VendorError('UNEXPECTED', { status });
    const users = Users.parse(body);
    const records = users.map((data) => ({ event: 'User.Data.Updated', createdAt: startedAt.toISOString(), data }));
    return { records, ...(users.length === PAGE_SIZE && { next: String(Number(cursor) + 1) }) };
  },
};
