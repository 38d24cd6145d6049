import { afterEach, describe, expect, it } from '@jest/globals';
import { jsonOf, KEY, NOON, start, stopAll } from './harness.ts';

afterEach(stopAll);

const read = <Shape = unknown>(url: string, path: string) => jsonOf<Shape>(fetch(`${url}${path}`));
const post = (url: string, path: string, body: unknown) => fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });

describe('looking inside', () => {
  it('GET / lists the routes, on the loopback address only', async () => {
    const { fake } = await start();
    expect(fake.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(Object.keys((await read<{ routes: object }>(fake.url, '/')).routes)).toEqual(
      expect.arrayContaining(['GET /_/users', 'DELETE /_/faults']),
    );
  });

  it('shows users and companies, one or all, by encoded ids', async () => {
    const { fake, call } = await start();
    await call('POST', '/v1/identify', { user_id: 'auth0|a/1', company: { id: 'c 1' } });
    expect(await read(fake.url, '/_/users')).toEqual(fake.store.users());
    expect(await read(fake.url, '/_/companies')).toEqual([{ company_id: 'c 1', metadata: {} }]);
    expect(await read(fake.url, `/_/users/${encodeURIComponent('auth0|a/1')}`)).toMatchObject({
      user_id: 'auth0|a/1',
      company_id: 'c 1',
    });
    expect(await read(fake.url, '/_/companies/c%201')).toEqual({ company_id: 'c 1', metadata: {} });
    const missing = ['/_/users/nobody', '/_/companies/nobody', '/_/users/%zz', '/_/nothing'].map((path) =>
      fetch(`${fake.url}${path}`),
    );
    expect((await Promise.all(missing)).map((answer) => answer.status)).toEqual([404, 404, 404, 404]);
  });

  it('shows the request log without keys, the newest ones on request', async () => {
    const { fake, call } = await start();
    for (const user_id of ['u-1', 'u-2', 'u-3']) await call('POST', '/v1/identify', { user_id });
    const log = await read<unknown[]>(fake.url, '/_/requests');
    expect(log).toEqual(fake.requests());
    expect(log[2]).toEqual({
      at: NOON,
      method: 'POST',
      path: '/v1/identify',
      status: 202,
      keyOk: true,
      body: { user_id: 'u-3' },
    });
    expect(JSON.stringify(log)).not.toContain(KEY);
    expect(await read(fake.url, '/_/requests?limit=1')).toEqual([log[2]]);
  });

  it('counts, the identify calls by the callers’ clock', async () => {
    const { fake, pass, call } = await start({ knobs: { identifyPerMinute: 2 } });
    for (let i = 0; i < 3; i += 1) await call('POST', '/v1/identify', { user_id: 'u-1' });
    // Opens the fake's own window, and changes nothing about what the callers did in a minute.
    fake.advance(60_000);
    await call('POST', '/v1/companies/identify', { company_id: 'c-1' });
    pass(60_000);
    await call('POST', '/v1/identify', {});
    await call('POST', '/v1/identify', { user_id: 'u-1' }, { key: 'invented-other' });
    fake.faults.next(1, { kind: 'reset-before', path: '/v1/validate' });
    await expect(call('GET', '/v1/validate')).rejects.toThrow('fetch failed');
    expect(await read(fake.url, '/_/stats')).toEqual({
      users: 1,
      companies: 1,
      identifyCalls: 5,
      maxIdentifyPerMinute: 4,
      rateLimited: 1,
      refused: 2,
      answers: { 202: 3, 429: 1, 400: 1, 401: 1, none: 1 },
    });
  });
});

describe('changing things', () => {
  it('POST /_/advance moves the clock, forward only', async () => {
    const { fake, call } = await start();
    await call('POST', '/v1/users/bulk_identify', { users: [{ user_id: 'u-1' }] });
    expect(await (await post(fake.url, '/_/advance', { ms: 60_000 })).json()).toEqual({ now: '2031-04-09T12:01:00.000Z' });
    expect(await read(fake.url, '/_/jobs')).toEqual([expect.objectContaining({ status: 'completed', total_rows: 1 })]);
    expect((await post(fake.url, '/_/advance', { ms: -1 })).status).toBe(400);
    expect((await post(fake.url, '/_/advance', 'soon')).status).toBe(400);
    expect(() => fake.advance(-1)).toThrow(RangeError);
  });

  it('POST and DELETE /_/faults script and clear', async () => {
    const { fake, call } = await start();
    const statusOf = async (user_id: string) => (await call('POST', '/v1/identify', { user_id })).status;
    await post(fake.url, '/_/faults', { fault: { kind: 'status', status: 502 } });
    await post(fake.url, '/_/faults', { fault: { kind: 'status', status: 503 }, next: 1 });
    await post(fake.url, '/_/faults', { fault: { kind: 'status', status: 504 }, user: 'u-2' });
    expect([await statusOf('u-1'), await statusOf('u-1'), await statusOf('u-2')]).toEqual([503, 502, 504]);
    expect((await fetch(`${fake.url}/_/faults`, { method: 'DELETE' })).status).toBe(200);
    expect([await statusOf('u-1'), await statusOf('u-2')]).toEqual([202, 202]);
    expect((await post(fake.url, '/_/faults', { fault: { kind: 'gremlins' } })).status).toBe(400);
  });
});
