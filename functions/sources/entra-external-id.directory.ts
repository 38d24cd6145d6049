import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { SourceSettings } from '../core/settings.ts';
import { bearerOf } from './access-token.ts';
import type { Directory } from './directory.ts';

const GRAPH = 'https://graph.microsoft.com/v1.0';
/** Where tokens for a national cloud's Graph come from. Any other base URL is taken for one that gives its own. */
const LOGINS: Readonly<Record<string, string>> = {
  'https://graph.microsoft.com': 'https://login.microsoftonline.com',
  'https://graph.microsoft.us': 'https://login.microsoftonline.us',
};

const baseOf = ({ api = GRAPH }: SourceSettings): string => api;
const loginOf = (settings: SourceSettings): string => LOGINS[new URL(baseOf(settings)).origin] ?? baseOf(settings);

/** Graph's own choice lacks most of these. */
const MEMBERS = [
  'id',
  'displayName',
  'givenName',
  'surname',
  'mail',
  'otherMails',
  'identities',
  'companyName',
  'createdDateTime',
  'accountEnabled',
  'preferredLanguage',
  'userType',
] as const;
const EXTENSION = /\bextension_\w+/g;

/** Of extension attributes only those are asked for that a path in the settings names. */
const selectOf = ({ userId = [], companyId = [], properties = {} }: SourceSettings): string => {
  const paths = [...userId, ...companyId, ...Object.values(properties)];
  return [...new Set([...MEMBERS, ...paths.flatMap((path) => path.match(EXTENSION) ?? [])])].join(',');
};

const Members = z.record(z.string(), z.unknown());
const Users = z.object({ value: z.array(z.unknown()), '@odata.nextLink': z.string().min(1).optional() });

const recordOf = (value: unknown, created = false): unknown => {
  const { data: user } = Members.safeParse(value);
  if (user === undefined) throw new VendorError('UNEXPECTED');
  const extensions = Object.fromEntries(Object.entries(user).filter(([name]) => name.startsWith('extension_')));
  return { fetched: { ...user, extensions }, ...(created && { created }) };
};

/** The largest page: the API refuses 1000. */
const PAGE_SIZE = 999;

/** Users of Microsoft Graph, by client credentials: learn.microsoft.com/graph/api/user-list */
export const entraDirectory: Directory = {
  hosts: (settings) => [baseOf(settings), loginOf(settings)],
  credential: ['tenantId', 'clientId', 'clientSecret'],
  authorize: async ({ credential: { tenantId = '', clientId = '', clientSecret = '' }, settings, call, now }) => {
    const url = `${loginOf(settings)}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`;
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scope: `${new URL(baseOf(settings)).origin}/.default`,
    });
    return bearerOf(await call({ method: 'POST', url, body }), now);
  },
  // Far below what Graph takes from one app in one tenant, and 999 users a call are many.
  pace: { intervalMs: 200, burst: 5 },
  fetch: async (api, { id, creates }, settings) => {
    const { status, body } = await api({ url: `/users/${encodeURIComponent(id)}?$select=${selectOf(settings)}` });
    return status === 404 || status === 410 ? undefined : recordOf(body, creates);
  },
  gone: ({ id }) => ({ notification: { changeType: 'deleted', resource: `users/${id}`, resourceData: { id } } }),
  // All of them whatever `since` says: Graph filters by the time of creation, and not by that of a change.
  list: async (api, cursor, { settings }) => {
    const { body } = await api({ url: cursor ?? `/users?$top=${PAGE_SIZE}&$select=${selectOf(settings)}` });
    const { data: page } = Users.safeParse(body);
    if (page === undefined) throw new VendorError('UNEXPECTED');
    const next = page['@odata.nextLink'];
    return { records: page.value.map((user) => recordOf(user)), ...(next !== undefined && { next }) };
  },
};
