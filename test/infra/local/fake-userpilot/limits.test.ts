import { afterEach, describe, expect, it } from '@jest/globals';
import { ERRORS, KEY, start, stopAll } from './harness.ts';

afterEach(stopAll);

const MINUTE = 60_000;

describe('600 identify calls in any 60 seconds', () => {
  it('is exact at 600 and 601, slides, and is shared by users and companies', async () => {
    const { fake, pass, call } = await start();
    const identify = async () => (await call('POST', '/v1/identify', { user_id: 'u-1' })).status;
    const company = async () => (await call('POST', '/v1/companies/identify', { company_id: 'c-1' })).status;
    const statuses = async (n: number, send: () => Promise<number>) => {
      const seen = new Set<number>();
      for (let i = 0; i < n; i += 1) seen.add(await send());
      return [...seen];
    };
    expect(await statuses(300, identify)).toEqual([202]);
    pass(MINUTE / 2);
    expect(await statuses(300, company)).toEqual([202]);
    expect([await identify(), await company()]).toEqual([429, 429]);
    pass(MINUTE / 2 - 1);
    expect(await identify()).toBe(429);
    pass(1);
    // The first 300 have just left the window; the 300 companies are still in it.
    expect(await statuses(300, identify)).toEqual([202]);
    expect([await identify(), await company()]).toEqual([429, 429]);
    expect(fake.requests().filter(({ status }) => status === 202)).toHaveLength(900);
  });

  it('refuses with the error shape and without Retry-After, or with the one of the knob', async () => {
    const plain = await start({ knobs: { identifyPerMinute: 0 } });
    const answer = await plain.call('POST', '/v1/identify', { user_id: 'u-1' });
    expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toEqual([429, null, ERRORS]);
    const helpful = await start({ knobs: { identifyPerMinute: 0, retryAfterSeconds: 7 } });
    expect((await helpful.call('POST', '/v1/identify', { user_id: 'u-1' })).headers.get('retry-after')).toBe('7');
  });

  it.each([
    [false, 202],
    [true, 429],
  ])('counts per key; with keysShareAllowance %s a second key gets %i', async (keysShareAllowance, status) => {
    const { call } = await start({ apiKeys: () => [KEY, 'invented-key-2'], knobs: { identifyPerMinute: 1, keysShareAllowance } });
    await call('POST', '/v1/identify', { user_id: 'u-1' });
    expect((await call('POST', '/v1/identify', { user_id: 'u-1' })).status).toBe(429);
    expect((await call('POST', '/v1/identify', { user_id: 'u-1' }, { key: 'invented-key-2' })).status).toBe(status);
  });

  it('does not count a call with a bad key', async () => {
    const { call } = await start({ knobs: { identifyPerMinute: 1 } });
    await call('POST', '/v1/identify', { user_id: 'u-1' }, { key: 'invented-other' });
    expect((await call('POST', '/v1/identify', { user_id: 'u-1' })).status).toBe(202);
  });
});

describe('track', () => {
  it('has an allowance of its own', async () => {
    const { call } = await start({ knobs: { identifyPerMinute: 0, trackPerMinute: 1 } });
    const track = async () => (await call('POST', '/v1/track', { user_id: 'u-1', event_name: 'Opened' })).status;
    expect([await track(), await track()]).toEqual([202, 429]);
  });
});

describe('delete', () => {
  it('passes once in two seconds, users and companies together', async () => {
    const { pass, call } = await start();
    const users = async () => (await call('DELETE', '/v1/users', { users: ['u-1'] })).status;
    const companies = async () => (await call('DELETE', '/v1/companies', { companies: ['c-1'] })).status;
    expect([await users(), await companies()]).toEqual([202, 429]);
    pass(1999);
    expect(await companies()).toBe(429);
    pass(1);
    expect(await companies()).toBe(202);
  });

  it('takes a JSON body, and removes only at the next 02:00 UTC', async () => {
    const { fake, call } = await start({ knobs: { deleteEveryMs: 0 } });
    await call('POST', '/v1/identify', { user_id: 'u-1', company: { id: 'c-1' } });
    await call('POST', '/v1/identify', { user_id: 'u-2' });
    const answer = await call('DELETE', '/v1/users', { users: ['u-1', 'u-unknown'] });
    expect([answer.status, await answer.json()]).toEqual([202, { message: expect.stringMatching(/^2 .*scheduled/) }]);
    await call('DELETE', '/v1/companies', { companies: ['c-1'] });
    fake.advance(14 * 60 * MINUTE - 1);
    expect(fake.store.users()).toHaveLength(2);
    expect(fake.store.companies()).toHaveLength(1);
    fake.advance(1);
    expect(fake.store.users().map((user) => user.user_id)).toEqual(['u-2']);
    expect(fake.store.companies()).toEqual([]);
  });

  it('sent at 02:00 sharp waits for the night after', async () => {
    const { fake, call } = await start();
    await call('POST', '/v1/identify', { user_id: 'u-1' });
    fake.advance(14 * 60 * MINUTE);
    await call('DELETE', '/v1/users', { users: ['u-1'] });
    fake.advance(24 * 60 * MINUTE - 1);
    expect(fake.store.users()).toHaveLength(1);
    fake.advance(1);
    expect(fake.store.users()).toEqual([]);
  });

  it.each([
    [{}],
    [{ users: 'u-1' }],
    [{ users: [] }],
    [{ users: [7] }],
    [{ users: [''] }],
    [{ users: [{ user_id: 'u-1' }] }],
    [''],
  ])('refuses %j with 400', async (body) => {
    const { call } = await start();
    expect((await call('DELETE', '/v1/users', body)).status).toBe(400);
  });

  it.each([
    [false, []],
    [true, ['u-1']],
  ])('of an id that is written again: with writingCancelsDeletion %s leaves %j', async (writingCancelsDeletion, left) => {
    const { fake, call } = await start({ knobs: { writingCancelsDeletion } });
    await call('POST', '/v1/identify', { user_id: 'u-1' });
    await call('DELETE', '/v1/users', { users: ['u-1'] });
    await call('POST', '/v1/identify', { user_id: 'u-1' });
    fake.advance(24 * 60 * MINUTE);
    expect(fake.store.users().map((user) => user.user_id)).toEqual(left);
  });
});
