import { afterEach, describe, expect, it } from '@jest/globals';
import { logto } from '../../functions/sources/logto.ts';
import { fakeLogto } from '../../infra/local/fake-vendors/logto.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (users: number, credential: Readonly<Record<string, string>> = fakeLogto.credential) => {
  server = await startFakeVendorServer({ vendors: [fakeLogto], users, now: () => NOON });
  const settings = { api: server.baseOf('logto') };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(logto, { settings, credential, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: NOON }, waits };
};

describe('listing the users of Logto', () => {
  it.each([
    [250, [100, 100, 50]],
    [200, [100, 100, 0]],
    [0, [0]],
  ])('finds each of %d once, a hundred at a time, with one token', async (count, sizes) => {
    const { api, settings, options } = await start(count);
    const pages = await listAll(logto, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual(sizes);
    const ids = userIdsOn(logto, pages, settings, NOON);
    expect(ids.toSorted()).toEqual(inventUsers(count, NOON).map(({ who }) => who.id));
    expect(server.requests.filter(({ path }) => path === '/oidc/token')).toHaveLength(1);
  });

  it('maps a user as an update is mapped, dated by the last change', async () => {
    const { api, settings, options } = await start(2);
    const [page] = await listAll(logto, api, options);
    expect(mapRecord(logto, page?.records[1], settings, new Date(NOON.getTime() + 1))).toEqual({
      kind: 'changes',
      changes: [
        {
          call: {
            kind: 'identifyUser',
            user_id: 'invented-user-000000',
            metadata: {
              email: 'ada.amsel.000000@example.com',
              name: 'Ada Amsel',
              created_at: '2031-04-09T11:59:00.000Z',
              locale: 'en-GB',
              is_suspended: false,
            },
          },
          facet: 'profile',
          occurredAt: new Date('2031-04-09T11:59:00.000Z'),
        },
      ],
    });
  });

  it('lets nothing private of them past the schema', async () => {
    const { api, options } = await start(1);
    const [page] = await listAll(logto, api, options);
    expect(JSON.stringify(page)).toContain('+15555550142');
    const kept = JSON.stringify(page?.records.map((record) => logto.schema.parse(record)));
    expect(kept).not.toMatch(/5555550142|identit|gender|invented-profile/);
  });

  it('heeds a 429', async () => {
    const { api, options, waits } = await start(1);
    await listAll(logto, api, options);
    server.breakNext('logto', ['429-retry-after']);
    await expect(listAll(logto, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
  });

  it('knows a wrong credential, or one for another API, from none', async () => {
    const { api, options, settings } = await start(1, { ...fakeLogto.credential, appSecret: 'another' });
    await expect(listAll(logto, api, options)).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
    const elsewhere = { ...settings, audience: ['https://default.logto.app/api'] };
    const other = vendorApiOf(logto, { settings: elsewhere, credential: fakeLogto.credential });
    await expect(listAll(logto, other, options)).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 400 });
    const none = vendorApiOf(logto, { settings, credential: undefined });
    await expect(listAll(logto, none, options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
  });

  it('does not take an address for the API that is none', async () => {
    const { api, options } = await start(1);
    await listAll(logto, api, options);
    server.breakNext('logto', ['404']);
    await expect(listAll(logto, api, options)).rejects.toMatchObject({ code: 'UNEXPECTED', status: 404 });
    expect(() => directoryOf(logto).hosts({})).toThrow('"api"');
  });
});
