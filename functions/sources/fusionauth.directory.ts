import * as z from 'zod';
import { digest } from '../core/digest.ts';
import { VendorError } from '../core/errors.ts';
import type { ApiAnswer, ApiRequest, Directory, VendorApi } from './directory.ts';

/** The vendor's own form of an update: a webhook that looks like it can do no more. One state has one id. */
const listed = (user: unknown): unknown => ({
  event: { id: digest('listed', JSON.stringify(user)), type: 'user.update.complete', user },
});

const Found = z.object({
  users: z.array(z.unknown()).nullish(),
  total: z.number().nullish(),
  nextResults: z.string().nullish(),
});
/** The largest that FusionAuth's own examples use; a maximum is not documented. */
const PAGE_SIZE = 500;
const TOKEN = 'next:';
/** By time of creation: the token of the next page holds the values by which it is sorted, and may not hold an e-mail address. */
const SORTED = { sortFields: [{ name: 'insertInstant', order: 'asc' }], numberOfResults: PAGE_SIZE, accurateTotal: true };

const search = (body: object): ApiRequest => ({ method: 'POST', url: '/api/user/search', body: { search: body } });

/** Only the search engine can tell who changed since; on the database engine it is a bad request, and everybody is listed. */
const searchRows = async (api: VendorApi, startRow: number, since: Date | undefined): Promise<ApiAnswer> => {
  const all = search({ ...SORTED, startRow, queryString: '*' });
  if (since === undefined) return api(all);
  const query = JSON.stringify({ range: { lastUpdateInstant: { gte: since.getTime() } } });
  return api(search({ ...SORTED, startRow, query })).catch((error: unknown) => {
    if (error instanceof VendorError && error.status === 400) return api(all);
    throw error;
  });
};

export const fusionauthDirectory: Directory = {
  hosts: ({ api }) => {
    if (api === undefined) throw new Error('fusionauth: the settings lack "api", e.g. "https://login.example.com"');
    return [api];
  },
  credential: ['apiKey'],
  // The key as it stands, without a scheme. A key of all tenants needs to be told which of them is meant.
  authorize: ({ credential: { apiKey = '', tenantId } }) => ({
    headers: { authorization: apiKey, ...(tenantId !== undefined && { 'x-fusionauth-tenantid': tenantId }) },
  }),
  // No limit is known; the server is the customer's own, and somebody signs in there.
  pace: { intervalMs: 500, burst: 1 },
  list: async (api, cursor, { since }) => {
    const row = Number(cursor ?? 0);
    const token = cursor?.startsWith(TOKEN) ? cursor.slice(TOKEN.length) : undefined;
    const answer =
      token === undefined
        ? await searchRows(api, row, since)
        : await api(search({ nextResults: token, numberOfResults: PAGE_SIZE }));
    // 404 would be another server's.
    if (answer.status !== 200) throw new VendorError('UNEXPECTED', { status: answer.status });
    const { users, total, nextResults } = Found.parse(answer.body);
    const records = (users ?? []).map(listed);
    if (records.length === 0) return { records };
    if (nextResults) return { records, next: TOKEN + nextResults };
    // The database engine gives no token, and reaches every row; the search engine gives one, as it ends at row 10,000.
    const isLast = token !== undefined || row + records.length >= (total ?? Number.POSITIVE_INFINITY);
    return isLast ? { records } : { records, next: String(row + records.length) };
  },
};
