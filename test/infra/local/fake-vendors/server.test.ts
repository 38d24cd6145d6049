import { afterEach, describe, expect, it } from '@jest/globals';
import type { SourceId } from '../../../../functions/manifest.ts';
import { SLOW_MS } from '../../../../infra/local/fake-vendors/faults.ts';
import type { FakeUser, FakeVendor } from '../../../../infra/local/fake-vendors/vendor.ts';
import { personOf } from '../../../../infra/tools/send/person.ts';
import { type FakeVendorServer, startFakeVendorServer, type TestVendorsOptions } from '../../../support/fake-vendor-server.ts';

const ID = 'harbour' as SourceId; // no source: the server asks nothing of it but a name
const NOON = new Date('2031-04-09T12:00:00Z');

/** Answers what it was asked, so that tests see what a vendor sees. */
const harbour: FakeVendor = {
  id: ID,
  credential: { token: 'invented-token' },
  limit: { calls: 3, perMs: 60_000 },
  answer: ({ method, path, query, headers, body }, { users, user, now, base }) => {
    if (headers.authorization !== 'Bearer invented-token') return { status: 401 };
    const found = path.startsWith('/users/') ? user(path.slice('/users/'.length)) : undefined;
    if (path === '/users') return { status: 200, body: users.map(({ who }) => who.id) };
    if (path.startsWith('/users/')) return found ? { status: 200, body: found } : { status: 404 };
    const form = body instanceof URLSearchParams ? Object.fromEntries(body) : body;
    return { status: 200, headers: { 'x-page': '1' }, body: { method, path, query: [...query], form, now: now(), base } };
  },
};
/** As many calls as a test wants. */
const patient: FakeVendor = { ...harbour, limit: { calls: 1000, perMs: 1000 } };

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (options: Partial<TestVendorsOptions> = {}): Promise<void> => {
  server = await startFakeVendorServer({ vendors: [patient], now: () => NOON, ...options });
};
const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${server.baseOf(ID)}${path}`, { headers: { Authorization: 'Bearer invented-token' }, ...init });
const statusOf = async (path: string): Promise<number> => (await ask(path)).status;
const json = async (path: string, init?: RequestInit): Promise<unknown> => (await ask(path, init)).json();

describe('what a vendor sees', () => {
  it('is the path below its base URL, the query, the clock and the base URL', async () => {
    await start();
    expect(await json('/a%2Fb?limit=2&filter=x%3Fy&limit=3')).toEqual({
      method: 'GET',
      path: '/a%2Fb',
      query: [
        ['limit', '2'],
        ['filter', 'x?y'],
        ['limit', '3'],
      ],
      now: NOON.toISOString(),
      base: `${server.origin}/harbour`,
    });
    expect(await json('')).toMatchObject({ path: '/' });
  });

  it.each([
    ['JSON', 'application/scim+json; charset=utf-8', '{"grant":"x"}', { grant: 'x' }],
    ['a form', 'application/x-www-form-urlencoded', 'grant=x', { grant: 'x' }],
    ['nothing readable', 'application/json', '{', undefined],
    ['nothing that it knows', 'text/plain', 'grant=x', undefined],
  ])('reads %s', async (_, type, body, form) => {
    await start();
    const headers = { authorization: 'Bearer invented-token', 'content-type': type };
    const seen = (await json('/token', { method: 'POST', headers, body })) as { form?: unknown };
    expect(seen.form).toEqual(form);
  });

  it('has its own status, headers and empty bodies sent', async () => {
    await start();
    expect((await ask('/x')).headers.get('x-page')).toBe('1');
    const refused = await ask('/x', { headers: {} });
    expect([refused.status, await refused.text()]).toEqual([401, '']);
  });

  it('does not exist below another name', async () => {
    await start();
    expect((await fetch(`${server.origin}/elsewhere/users`)).status).toBe(404);
  });
});

describe('people', () => {
  const early: FakeUser = { who: personOf(77), createdAt: new Date('2030-01-01'), updatedAt: new Date('2030-01-01') };

  it('are listed in order of creation, and known by id when they were only invented', async () => {
    await start({ users: 2 });
    server.add(early);
    expect(await json('/users')).toEqual(['invented-user-000077', 'invented-user-000000', 'invented-user-000001']);
    expect(await json('/users/invented-user-1234567')).toMatchObject({ who: { email: personOf(1_234_567).email } });
    expect(await statusOf('/users/somebody')).toBe(404);
    expect(await statusOf('/users/invented-user-0000001')).toBe(404); // no id that `personOf` writes
  });

  it('are gone once removed, and back once added', async () => {
    await start({ users: [early] });
    server.remove('invented-user-000077');
    server.remove('invented-user-000005');
    expect(await json('/users')).toEqual([]);
    expect(await statusOf('/users/invented-user-000077')).toBe(404);
    expect(await statusOf('/users/invented-user-000005')).toBe(404);
    server.add(early);
    expect(await statusOf('/users/invented-user-000077')).toBe(200);
  });
});

describe('what goes wrong', () => {
  it('is a 429 with the seconds to wait above the limit of that vendor', async () => {
    await start({ vendors: [harbour] });
    expect([await statusOf('/1'), await statusOf('/2'), await statusOf('/3')]).toEqual([200, 200, 200]);
    const refused = await ask('/4');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
  });

  it('lets calls through again as the window moves on', async () => {
    await start({ vendors: [{ ...harbour, limit: { calls: 1, perMs: 50 } }] });
    expect([await statusOf('/1'), await statusOf('/2')]).toEqual([200, 429]);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await statusOf('/3')).toBe(200);
  });

  it('says 429 the way the vendor does', async () => {
    const tooMany: FakeVendor['tooMany'] = (seconds, now) => ({
      status: 429,
      headers: { 'x-reset': String(now.getTime() / 1000 + seconds) },
    });
    await start({ vendors: [{ ...patient, tooMany }] });
    server.breakNext(ID, ['429-retry-after']);
    expect((await ask('/1')).headers.get('x-reset')).toBe(String(NOON.getTime() / 1000 + 1));
  });

  it('is what was scripted, one fault for each request, noted in the journal', async () => {
    await start();
    server.breakNext(ID, ['429', '429-retry-after', '404']);
    server.breakNext(ID, ['500', 'reset']);
    const answers = [await ask('/1'), await ask('/2'), await ask('/3'), await ask('/4?page=2')];
    expect(answers.map((answer) => [answer.status, answer.headers.get('retry-after')])).toEqual([
      [429, null],
      [429, '1'],
      [404, null],
      [500, null],
    ]);
    await expect(ask('/5')).rejects.toThrow();
    expect(await statusOf('/6')).toBe(200);
    expect(server.requests.map(({ path, status }) => [path, status])).toEqual([
      ['/1', 429],
      ['/2', 429],
      ['/3', 404],
      ['/4', 500],
      ['/5', null],
      ['/6', 200],
    ]);
    expect(server.requests[3]).toMatchObject({ id: 'harbour', method: 'GET', query: new URLSearchParams('page=2') });
  });

  it('befalls only requests that mention somebody, where a script says so', async () => {
    await start();
    server.breakNext(ID, ['500', '404'], 'u|1');
    const form = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'user=u%7C1' };
    const statuses = [await statusOf('/users?q=other'), (await ask('/find', form)).status, await statusOf('/users/u%7C1')];
    expect(statuses).toEqual([200, 500, 404]);
  });

  it('may be just slow', async () => {
    await start();
    server.breakNext(ID, ['slow']);
    const begun = performance.now();
    expect(await statusOf('/1')).toBe(200);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(SLOW_MS - 50);
  });

  it('needs a vendor to break', async () => {
    await start();
    expect(() => server.breakNext('elsewhere' as SourceId, ['500'])).toThrow('no fake vendor is called elsewhere');
  });
});

describe('public keys', () => {
  it('are what the callback gives at that moment, whatever else is broken', async () => {
    let kid = 'first';
    await start({ keysOf: (id) => (id === 'harbour' ? { keys: [{ kid }] } : undefined) });
    server.breakNext(ID, ['500']);
    expect(await json('/jwks')).toEqual({ keys: [{ kid: 'first' }] });
    kid = 'second';
    expect(await json('/jwks')).toEqual({ keys: [{ kid: 'second' }] });
    expect((await fetch(`${server.origin}/elsewhere/jwks`)).status).toBe(404);
    expect(await statusOf('/1')).toBe(500);
  });
});
