import { type FakeAnswer, type FakeRequest, type FakeUser, type FakeVendor, type FakeWorld, pageAfter } from './vendor.ts';

const CREDENTIAL = {
  tenantId: '00000000-1111-4222-8333-invented0000',
  clientId: '00000000-bbbb-4222-8333-invented0000',
  clientSecret: 'invented-entra-client-secret',
} as const;
const TOKEN = 'invented-graph-access-token';
const MAX_PAGE = 999;
const DEFAULT_PAGE = 100;

const error = (status: number, code: string): FakeAnswer => ({ status, body: { error: { code, message: code } } });

const grant = ({ method, body }: FakeRequest): FakeAnswer => {
  const form = body instanceof URLSearchParams ? body : new URLSearchParams();
  const granted =
    method === 'POST' &&
    form.get('grant_type') === 'client_credentials' &&
    form.get('client_id') === CREDENTIAL.clientId &&
    form.get('client_secret') === CREDENTIAL.clientSecret &&
    form.get('scope')?.endsWith('/.default') === true;
  return granted
    ? { status: 200, body: { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: TOKEN } }
    : { status: 401, body: { error: 'invalid_client', error_description: 'AADSTS7000215: Invalid client secret provided.' } };
};

/** Of a local account: the address is a sign-in identity, and the principal name is random. */
const userOf = ({ who, createdAt }: FakeUser): Readonly<Record<string, unknown>> => ({
  id: who.id,
  displayName: `${who.firstName} ${who.lastName}`,
  givenName: who.firstName,
  surname: who.lastName,
  mail: null,
  otherMails: [],
  identities: [
    { signInType: 'emailAddress', issuer: 'invented.onmicrosoft.com', issuerAssignedId: who.email },
    { signInType: 'userPrincipalName', issuer: 'invented.onmicrosoft.com', issuerAssignedId: 'random@invented.onmicrosoft.com' },
  ],
  companyName: who.companyName,
  createdDateTime: `${createdAt.toISOString().slice(0, 19)}Z`,
  accountEnabled: true,
  preferredLanguage: 'en-GB',
  userType: 'Member',
  userPrincipalName: 'random@invented.onmicrosoft.com',
  mobilePhone: '+15555550142',
  extension_invented_companyId: who.companyId,
});

const selected = (user: FakeUser, names: readonly string[]): object =>
  Object.fromEntries(Object.entries(userOf(user)).filter(([name]) => names.includes(name)));

const listOf = (query: URLSearchParams, names: readonly string[], { users, base }: FakeWorld): FakeAnswer => {
  const top = Number(query.get('$top') ?? DEFAULT_PAGE);
  if (!Number.isInteger(top) || top < 1 || top > MAX_PAGE) return error(400, 'Request_UnsupportedQuery');
  const found = pageAfter(users, query.get('$skiptoken') ?? undefined, top);
  if (found === undefined) return error(400, 'Directory_ExpiredPageToken');
  const next = new URLSearchParams(query);
  if (found.next !== undefined) next.set('$skiptoken', found.next);
  return {
    status: 200,
    body: {
      '@odata.context': `${base}/$metadata#users`,
      ...(found.next !== undefined && { '@odata.nextLink': `${base}/users?${next}` }),
      value: found.page.map((user) => selected(user, names)),
    },
  };
};

/** Microsoft Graph, and the token endpoint of the tenant below the same address. */
export const fakeEntraExternalId: FakeVendor = {
  id: 'entra-external-id',
  credential: CREDENTIAL,
  limit: { calls: 100, perMs: 10_000 },
  answer: (request, world) => {
    const { method, path, query, headers } = request;
    if (path === `/${CREDENTIAL.tenantId}/oauth2/v2.0/token`) return grant(request);
    if (headers.authorization !== `Bearer ${TOKEN}`) return error(401, 'InvalidAuthenticationToken');
    const names = query.get('$select')?.split(',') ?? ['id', 'displayName', 'givenName', 'surname', 'mail', 'preferredLanguage'];
    if (method === 'GET' && path === '/users') return listOf(query, names, world);
    const id = /^\/users\/([^/]+)$/.exec(path)?.[1];
    const user = method === 'GET' && id !== undefined ? world.user(decodeURIComponent(id)) : undefined;
    return user === undefined ? error(404, 'Request_ResourceNotFound') : { status: 200, body: selected(user, names) };
  },
};
