import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { VendorError } from '../../functions/core/errors.ts';
import type { Credential } from '../../functions/core/secrets.ts';
import { createVendorApi, type Session, type VendorApiOptions } from '../../functions/outbound/vendor-api.ts';
import type { Authorization, Directory } from '../../functions/sources/directory.ts';
import { type Asked, startServer, type TestServer } from '../support/http-server.ts';

let servers: TestServer[];
let vendor: TestServer;
/** How the vendor answers below /v1; replaced by a test. */
let reply: (asked: Asked, response: ServerResponse) => void;
let now: Date;
let credential: Credential | undefined;
let permits: number;
let pauses: (number | undefined)[];
/** The vendor's word on a token: what it takes, and for how many seconds a new one is good. */
let tokens: { valid: Set<string>; made: number; seconds: number | undefined };

const json = (response: ServerResponse, body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const serve = async (answer: (asked: Asked, response: ServerResponse) => void) => {
  const server = await startServer(answer);
  servers.push(server);
  return server;
};

beforeEach(async () => {
  servers = [];
  now = new Date('2026-11-23T12:00:00Z');
  credential = { clientId: 'invented-client', clientSecret: 'invented-secret' };
  permits = 0;
  pauses = [];
  tokens = { valid: new Set(), made: 0, seconds: 3600 };
  reply = ({ headers }, response) =>
    tokens.valid.has(headers.authorization ?? '') ? json(response, { id: 'u_1' }) : json(response, {}, 401);
  vendor = await serve((asked, response) => {
    if (asked.url !== '/oauth/token') return reply(asked, response);
    tokens.made += 1;
    const token = `invented-token-${tokens.made}`;
    tokens.valid.add(`Bearer ${token}`);
    return json(response, { token });
  });
});
afterEach(() => Promise.all(servers.map((server) => server.close())));

const oauth = (overrides: Partial<Directory> = {}): Directory => ({
  hosts: () => [`${vendor.origin}/v1`],
  credential: ['clientId', 'clientSecret'],
  async authorize({ credential: { clientId = '', clientSecret = '' }, call, now: moment }): Promise<Authorization> {
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret });
    const { body } = await call({ method: 'POST', url: `${vendor.origin}/oauth/token`, body: form });
    const headers = { authorization: `Bearer ${(body as { token: string }).token}` };
    const { seconds } = tokens;
    return seconds === undefined ? { headers } : { headers, expiresAt: new Date(moment.getTime() + seconds * 1000) };
  },
  pace: { intervalMs: 100, burst: 1 },
  ...overrides,
});
const apiOf = (directory = oauth(), options: Partial<VendorApiOptions> = {}) =>
  createVendorApi({
    directory,
    settings: {},
    credential: async () => credential,
    now: () => now,
    permit: async () => {
      permits += 1;
    },
    onRateLimit: async (seconds) => {
      pauses.push(seconds);
    },
    ...options,
  });
const calls = () => vendor.asked.filter(({ url }) => url !== '/oauth/token');
const failureOf = async (call: Promise<unknown>): Promise<VendorError> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof VendorError)) throw new Error('not a VendorError', { cause: error });
  return error;
};

describe('a call', () => {
  it('goes below the base URL, with the authorization, and brings back JSON', async () => {
    expect(await apiOf()({ url: '/users/u_1?expand=all' })).toMatchObject({ status: 200, body: { id: 'u_1' } });
    expect(calls()).toMatchObject([
      {
        method: 'GET',
        url: '/v1/users/u_1?expand=all',
        headers: { accept: 'application/json', authorization: 'Bearer invented-token-1' },
        body: '',
      },
    ]);
    expect(calls()[0]?.headers).not.toHaveProperty('content-type');
  });

  it('sends JSON, and a form where it is one', async () => {
    await apiOf()({ method: 'POST', url: '/search', body: { name: 'Zoë' }, headers: { 'x-invented': 'yes' } });
    expect(calls()).toMatchObject([
      { method: 'POST', headers: { 'content-type': 'application/json', 'x-invented': 'yes' }, body: '{"name":"Zoë"}' },
    ]);
    expect(vendor.asked[0]).toMatchObject({
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials&client_id=invented-client&client_secret=invented-secret',
    });
    expect(vendor.asked[0]?.headers).not.toHaveProperty('authorization');
  });

  it('waits for a permit each time, a login too', async () => {
    const api = apiOf();
    await api({ url: '/users' });
    expect(permits).toBe(2);
    await api({ url: '/users' });
    expect(permits).toBe(3);
  });

  it('is not made without a permit', async () => {
    const permit = async () => {
      throw new RangeError('out of time');
    };
    await expect(apiOf(oauth(), { permit })({ url: '/users' })).rejects.toThrow(RangeError);
    expect(vendor.asked).toEqual([]);
  });

  it.each([404, 410])('takes %i for an answer: it says that something is gone', async (status) => {
    reply = (_, response) => json(response, { error: 'none' }, status);
    expect(await apiOf()({ url: '/users/u_1' })).toMatchObject({ status, body: { error: 'none' } });
  });

  it('answers without a body where there is none', async () => {
    reply = (_, response) => response.writeHead(204).end();
    expect(await apiOf()({ url: '/users' })).toMatchObject({ status: 204, body: undefined });
  });
});

describe('the own hosts', () => {
  it('are those of the directory, also for a whole URL, as a "next" link is', async () => {
    const other = await serve((_, response) => json(response, { page: 2 }));
    const api = apiOf(oauth({ hosts: () => [`${vendor.origin}/v1`, other.origin] }));
    await api({ url: `${vendor.origin}/v2/users?after=3` });
    expect((await api({ url: `${other.origin}/users` })).body).toEqual({ page: 2 });
    expect(calls().map(({ url }) => url)).toEqual(['/v2/users?after=3']);
  });

  it('are the only ones that are called, and the only ones that see the credential', async () => {
    const thief = await serve((_, response) => json(response, {}));
    const api = apiOf();
    await api({ url: '/users' });
    const { host } = new URL(vendor.origin);
    const elsewhere = [
      `${thief.origin}/users`,
      `https://${host}/v1/users`,
      `http://${host}@${new URL(thief.origin).host}/users`,
      `http://localhost:${new URL(vendor.origin).port}/v1/users`,
      'file:///etc/hosts',
      'users',
      '',
    ];
    for (const url of elsewhere) expect((await failureOf(api({ url }))).code).toBe('UNEXPECTED');
    for (const url of ['//thief.example/users', '/@thief.example/', '/../../users', '/\\thief.example']) await api({ url });
    expect(thief.asked).toEqual([]);
    expect(calls()).toHaveLength(5);
  });

  it('are left by no redirect, in a login neither', async () => {
    const thief = await serve((_, response) => json(response, { token: 'x' }));
    reply = (_, response) => response.writeHead(302, { location: thief.origin }).end();
    expect(await failureOf(apiOf()({ url: '/users' }))).toMatchObject({ code: 'UNEXPECTED', status: 302 });
    const login = oauth({
      authorize: async ({ call }) => ({ headers: { 'x-status': String((await call({ url: '/login' })).status) } }),
    });
    expect(await failureOf(apiOf(login)({ url: '/users' }))).toMatchObject({ code: 'UNEXPECTED', status: 302 });
    expect(thief.asked).toEqual([]);
  });
});

describe('what is no answer of an API', () => {
  it.each([
    ['a web page', 200, 'text/html; charset=utf-8', '<!doctype html>'],
    ['a web page instead of a user', 404, 'text/html', '<!doctype html>'],
    ['half a body', 200, 'application/json', '{"users":['],
    ['a body above 16 MiB', 200, 'application/json', JSON.stringify('x'.repeat(16 * 1024 * 1024))],
    ['another status', 400, 'application/json', '{}'],
    ['a status of nobody', 418, 'application/json', '{}'],
  ])('%s is UNEXPECTED', async (_, status, type, body) => {
    reply = (_asked, response) => response.writeHead(status, { 'content-type': type }).end(body);
    expect(await failureOf(apiOf()({ url: '/users/u_1' }))).toMatchObject({ code: 'UNEXPECTED', status });
  });

  it.each([500, 502, 503])('%i is UNAVAILABLE, also as a web page', async (status) => {
    reply = (_, response) => response.writeHead(status, { 'content-type': 'text/html', 'retry-after': '9' }).end('<html>');
    expect(await failureOf(apiOf()({ url: '/users' }))).toMatchObject({ code: 'UNAVAILABLE', status, retryAfterSeconds: 9 });
    expect(pauses).toEqual([]);
  });

  it('ends at the time limit, which is ten seconds', async () => {
    const controller = new AbortController();
    const limits: number[] = [];
    reply = () => setImmediate(() => controller.abort());
    const abortAfter = (milliseconds: number) => {
      limits.push(milliseconds);
      return controller.signal;
    };
    expect((await failureOf(apiOf(oauth(), { abortAfter })({ url: '/users' }))).code).toBe('UNREACHABLE');
    expect(limits).toEqual([10_000, 10_000]);
  });

  it('comes from where nobody listens', async () => {
    await vendor.close();
    expect((await failureOf(apiOf()({ url: '/users' }))).code).toBe('UNREACHABLE');
  });

  it('is asked for once more when the connection died, and once only', async () => {
    let resets = 1;
    reply = (_, response) => (resets-- > 0 ? response.destroy() : json(response, { id: 'u_1' }));
    const api = apiOf();
    expect((await api({ url: '/users/u_1' })).body).toEqual({ id: 'u_1' });
    resets = 9;
    expect((await failureOf(api({ url: '/users/u_1' }))).code).toBe('UNREACHABLE');
    expect(resets).toBe(7);
  });
});

describe('429', () => {
  const limited = (headers: Readonly<Record<string, string>>) => {
    reply = (_, response) => json(response, {}, 429, headers);
  };

  it('makes everybody wait for as long as the vendor says', async () => {
    limited({ 'retry-after': '17' });
    expect(await failureOf(apiOf()({ url: '/users' }))).toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 17 });
    expect(pauses).toEqual([17]);
  });

  it('makes everybody wait when the vendor does not say how long', async () => {
    limited({});
    expect((await failureOf(apiOf()({ url: '/users' }))).retryAfterSeconds).toBeUndefined();
    expect(pauses).toEqual([undefined]);
  });

  it("goes by the vendor's own header where there is one", async () => {
    limited({ 'x-reset': String(now.getTime() / 1000 + 5), 'retry-after': '17' });
    const retryAfterSeconds: Directory['retryAfterSeconds'] = ({ headers }, moment) =>
      headers['x-reset'] === undefined ? undefined : Number(headers['x-reset']) - moment.getTime() / 1000;
    expect((await failureOf(apiOf(oauth({ retryAfterSeconds }))({ url: '/users' }))).retryAfterSeconds).toBe(5);
    limited({ 'retry-after': '17' });
    await failureOf(apiOf(oauth({ retryAfterSeconds }))({ url: '/users' }));
    expect(pauses).toEqual([5, 17]);
  });
});

describe('authorization', () => {
  it.each([
    ['there is none', undefined],
    ['a member of it is missing', { clientId: 'invented-client' }],
  ])('is not tried when %s', async (_, found) => {
    credential = found;
    expect((await failureOf(apiOf()({ url: '/users' }))).code).toBe('NO_CREDENTIAL');
    expect(vendor.asked).toEqual([]);
  });

  it('serves until a minute before it ends', async () => {
    const api = apiOf();
    await api({ url: '/users' });
    now = new Date(now.getTime() + 3_539_999);
    await api({ url: '/users' });
    expect(tokens.made).toBe(1);
    now = new Date(now.getTime() + 1);
    await api({ url: '/users' });
    expect(tokens.made).toBe(2);
    expect(calls().at(-1)?.headers.authorization).toBe('Bearer invented-token-2');
  });

  it('serves for ever when it does not end', async () => {
    tokens.seconds = undefined;
    const api = apiOf();
    await api({ url: '/users' });
    now = new Date('2036-01-01T00:00:00Z');
    await api({ url: '/users' });
    expect(tokens.made).toBe(1);
  });

  it('is used once where it lives for less than a minute', async () => {
    tokens.seconds = 30;
    const api = apiOf();
    await api({ url: '/users' });
    await api({ url: '/users' });
    expect(tokens.made).toBe(2);
  });

  it('is asked for once by all who need it', async () => {
    const api = apiOf();
    await Promise.all(Array.from({ length: 10 }, (_, index) => api({ url: `/users/${index}` })));
    expect(tokens.made).toBe(1);
  });

  it('outlives the VendorApi that obtained it, within a session', async () => {
    const session: Session = {};
    await apiOf(oauth(), { session })({ url: '/users' });
    await apiOf(oauth(), { session })({ url: '/users' });
    expect(tokens.made).toBe(1);
    await apiOf()({ url: '/users' });
    expect(tokens.made).toBe(2);
  });

  it('is obtained anew when what was remembered is refused, and the call is made again', async () => {
    const api = apiOf();
    await api({ url: '/users' });
    tokens.valid.clear();
    expect((await api({ url: '/users/u_1' })).status).toBe(200);
    expect(calls().map(({ headers }) => headers.authorization)).toEqual([
      'Bearer invented-token-1',
      'Bearer invented-token-1',
      'Bearer invented-token-2',
    ]);
  });

  it('is obtained anew once for all whose token was refused', async () => {
    const api = apiOf();
    await api({ url: '/users' });
    tokens.valid.clear();
    await Promise.all(Array.from({ length: 10 }, (_, index) => api({ url: `/users/${index}` })));
    expect(tokens.made).toBe(2);
  });

  it.each([401, 403])('that was just obtained and gets %i is not tried again, by this call', async (status) => {
    reply = (_, response) => json(response, {}, status);
    const api = apiOf();
    expect(await failureOf(api({ url: '/users' }))).toMatchObject({ code: 'UNAUTHORIZED', status });
    expect([tokens.made, calls().length]).toEqual([1, 1]);
    await failureOf(api({ url: '/users' }));
    expect([tokens.made, calls().length]).toEqual([2, 2]);
  });

  it('that is refused twice in a row is the end of the call', async () => {
    const api = apiOf();
    await api({ url: '/users' });
    reply = (_, response) => json(response, {}, 401);
    expect((await failureOf(api({ url: '/users' }))).code).toBe('UNAUTHORIZED');
    expect([tokens.made, calls().length]).toEqual([2, 3]);
  });

  it('reads the credential again each time: it may have been rotated', async () => {
    const plain = oauth({
      credential: ['token'],
      authorize: async ({ credential: { token = '' } }: { readonly credential: Credential }) => ({
        headers: { authorization: `Bearer ${token}` },
      }),
    });
    credential = { token: 'before' };
    tokens.valid = new Set(['Bearer before']);
    const api = apiOf(plain);
    await api({ url: '/users' });
    credential = { token: 'after' };
    tokens.valid = new Set(['Bearer after']);
    expect((await api({ url: '/users' })).status).toBe(200);
  });

  it('that fails is tried again by the next call', async () => {
    let down = true;
    const { authorize } = oauth();
    const flaky = oauth({
      authorize: async (login) => {
        if (down) throw new VendorError('UNAVAILABLE');
        return authorize(login);
      },
    });
    const api = apiOf(flaky);
    const failures = await Promise.all([failureOf(api({ url: '/users' })), failureOf(api({ url: '/users' }))]);
    expect(failures.map(({ code }) => code)).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
    down = false;
    expect((await api({ url: '/users' })).status).toBe(200);
  });
});

it('never names a credential in an error', async () => {
  reply = (_, response) => json(response, {}, 401);
  const error = await failureOf(apiOf()({ url: '/users' }));
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/invented-(token|secret)/);
});

it('does not begin without the settings that name its host', () => {
  const hosts = () => {
    throw new Error('set `api`');
  };
  expect(() => apiOf(oauth({ hosts }))).toThrow('set `api`');
});
