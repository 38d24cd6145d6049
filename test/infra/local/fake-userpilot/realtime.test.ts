import { afterEach, describe, expect, it } from '@jest/globals';
import { ERRORS, KEY, NOON, start, stopAll } from './harness.ts';

afterEach(stopAll);

describe('the key', () => {
  it.each([
    ['no header', { authorization: '' }],
    ['another scheme', { authorization: `Bearer ${KEY}` }],
    ['no scheme', { authorization: KEY }],
    ['an unknown key', { authorization: 'Token invented-other' }],
  ])('refuses %s with 401 before it reads the body', async (_, headers) => {
    const { fake, call } = await start();
    const answer = await call('POST', '/v1/identify', 'not json', { headers });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toEqual(ERRORS);
    expect(fake.requests()).toEqual([{ at: NOON, method: 'POST', path: '/v1/identify', status: 401, keyOk: false }]);
  });

  it('refuses an App Token even when it is configured as a key', async () => {
    const { call } = await start({ apiKeys: () => ['NX-invented'] });
    expect((await call('GET', '/v1/validate', undefined, { key: 'NX-invented' })).status).toBe(401);
  });

  it('takes the scheme in any spelling', async () => {
    const { call } = await start();
    expect((await call('GET', '/v1/validate', undefined, { headers: { authorization: `token ${KEY}` } })).status).toBe(200);
  });

  it('can be rotated while the fake runs', async () => {
    let keys = ['invented-old'];
    const { call } = await start({ apiKeys: () => keys });
    const statusWith = async (key: string) => (await call('GET', '/v1/validate', undefined, { key })).status;
    expect([await statusWith('invented-old'), await statusWith('invented-new')]).toEqual([200, 401]);
    keys = ['invented-old', 'invented-new'];
    expect([await statusWith('invented-old'), await statusWith('invented-new')]).toEqual([200, 200]);
    keys = ['invented-new'];
    expect([await statusWith('invented-old'), await statusWith('invented-new')]).toEqual([401, 200]);
  });

  it('of another region is accepted without a visible effect when the knob says so', async () => {
    const { fake, call } = await start({ knobs: { invisibleKeys: ['invented-eu'] } });
    expect((await call('POST', '/v1/identify', { user_id: 'u-1' }, { key: 'invented-eu' })).status).toBe(202);
    expect(fake.store.users()).toEqual([]);
  });
});

describe('headers', () => {
  it.each([
    ['POST', '/v1/identify', { user_id: 'u-1' }],
    ['POST', '/v1/track', { user_id: 'u-1', event_name: 'Opened' }],
    ['DELETE', '/v1/users', { users: ['u-1'] }],
    ['DELETE', '/v1/companies', { companies: ['c-1'] }],
  ])('%s %s wants the one known version', async (method, path, body) => {
    const { call } = await start({ knobs: { deleteEveryMs: 0 } });
    expect((await call(method, path, body, { headers: { 'x-api-version': '' } })).status).toBe(400);
    expect((await call(method, path, body, { headers: { 'x-api-version': '2021-01-01' } })).status).toBe(400);
    expect((await call(method, path, body)).status).toBe(202);
  });

  it('the version and Accept are demanded or not as the knobs say', async () => {
    const lax = await start({ knobs: { requireVersionHeader: false } });
    expect((await lax.call('POST', '/v1/identify', { user_id: 'u-1' }, { headers: { 'x-api-version': '' } })).status).toBe(202);
    const strict = await start({ knobs: { requireAcceptHeader: true } });
    const accept = { accept: 'application/json, text/plain, */*' };
    expect((await strict.call('POST', '/v1/companies/identify', { company_id: 'c-1' })).status).toBe(400);
    expect((await strict.call('POST', '/v1/companies/identify', { company_id: 'c-1' }, { headers: accept })).status).toBe(202);
  });

  it('answers carry JSON with a charset and a fresh request id', async () => {
    const { call } = await start();
    const answers = [await call('GET', '/v1/validate'), await call('GET', '/v1/nowhere')];
    expect(answers.map((answer) => answer.status)).toEqual([200, 404]);
    expect(answers.map((answer) => answer.headers.get('content-type'))).toEqual(Array(2).fill('application/json; charset=utf-8'));
    const ids = answers.map((answer) => answer.headers.get('x-request-id'));
    expect(ids).toEqual([expect.stringMatching(/^[\w-]{20}$/), expect.stringMatching(/^[\w-]{20}$/)]);
    expect(new Set(ids).size).toBe(2);
  });
});

describe('POST /v1/identify', () => {
  it.each([
    ['text that is not JSON', '{"user_id":'],
    ['an array', []],
    ['nothing', ''],
    ['no user_id', { metadata: {} }],
    ['an empty user_id', { user_id: '' }],
    ['a number as user_id', { user_id: 7 }],
    ['metadata that is no object', { user_id: 'u-1', metadata: 'x' }],
    ['a company without id', { user_id: 'u-1', company: { name: 'Harbor Tiles' } }],
    ['a company with company_id only', { user_id: 'u-1', company: { company_id: 'c-1' } }],
    ['a company that is no object', { user_id: 'u-1', company: 'c-1' }],
  ])('refuses %s with 400', async (_, body) => {
    const { fake, call } = await start();
    const answer = await call('POST', '/v1/identify', body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual(ERRORS);
    expect(fake.store.users()).toEqual([]);
  });

  it('refuses JSON under another content type', async () => {
    const { call } = await start();
    expect((await call('POST', '/v1/identify', { user_id: 'u-1' }, { headers: { 'content-type': 'text/plain' } })).status).toBe(
      400,
    );
  });

  it('refuses bytes that are not UTF-8', async () => {
    const { call } = await start();
    expect((await call('POST', '/v1/identify', Buffer.from('{"user_id":"Zo\xeb"}', 'latin1'))).status).toBe(400);
  });

  it('refuses a body over 50 MB with 413', async () => {
    const { call } = await start();
    const body = JSON.stringify({ user_id: 'u-1', metadata: { note: 'x'.repeat(50_000_000) } });
    expect((await call('POST', '/v1/identify', body)).status).toBe(413);
  });

  it('answers 202 {} and merges: unsent names stay, null removes, a new company id moves the user', async () => {
    const { fake, pass, call } = await start();
    const first = { user_id: 'u-1', metadata: { name: 'Ines', seats: 3, nickname: 'In' }, company: { id: 'c-1', plan: 'team' } };
    const answer = await call('POST', '/v1/identify', first);
    expect([answer.status, await answer.json()]).toEqual([202, {}]);
    pass(1000);
    await call('POST', '/v1/identify', { user_id: 'u-1', metadata: { seats: 4, nickname: null } });
    expect(fake.store.user('u-1')).toEqual({
      user_id: 'u-1',
      metadata: { name: 'Ines', seats: 4 },
      company_id: 'c-1',
      first_seen_at: '2031-04-09T12:00:00.000Z',
      last_seen_at: '2031-04-09T12:00:01.000Z',
    });
    await call('POST', '/v1/identify', { user_id: 'u-1', company: { id: 'c-2' } });
    expect(fake.store.user('u-1')?.company_id).toBe('c-2');
    expect(fake.store.companies()).toEqual([
      { company_id: 'c-1', metadata: { plan: 'team' } },
      { company_id: 'c-2', metadata: {} },
    ]);
  });

  it('merges company properties too', async () => {
    const { fake, call } = await start();
    await call('POST', '/v1/identify', { user_id: 'u-1', company: { id: 'c-1', plan: 'team', seats: 3 } });
    await call('POST', '/v1/identify', { user_id: 'u-2', company: { id: 'c-1', plan: null, city: 'Porto' } });
    expect(fake.store.company('c-1')?.metadata).toEqual({ seats: 3, city: 'Porto' });
  });

  it('writes signed_up_at to created_at, which wins when both are sent', async () => {
    const { fake, call } = await start();
    await call('POST', '/v1/identify', { user_id: 'u-1', metadata: { signed_up_at: '2031-01-01' } });
    await call('POST', '/v1/identify', { user_id: 'u-2', metadata: { signed_up_at: '2031-01-01', created_at: '2030-12-31' } });
    expect(fake.store.users().map((user) => user.metadata)).toEqual([{ created_at: '2031-01-01' }, { created_at: '2030-12-31' }]);
  });

  it('keeps a property called __proto__ as a property', async () => {
    const { fake, call } = await start();
    await call('POST', '/v1/identify', '{"user_id":"u-1","metadata":{"constructor":"a","__proto__":{"polluted":true}}}');
    expect(fake.store.user('u-1')?.metadata).toEqual({ constructor: 'a' });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('drops nested values with a warning, or refuses them as the knob says', async () => {
    const body = { user_id: 'u-1', metadata: { name: 'Ines', tags: ['a'] }, company: { id: 'c-1', address: { city: 'Porto' } } };
    const lax = await start();
    expect((await lax.call('POST', '/v1/identify', body)).status).toBe(202);
    expect(lax.fake.store.user('u-1')?.metadata).toEqual({ name: 'Ines' });
    expect(lax.fake.requests()[0]?.warnings).toEqual([
      'metadata.tags: nested value dropped',
      'company.address: nested value dropped',
    ]);
    const strict = await start({ knobs: { nestedValues: 'refuse' } });
    expect((await strict.call('POST', '/v1/identify', body)).status).toBe(400);
    expect(strict.fake.store.users()).toEqual([]);
  });

  it('takes company.company_id when the knob says so', async () => {
    const { fake, call } = await start({ knobs: { acceptCompanyIdKey: true } });
    await call('POST', '/v1/identify', { user_id: 'u-1', company: { company_id: 'c-1', plan: 'team' } });
    expect(fake.store.company('c-1')).toEqual({ company_id: 'c-1', metadata: { plan: 'team' } });
    expect(fake.store.user('u-1')?.company_id).toBe('c-1');
  });
});

describe('POST /v1/companies/identify', () => {
  it('writes the company, attaches nobody, and answers 202 or the 200 of the knob', async () => {
    const { fake, call } = await start();
    await call('POST', '/v1/identify', { user_id: 'u-1' });
    const answer = await call('POST', '/v1/companies/identify', { company_id: 'c-1', metadata: { plan: 'team' } });
    expect([answer.status, await answer.json()]).toEqual([202, {}]);
    expect(fake.store.companies()).toEqual([{ company_id: 'c-1', metadata: { plan: 'team' } }]);
    expect(fake.store.user('u-1')).not.toHaveProperty('company_id');
    const other = await start({ knobs: { companyIdentifyStatus: 200 } });
    expect((await other.call('POST', '/v1/companies/identify', { company_id: 'c-1' })).status).toBe(200);
  });

  it.each([[{}], [{ id: 'c-1' }], [{ company_id: '' }], [{ company_id: 'c-1', metadata: [] }]])(
    'refuses %j with 400',
    async (body) => {
      const { fake, call } = await start();
      expect((await call('POST', '/v1/companies/identify', body)).status).toBe(400);
      expect(fake.store.companies()).toEqual([]);
    },
  );
});

describe('POST /v1/track', () => {
  it('wants both names, keeps the event in the log, and flags one of an unknown user', async () => {
    const { fake, call } = await start();
    await call('POST', '/v1/identify', { user_id: 'u-1' });
    expect((await call('POST', '/v1/track', { user_id: 'u-1' })).status).toBe(400);
    expect((await call('POST', '/v1/track', { event_name: 'Opened' })).status).toBe(400);
    const known = await call('POST', '/v1/track', { user_id: 'u-1', event_name: 'Opened' });
    expect([known.status, await known.json()]).toEqual([202, {}]);
    expect((await call('POST', '/v1/track', { user_id: 'u-9', event_name: 'Opened' })).status).toBe(202);
    expect(fake.requests().slice(-2)).toEqual([
      { at: NOON, method: 'POST', path: '/v1/track', status: 202, keyOk: true, body: { user_id: 'u-1', event_name: 'Opened' } },
      expect.objectContaining({ body: { user_id: 'u-9', event_name: 'Opened' }, warnings: ['unknown user'] }),
    ]);
  });
});

describe('GET /v1/validate and the rest', () => {
  it('answers 200 {}', async () => {
    const { call } = await start();
    const answer = await call('GET', '/v1/validate');
    expect([answer.status, await answer.json()]).toEqual([200, {}]);
  });

  it.each(['/v1/users/identify', '/v1/identify/', '/v1/', '//v1/identify'])('has nothing under %s', async (path) => {
    const { call } = await start();
    expect((await call('POST', path, { user_id: 'u-1' })).status).toBe(404);
  });
});
