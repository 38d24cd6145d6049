import { afterEach, describe, expect, it } from '@jest/globals';
import { frontegg } from '../../functions/sources/frontegg.ts';
import { fakeFrontegg } from '../../infra/local/fake-vendors/frontegg.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (
  users: number,
  {
    credential = fakeFrontegg.credential,
    now = () => NOON,
  }: { credential?: Readonly<Record<string, string>>; now?: () => Date } = {},
) => {
  server = await startFakeVendorServer({ vendors: [fakeFrontegg], users, now });
  const settings = { api: server.baseOf('frontegg') };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(frontegg, { settings, credential, now, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: NOON }, waits };
};
const logins = () => server.requests.filter(({ path }) => path === '/auth/vendor/').length;

describe('listing the users of Frontegg', () => {
  it.each([
    [450, [200, 200, 50]],
    [400, [200, 200]],
    [0, [0]],
  ])('finds each of %d once, two hundred at a time', async (count, sizes) => {
    const { api, settings, options } = await start(count);
    const pages = await listAll(frontegg, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual(sizes);
    expect(userIdsOn(frontegg, pages, settings, NOON)).toEqual(inventUsers(count, NOON).map(({ who }) => who.id));
    expect(logins()).toBe(1);
  });

  it('logs in again before the token ends', async () => {
    let hours = 0;
    const { api, options } = await start(450, { now: () => new Date(NOON.getTime() + hours++ * 3_600_000) });
    expect(await listAll(frontegg, api, options)).toHaveLength(3);
    expect(logins()).toBe(3);
  });

  it('maps a user as an update is mapped', async () => {
    const { api, settings, options } = await start(1);
    const [page] = await listAll(frontegg, api, options);
    const when = { occurredAt: NOON };
    expect(mapRecord(frontegg, page?.records[0], { ...settings, properties: { plan: 'metadata.plan' } }, NOON)).toEqual({
      kind: 'changes',
      changes: [
        {
          call: {
            kind: 'identifyUser',
            user_id: 'invented-user-000000',
            metadata: {
              email: 'ada.amsel.000000@example.com',
              name: 'Ada Amsel',
              created_at: NOON.toISOString(),
              email_verified: true,
              provider: 'local',
              mfa_enrolled: false,
              is_locked: false,
              tenants: 1,
              plan: 'trial',
            },
          },
          facet: 'profile',
          ...when,
        },
        {
          call: { kind: 'identifyUser', user_id: 'invented-user-000000', company: { id: 'invented-company-00000' } },
          facet: 'membership',
          ...when,
        },
      ],
    });
  });

  it('lets nothing private of them past the schema', async () => {
    const { api, options } = await start(1);
    const [page] = await listAll(frontegg, api, options);
    expect(JSON.stringify(page)).toContain('+15555550142');
    const kept = JSON.stringify(page?.records.map((record) => frontegg.schema.parse(record)));
    expect(kept).not.toMatch(/5555550142|picture|invented-internal|invented-role/i);
  });

  it('heeds a 429', async () => {
    const { api, options, waits } = await start(1);
    await listAll(frontegg, api, options);
    server.breakNext('frontegg', ['429-retry-after']);
    await expect(listAll(frontegg, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
  });

  it('knows a wrong credential from none, and an address that is none', async () => {
    const { api, options, settings } = await start(1, { credential: { clientId: 'invented-client', secret: 'another' } });
    await expect(listAll(frontegg, api, options)).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
    const none = vendorApiOf(frontegg, { settings, credential: { clientId: 'invented-client' } });
    await expect(listAll(frontegg, none, options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
    const good = vendorApiOf(frontegg, { settings, credential: fakeFrontegg.credential });
    await listAll(frontegg, good, options);
    server.breakNext('frontegg', ['404']);
    await expect(listAll(frontegg, good, options)).rejects.toMatchObject({ code: 'UNEXPECTED', status: 404 });
    expect(directoryOf(frontegg).hosts({})).toEqual(['https://api.frontegg.com']);
  });
});
