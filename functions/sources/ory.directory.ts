import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { Directory } from './directory.ts';

/** The client library says 250 by default and 1000 at most, the library under Kratos 500: the `Link` tells how it goes on. */
const PAGE_SIZE = 250;
const Identities = z.array(z.unknown());
/** How Kratos says it: github.com/ory/herodot */
const NotFound = z.object({ error: z.object({ code: z.literal(404) }) });

/** In the form of our template, so that a fetched identity is read like one that an action brought. */
const recordOf = (identity: unknown, type: 'registration.after' | 'settings.after') => ({ type, identity });

const NEXT = /<([^>]*)>\s*;\s*rel="?next"?/;

/** The vendor's own token for the next page, out of a link whose host may be one that only the server itself knows. */
const nextToken = (link: string | undefined): string | undefined => {
  const [, url] = NEXT.exec(link ?? '') ?? [];
  return url === undefined || !URL.canParse(url, 'https://ory.example')
    ? undefined
    : (new URL(url, 'https://ory.example').searchParams.get('page_token') ?? undefined);
};

/** Whole seconds to wait; 429s of Ory Network carry no Retry-After: ory.com/docs/guides/rate-limits */
const RESET = /^\d{1,5}$/;

/** The admin API of Kratos, as Ory Network serves it under the project's own host. */
export const oryDirectory: Directory = {
  hosts: ({ api }) => {
    if (api === undefined) throw new Error('ory: write "api", e.g. "https://project-slug.projects.oryapis.com"');
    return [api];
  },
  credential: ['apiKey'],
  authorize: ({ credential: { apiKey = '' } }) => ({ headers: { authorization: `Bearer ${apiKey}` } }),
  // A project on the smallest plan has 25 calls a minute.
  pace: { intervalMs: 5000, burst: 2 },
  retryAfterSeconds: ({ headers: { 'x-ratelimit-reset': reset = '' } }) => (RESET.test(reset) ? Number(reset) : undefined),
  fetch: async (api, { id, creates }) => {
    const { status, body } = await api({ url: `/admin/identities/${encodeURIComponent(id)}` });
    if (status === 200) return recordOf(body, creates === true ? 'registration.after' : 'settings.after');
    // A wrong address in the settings must not pass for the end of every identity.
    if (!NotFound.safeParse(body).success) throw new VendorError('UNEXPECTED', { status });
    return undefined;
  },
  gone: ({ id }, at) => ({ name: 'IdentityDeleted', timestamp: at.toISOString(), eventAttributes: { IdentityID: id } }),
  list: async (api, cursor) => {
    const place = cursor === undefined ? '' : `&page_token=${encodeURIComponent(cursor)}`;
    const { status, headers, body } = await api({ url: `/admin/identities?page_size=${PAGE_SIZE}${place}` });
    if (status !== 200) throw new VendorError('UNEXPECTED', { status });
    const next = nextToken(headers.link);
    const records = Identities.parse(body).map((identity) => recordOf(identity, 'settings.after'));
    return { records, ...(next !== undefined && { next }) };
  },
};
