import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { Directory } from './directory.ts';

/** As the client library's own example has it; the server knows no maximum. */
const PAGE_SIZE = 1000;
const Answer = z.object({ users: z.array(z.unknown()) });

/** The form of a row event without an old row: what is listed is the user as they are now. */
const recordOf = (user: unknown) => ({ type: 'UPDATE', schema: 'auth', table: 'users', record: user, old_record: null });

/**
 * The admin API of Supabase Auth. Newest first, by pages alone: who signs up meanwhile pushes others on to the next page, so
 * that some come twice. An empty page is the last one, should a server take less than it is asked for.
 */
export const supabaseDirectory: Directory = {
  hosts: ({ api }) => {
    if (api === undefined) throw new Error('supabase: write "api", e.g. "https://abcdefghij.supabase.co/auth/v1"');
    return [api];
  },
  credential: ['secretKey'],
  // The gateway looks at `apikey`, Auth itself at the bearer token; of the newer keys it wants both to be the same.
  authorize: ({ credential: { secretKey = '' } }) => ({ headers: { apikey: secretKey, authorization: `Bearer ${secretKey}` } }),
  // No limit is documented.
  pace: { intervalMs: 1000, burst: 1 },
  list: async (api, cursor = '1') => {
    const { status, body } = await api({ url: `/admin/users?page=${cursor}&per_page=${PAGE_SIZE}` });
    if (status !== 200) throw new VendorError('UNEXPECTED', { status });
    const { users } = Answer.parse(body);
    return { records: users.map(recordOf), ...(users.length > 0 && { next: String(Number(cursor) + 1) }) };
  },
};
