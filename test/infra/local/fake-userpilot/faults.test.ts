import { afterEach, describe, expect, it } from '@jest/globals';
import { ERRORS, jsonOf, KEY, start, stopAll, until } from './harness.ts';

afterEach(stopAll);

const USER = { user_id: 'u-1', metadata: { name: 'Ines' } };

describe('scripts', () => {
  it('next: so many requests, one script after another, then none', async () => {
    const { fake, call } = await start();
    fake.faults.next(2, { kind: 'status', status: 503 });
    fake.faults.next(1, { kind: 'status', status: 500 });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i += 1) statuses.push((await call('POST', '/v1/identify', USER)).status);
    expect(statuses).toEqual([503, 503, 500, 202]);
  });

  it('forUser: this user only, until it is lifted', async () => {
    const { fake, call } = await start();
    fake.faults.forUser('u-1', { kind: 'status', status: 400 });
    const statusOf = async (user_id: string) => (await call('POST', '/v1/identify', { user_id })).status;
    expect([await statusOf('u-1'), await statusOf('u-2'), await statusOf('u-1')]).toEqual([400, 202, 400]);
    fake.faults.forUser('u-1', undefined);
    expect(await statusOf('u-1')).toBe(202);
  });

  it('always: every request, even with a bad key, until it is lifted or all is cleared', async () => {
    const { fake, call } = await start();
    fake.faults.always({ kind: 'status', status: 502 });
    expect((await call('GET', '/v1/validate', undefined, { key: 'invented-other' })).status).toBe(502);
    fake.faults.always(undefined);
    expect((await call('GET', '/v1/validate')).status).toBe(200);
    fake.faults.always({ kind: 'status', status: 502 });
    fake.faults.next(3, { kind: 'status', status: 503 });
    fake.faults.forUser('u-1', { kind: 'status', status: 504 });
    fake.faults.clear();
    expect((await call('POST', '/v1/identify', USER)).status).toBe(202);
  });

  it('with a path waits for a request that fits', async () => {
    const { fake, call } = await start();
    fake.faults.next(1, { kind: 'status', status: 409, path: '/v1/users/bulk_identify' });
    expect((await call('POST', '/v1/identify', USER)).status).toBe(202);
    expect((await call('POST', '/v1/users/bulk_identify', { users: [USER] })).status).toBe(409);
    expect((await call('POST', '/v1/users/bulk_identify', { users: [USER] })).status).toBe(202);
  });
});

describe('faults without effect', () => {
  it.each([
    ['error shape', {}, 'application/json; charset=utf-8', (text: string) => expect(JSON.parse(text)).toEqual(ERRORS)],
    ['html', { body: 'html' }, 'text/html; charset=utf-8', (text: string) => expect(text).toMatch(/^<!doctype html>/)],
    ['empty', { body: 'empty' }, 'application/json; charset=utf-8', (text: string) => expect(text).toBe('')],
    [
      'malformed',
      { body: 'malformed' },
      'application/json; charset=utf-8',
      (text: string) => expect(() => JSON.parse(text)).toThrow(),
    ],
  ] as const)('status with %s body', async (_, extra, type, check) => {
    const { fake, call } = await start();
    fake.faults.next(1, { kind: 'status', status: 503, ...extra });
    const answer = await call('POST', '/v1/identify', USER);
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('retry-after')]).toEqual([503, type, null]);
    check(await answer.text());
    expect(fake.store.users()).toEqual([]);
    expect(fake.requests()[0]).toMatchObject({ status: 503, fault: 'status', body: USER });
  });

  it('status with Retry-After', async () => {
    const { fake, call } = await start();
    fake.faults.next(1, { kind: 'status', status: 429, retryAfterSeconds: 3 });
    const answer = await call('POST', '/v1/identify', USER);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '3']);
  });

  it.each([
    [{ kind: 'redirect' }, 307, '/v1/identify'],
    [{ kind: 'redirect', status: 301, location: 'http://127.0.0.1:9/elsewhere' }, 301, 'http://127.0.0.1:9/elsewhere'],
  ] as const)('%j', async (fault, status, location) => {
    const { fake, call } = await start();
    fake.faults.next(1, fault);
    const answer = await call('POST', '/v1/identify', USER);
    expect([answer.status, answer.headers.get('location')]).toEqual([status, location]);
    expect(fake.store.users()).toEqual([]);
  });

  it('hang: nothing comes until the fake closes', async () => {
    const { fake, call } = await start();
    fake.faults.next(1, { kind: 'hang' });
    const outcome = call('POST', '/v1/identify', USER).then(
      () => 'answered',
      () => 'cut',
    );
    await until(() => fake.requests().length === 1);
    expect(fake.requests()[0]).toMatchObject({ status: null, fault: 'hang', body: USER });
    expect(fake.store.users()).toEqual([]);
    await fake.close();
    expect(await outcome).toBe('cut');
  });

  it('reset-before', async () => {
    const { fake, call } = await start();
    fake.faults.next(1, { kind: 'reset-before' });
    await expect(call('POST', '/v1/identify', USER)).rejects.toThrow('fetch failed');
    expect(fake.store.users()).toEqual([]);
    expect(fake.requests()).toEqual([expect.objectContaining({ status: null, fault: 'reset-before' })]);
  });
});

describe('faults after the effect', () => {
  it('reset-after', async () => {
    const { fake, call } = await start();
    fake.faults.next(1, { kind: 'reset-after' });
    await expect(call('POST', '/v1/identify', USER)).rejects.toThrow('fetch failed');
    expect(fake.store.user('u-1')?.metadata).toEqual({ name: 'Ines' });
    expect(fake.requests()).toEqual([expect.objectContaining({ status: 202, fault: 'reset-after' })]);
  });

  it('drip: a good status and a body without end', async () => {
    const { fake, call } = await start();
    fake.faults.next(1, { kind: 'drip' });
    const answer = await call('POST', '/v1/identify', USER);
    expect(answer.status).toBe(202);
    expect(fake.store.users()).toHaveLength(1);
    const reader = answer.body?.getReader();
    const sizes: (number | undefined)[] = [];
    for (let i = 0; i < 4; i += 1) sizes.push((await reader?.read())?.value?.length);
    expect(sizes.slice(1)).toEqual([1, 1, 1]);
    await reader?.cancel();
  });

  it.each([
    [{ kind: 'huge-body' }, 8_000_000],
    [{ kind: 'huge-body', bytes: 3_000_000 }, 3_000_000],
  ] as const)('%j', async (fault, bytes) => {
    const { fake, call } = await start();
    fake.faults.next(1, fault);
    const answer = await call('POST', '/v1/identify', USER);
    expect(answer.status).toBe(202);
    expect((await answer.text()).length).toBeGreaterThanOrEqual(bytes);
    expect(fake.store.users()).toHaveLength(1);
  });

  it.each([
    ['ok-but-html', /^<!doctype html>/],
    ['ok-but-empty', /^$/],
    ['ok-but-malformed', /^\{"errors": \[\{"mess$/],
  ] as const)('%s', async (kind, text) => {
    const { fake, call } = await start();
    fake.faults.always({ kind });
    const answer = await call('POST', '/v1/identify', USER);
    expect([answer.status, await answer.text()]).toEqual([202, expect.stringMatching(text)]);
    expect(fake.store.users()).toHaveLength(1);
    const refused = await call('POST', '/v1/identify', {});
    expect([refused.status, await refused.json()]).toEqual([400, ERRORS]);
  });

  it('delay: the effect at once, the answer later', async () => {
    const { fake, call } = await start();
    fake.faults.next(1, { kind: 'delay', ms: 100 });
    const before = performance.now();
    const answer = call('POST', '/v1/identify', USER);
    await until(() => fake.store.users().length === 1);
    expect((await answer).status).toBe(202);
    expect(performance.now() - before).toBeGreaterThanOrEqual(95);
  });

  it('delay, late: the effect comes after the caller has hung up', async () => {
    const { fake, call } = await start();
    fake.faults.next(1, { kind: 'delay', ms: 150, late: true });
    const caller = new AbortController();
    const answer = call('POST', '/v1/identify', USER, { signal: caller.signal }).catch(() => 'hung up');
    await until(async () => (await jsonOf(fetch(`${fake.url}/_/stats`))).identifyCalls === 1);
    expect(fake.store.users()).toEqual([]);
    caller.abort();
    expect(await answer).toBe('hung up');
    await until(() => fake.store.users().length === 1);
    expect(fake.requests()).toEqual([expect.objectContaining({ status: 202, fault: 'delay' })]);
  });

  it('closes in the middle of a delay', async () => {
    const { fake, call } = await start();
    fake.faults.next(1, { kind: 'delay', ms: 600_000 });
    const answer = call('POST', '/v1/identify', USER).catch(() => 'cut');
    await until(() => fake.requests().length === 1);
    await fake.close();
    expect(await answer).toBe('cut');
    await expect(fetch(fake.url, { headers: { authorization: `Token ${KEY}` } })).rejects.toThrow('fetch failed');
  });
});
