import * as z from 'zod';
import { digest } from '../core/digest.ts';
import { VendorError } from '../core/errors.ts';
import type { Refresh } from '../core/refresh.ts';
import type { SourceSettings } from '../core/settings.ts';
import { bearerOf } from './access-token.ts';
import type { ApiAnswer, Directory } from './directory.ts';

/** As a realm's issuer is written; older servers have `/auth` before it. The admin API is another branch of the same base. */
const REALM = /^(.+)\/realms\/([^/]+)$/;

/** The name of the realm that this API serves; undefined when the address is no realm's. */
export const realmOf = (api: string): string | undefined => {
  const [, base = '', realm] = REALM.exec(api) ?? [];
  return realm === undefined || base.endsWith('/admin') ? undefined : decodeURIComponent(realm);
};

const addressOf = ({ api }: SourceSettings): string => {
  if (api === undefined || realmOf(api) === undefined)
    throw new Error('keycloak: the settings lack "api", the address of a realm, e.g. "https://id.example.com/realms/shop"');
  return api;
};

/** Throws for 404 as well, where it says that there is no such realm. */
const ok = ({ status, body }: ApiAnswer): unknown => {
  if (status === 200) return body;
  throw new VendorError('UNEXPECTED', { status });
};

const Users = z.array(z.looseObject({ id: z.string() }));

/** What an admin event would say of this state, but that it is known to be whole. One state has one id. */
const record = (user: unknown, { id, creates }: Pick<Refresh, 'id' | 'creates'>): unknown => ({
  uid: digest('fetched', JSON.stringify(user)),
  type: creates === true ? 'admin.USER-CREATE' : 'admin.USER-UPDATE',
  resourceId: id,
  representation: user,
  fetched: true,
});

/** No maximum is known; without one in the request it is 100. */
const PAGE_SIZE = 500;

/** The admin REST API, as a service account with the role `view-users` of `realm-management`. */
export const keycloakDirectory: Directory = {
  hosts: (settings) => [addressOf(settings).replace(REALM, '$1/admin/realms/$2')],
  credential: ['clientId', 'clientSecret'],
  authorize: async ({ credential: { clientId = '', clientSecret = '' }, settings, call, now }) => {
    const answer = await call({
      method: 'POST',
      url: `${addressOf(settings)}/protocol/openid-connect/token`,
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret }),
    });
    return bearerOf(answer, now);
  },
  // No limit is known; the server is the customer's own, and somebody signs in there.
  pace: { intervalMs: 200, burst: 5 },
  fetch: async (api, refresh) => {
    const answer = await api({ url: `/users/${encodeURIComponent(refresh.id)}` });
    return answer.status === 404 ? undefined : record(ok(answer), refresh);
  },
  gone: ({ id }, at) => ({ uid: digest('gone', id), type: 'admin.USER-DELETE', resourceId: id, time: at.getTime() }),
  /** By offset: a user who goes while it runs moves the others up by one. Nothing tells who changed since. */
  list: async (api, cursor = '0') => {
    const answer = await api({ url: `/users?first=${cursor}&max=${PAGE_SIZE}&briefRepresentation=false` });
    const users = Users.parse(ok(answer));
    const records = users.map((user) => record(user, { id: user.id }));
    return users.length < PAGE_SIZE ? { records } : { records, next: String(Number(cursor) + users.length) };
  },
};
