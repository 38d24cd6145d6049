import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import type { SourceSettings } from '../core/settings.ts';
import { bearerOf } from './access-token.ts';
import type { ApiAnswer, Directory } from './directory.ts';

const baseOf = ({ api }: SourceSettings): string => {
  if (api === undefined)
    throw new Error('firebase: set api, e.g. "https://identitytoolkit.googleapis.com/v1/projects/acme-prod"');
  return api;
};
/** Any other base URL is taken for one that gives its own tokens. */
const loginOf = (settings: SourceSettings): string =>
  new URL(baseOf(settings)).origin === 'https://identitytoolkit.googleapis.com'
    ? 'https://oauth2.googleapis.com'
    : baseOf(settings);

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Whoever copies the key out of the service account's JSON by hand copies its line breaks as `\n`. */
const keyOf = (pem: string): KeyObject => {
  try {
    return createPrivateKey(pem.replaceAll('\\n', '\n'));
  } catch (cause) {
    throw new VendorError('NO_CREDENTIAL', { cause });
  }
};

interface Grant {
  readonly clientEmail: string;
  readonly privateKey: string;
  readonly url: string;
  readonly now: Date;
}

/** What a service account asks for a token with: developers.google.com/identity/protocols/oauth2/service-account */
const assertionOf = ({ clientEmail, privateKey, url, now }: Grant): string => {
  const iat = Math.floor(now.getTime() / 1000);
  const scope = 'https://www.googleapis.com/auth/identitytoolkit';
  const signed = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iss: clientEmail, scope, aud: url, iat, exp: iat + 3600 })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), keyOf(privateKey)).toString('base64url')}`;
};

const claimsIn = (json: string | null | undefined): unknown => {
  const parsed = parseJson(Buffer.from(json ?? ''));
  return parsed.ok ? parsed.value : undefined;
};

/** Password hashes, which the answers may hold, are gone before anything else sees them. */
const Account = z
  .object({
    localId: z.string(),
    email: z.string().nullish(),
    emailVerified: z.boolean().nullish(),
    displayName: z.string().nullish(),
    disabled: z.boolean().nullish(),
    createdAt: z.string().nullish(),
    lastLoginAt: z.string().nullish(),
    providerUserInfo: z.array(z.object({ providerId: z.string().nullish() })).nullish(),
    customAttributes: z.string().nullish(),
    customAuth: z.boolean().nullish(),
    tenantId: z.string().nullish(),
  })
  .transform(({ localId, createdAt, lastLoginAt, providerUserInfo, customAttributes, ...account }) => ({
    uid: localId,
    ...account,
    metadata: { creationTime: createdAt, lastSignInTime: lastLoginAt },
    providerData: providerUserInfo,
    customClaims: claimsIn(customAttributes),
  }));
/** A page without accounts has no `users`. */
const Accounts = z.object({ users: z.array(Account).default([]), nextPageToken: z.string().optional() });

/** Not found is the project, whose address is wrong then: an account that is gone is missing from the list. */
const accountsIn = ({ status, body }: ApiAnswer): z.infer<typeof Accounts> => {
  const { data } = Accounts.safeParse(body);
  if (status !== 200 || data === undefined) throw new VendorError('UNEXPECTED', { status });
  return data;
};

/** The largest page that the API serves. */
const PAGE_SIZE = 1000;

/** Accounts of one project, or of one tenant in it, by a service account: cloud.google.com/identity-platform/docs/reference/rest */
export const firebaseDirectory: Directory = {
  hosts: (settings) => [baseOf(settings), loginOf(settings)],
  credential: ['clientEmail', 'privateKey'],
  authorize: async ({ credential: { clientEmail = '', privateKey = '' }, settings, call, now }) => {
    const url = `${loginOf(settings)}/token`;
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: assertionOf({ clientEmail, privateKey, url, now }),
    });
    return bearerOf(await call({ method: 'POST', url, body }), now);
  },
  // No limit is documented; a thousand accounts a call are many.
  pace: { intervalMs: 200, burst: 5 },
  fetch: async (api, { id, creates }) => {
    const [data] = accountsIn(await api({ method: 'POST', url: '/accounts:lookup', body: { localId: [id] } })).users;
    return data && { type: creates ? 'user.created' : 'user.updated', data };
  },
  gone: ({ id }) => ({ type: 'user.deleted', data: { uid: id } }),
  // All of them whatever `since` says: the API does not know when an account was changed.
  list: async (api, cursor) => {
    const query = new URLSearchParams({ maxResults: String(PAGE_SIZE), ...(cursor !== undefined && { nextPageToken: cursor }) });
    const { users, nextPageToken } = accountsIn(await api({ url: `/accounts:batchGet?${query}` }));
    return { records: users.map((data) => ({ type: 'user.updated', data })), ...(nextPageToken && { next: nextPageToken }) };
  },
};
