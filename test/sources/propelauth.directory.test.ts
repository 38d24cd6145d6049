import { afterEach, describe, expect, it } from '@jest/globals';
import { Refresh } from '../../functions/core/refresh.ts';
import { propelauth } from '../../functions/sources/propelauth.ts';
import { fakePropelauth } from '../../infra/local/fake-vendors/propelauth.ts';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';
import { person } from '../support/people.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const mia: FakeUser = {
  who: person('3f0e7a10', 'b7c20000'),
  createdAt: new Date('2030-01-01T00:00:00Z'),
  updatedAt: new Date('2030-06-01T00:00:00Z'),
};

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (
  users: number | readonly FakeUser[] = 0,
  credential: Readonly<Record<string, string>> = fakePropelauth.credential,
) => {
  server = await startFakeVendorServer({ vendors: [fakePropelauth], users, now: () => NOON });
  const settings = { api: server.baseOf('propelauth'), issuer: 'https://auth.invented.example' };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(propelauth, { settings, credential, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: NOON }, waits };
};

const profile = {
  call: {
    kind: 'identifyUser',
    user_id: '3f0e7a10',
    metadata: {
      email: '3f0e7a10@harbour.example',
      name: 'Noor Haddad-3f0e7a10',
      created_at: '2030-01-01T00:00:00.000Z',
      email_verified: true,
    },
  },
  facet: 'profile',
  occurredAt: NOON,
};
const company = {
  call: { kind: 'identifyCompany', company_id: 'b7c20000', metadata: { name: 'Harbour Lane' } },
  facet: 'profile',
  occurredAt: NOON,
};
const membership = {
  call: { kind: 'identifyUser', user_id: '3f0e7a10', metadata: { role: 'Member' }, company: { id: 'b7c20000' } },
  facet: 'membership',
  occurredAt: NOON,
};

describe('listing the users of PropelAuth', () => {
  it('finds each of them once, a hundred at a time', async () => {
    const { api, settings, options } = await start(250);
    const pages = await listAll(propelauth, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([100, 100, 50]);
    expect(userIdsOn(propelauth, pages, settings, NOON)).toEqual(inventUsers(250, NOON).map(({ who }) => who.id));
    expect(server.requests.map(({ query }) => query.get('page_number'))).toEqual(['0', '1', '2']);
  });

  it('skips nobody who signs up meanwhile', async () => {
    const { api, settings, options } = await start(150);
    const [first, ...others] = inventUsers(150, NOON);
    const page = await directoryOf(propelauth).list?.(api, undefined, options);
    server.add({ who: person('late'), createdAt: NOON, updatedAt: NOON });
    const rest = await directoryOf(propelauth).list?.(api, page?.next, options);
    const ids = userIdsOn(
      propelauth,
      [page, rest].filter((one) => one !== undefined),
      settings,
      NOON,
    );
    expect(ids.toSorted()).toEqual([...[first, ...others].map((user) => user?.who.id), 'late'].toSorted());
  });

  it('maps a user with the only organization', async () => {
    const { api, options, settings } = await start([mia]);
    const [page] = await listAll(propelauth, api, options);
    expect(mapRecord(propelauth, page?.records[0], settings, NOON)).toEqual({
      kind: 'changes',
      changes: [profile, company, membership],
    });
  });

  it('lets nothing private of them past the schema', async () => {
    const { api, options } = await start(1);
    const [page] = await listAll(propelauth, api, options);
    expect(JSON.stringify(page)).toContain('+15555550142');
    const kept = JSON.stringify(page?.records.map((record) => propelauth.schema.parse(record)));
    expect(kept).not.toMatch(/5555550142|picture|permission|has_password|last_active/);
  });

  it('heeds a 429, and knows a wrong credential from none', async () => {
    const { api, options, waits } = await start(1);
    server.breakNext('propelauth', ['429-retry-after']);
    await expect(listAll(propelauth, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
    await server.close();
    const wrong = await start(1, { apiKey: 'another' });
    await expect(listAll(propelauth, wrong.api, wrong.options)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await server.close();
    const none = await start(1, {});
    await expect(listAll(propelauth, none.api, none.options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
  });

  it('needs to be told of which project', async () => {
    await start();
    expect(directoryOf(propelauth).hosts({ issuer: 'https://auth.invented.example' })).toEqual(['https://propelauth-api.com']);
    expect(() => directoryOf(propelauth).hosts({ api: 'https://propelauth-api.com' })).toThrow('"issuer"');
  });
});

describe('fetching from PropelAuth', () => {
  const refreshOf = (subject: string, id: string, creates = false) =>
    Refresh.parse({ subject, id, occurredAt: NOON.toISOString(), creates });
  const fetched = async (refresh: Refresh) => {
    const { api, settings } = await start([mia]);
    const record = await directoryOf(propelauth).fetch?.(api, refresh, settings);
    return record && mapRecord(propelauth, record, settings, NOON);
  };

  it('maps a user, and says so where it is a new one', async () => {
    expect(await fetched(refreshOf('user', '3f0e7a10'))).toEqual({ kind: 'changes', changes: [profile, company, membership] });
    await server.close();
    expect(await fetched(refreshOf('user', '3f0e7a10', true))).toMatchObject({
      changes: [{ ...profile, creates: true }, {}, {}],
    });
  });

  it('maps an organization', async () => {
    const metadata = { name: 'Harbour Lane', created_at: '2030-01-01T00:00:00.000Z' };
    const change = { ...company, call: { ...company.call, metadata } };
    expect(await fetched(refreshOf('org', 'b7c20000'))).toEqual({ kind: 'changes', changes: [change] });
    await server.close();
    expect(await fetched(refreshOf('org', 'b7c20000', true))).toEqual({
      kind: 'changes',
      changes: [{ ...change, creates: true }],
    });
  });

  it('maps a membership that still is one', async () => {
    expect(await fetched(refreshOf('membership', '3f0e7a10/b7c20000'))).toEqual({
      kind: 'changes',
      changes: [company, membership],
    });
    await server.close();
    expect(await fetched(refreshOf('membership', '3f0e7a10/left'))).toBeUndefined();
    await server.close();
    expect(await fetched(refreshOf('membership', 'gone/b7c20000'))).toBeUndefined();
  });

  it('takes nobody for gone because of an address that is not the API', async () => {
    const { settings } = await start([mia]);
    const elsewhere = { ...settings, api: `${settings.api}/elsewhere` };
    const api = vendorApiOf(propelauth, { settings: elsewhere, credential: fakePropelauth.credential });
    const asked = directoryOf(propelauth).fetch?.(api, refreshOf('user', '3f0e7a10'), elsewhere);
    await expect(asked).rejects.toMatchObject({ code: 'UNEXPECTED', status: 404 });
  });

  it.each([
    ['user', 'gone', { kind: 'changes', changes: [{ call: { kind: 'deleteUser', user_id: 'gone' } }] }],
    ['org', 'gone%2F1', { kind: 'changes', changes: [{ call: { kind: 'deleteCompany', company_id: 'gone/1' } }] }],
    ['membership', 'gone/b7c20000', { kind: 'ignored', because: 'NO_COMPANY_DETACH' }],
  ])('knows the end of a %s', async (subject, id, expected) => {
    expect(await fetched(refreshOf(subject, id))).toBeUndefined();
    const settings = { api: server.baseOf('propelauth') };
    const record = directoryOf(propelauth).gone?.(refreshOf(subject, id), NOON);
    expect(mapRecord(propelauth, record, settings, NOON)).toMatchObject(expected);
  });
});
