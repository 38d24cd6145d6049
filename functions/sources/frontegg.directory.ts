import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import { bearerOf } from './access-token.ts';
import type { Directory } from './directory.ts';

/** The largest page: github.com/frontegg/openapi-public, identity.json */
const PAGE_SIZE = 200;
const Users = z.object({ items: z.array(z.unknown()), _metadata: z.object({ totalPages: z.number() }) });
const Token = z.object({ token: z.string(), expiresIn: z.number() });

/** The users of the environment, whichever tenant they are of. They cannot be asked for by what changed since. */
export const fronteggDirectory: Directory = {
  hosts: ({ api = 'https://api.frontegg.com' }) => [api],
  credential: ['clientId', 'secret'],
  authorize: async ({ credential: { clientId, secret }, call, now }) => {
    const answer = await call({ method: 'POST', url: '/auth/vendor/', body: { clientId, secret } });
    const { data } = Token.safeParse(answer.body);
    return bearerOf({ ...answer, body: { access_token: data?.token, expires_in: data?.expiresIn } }, now);
  },
  // No limit is published.
  pace: { intervalMs: 1000, burst: 1 },
  list: async (api, cursor = '0') => {
    // What is called an offset counts pages.
    const url = `/identity/resources/users/v3?_limit=${PAGE_SIZE}&_offset=${cursor}&_sortBy=createdAt&_order=ASC`;
    const { status, body } = await api({ url });
    if (status !== 200) throw new VendorError('UNEXPECTED', { status });
    const { items, _metadata } = Users.parse(body);
    const page = Number(cursor) + 1;
    const records = items.map((user) => ({ eventKey: 'frontegg.user.updated', user }));
    return { records, ...(page < _metadata.totalPages && { next: String(page) }) };
  },
};
