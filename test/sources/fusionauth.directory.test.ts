import { afterEach, describe, expect, it } from '@jest/globals';
import type { VendorApi } from '../../functions/sources/directory.ts';
import { fusionauth } from '../../functions/sources/fusionauth.ts';
import { fakeFusionauth, fakeFusionauthOn } from '../../infra/local/fake-vendors/fusionauth.ts';
import type { FakeUser, FakeVendor } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');

let server: FakeVendorServer;
afterEach(() => server.close());
interface Start {
  readonly users?: number | readonly FakeUser[];
  readonly vendor?: FakeVendor;
  readonly credential?: Readonly<Record<string, string>> | undefined;
}
const start = async ({ users = 0, vendor = fakeFusionauth, ...given }: Start = {}) => {
  server = await startFakeVendorServer({ vendors: [vendor], users, now: () => NOON });
  const settings = { api: server.baseOf('fusionauth') };
  const credential = 'credential' in given ? given.credential : vendor.credential;
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(fusionauth, { settings, credential, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: NOON }, waits };
};
const invented = (count: number) => inventUsers(count, NOON).map(({ who }) => who.id);

describe('listing the users of FusionAuth', () => {
  it('finds each of them once, five hundred at a time', async () => {
    const { api, settings, options } = await start({ users: 1100 });
    const pages = await listAll(fusionauth, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([500, 500, 100, 0]);
    expect(userIdsOn(fusionauth, pages, settings, NOON).toSorted()).toEqual(invented(1100));
  });

  it('goes on past row 10,000, where the search engine takes no row any more', async () => {
    const { api, settings, options } = await start({ users: 10_600 });
    const ids = userIdsOn(fusionauth, await listAll(fusionauth, api, options), settings, NOON);
    expect(new Set(ids).size).toBe(10_600);
  });

  it('goes by rows on the database engine, which has no tokens', async () => {
    const { api, settings, options } = await start({ users: 1000, vendor: fakeFusionauthOn('database') });
    const pages = await listAll(fusionauth, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([500, 500]);
    expect(userIdsOn(fusionauth, pages, settings, NOON).toSorted()).toEqual(invented(1000));
  });

  it('ends at once where there is nobody', async () => {
    const { api, options } = await start();
    expect(await listAll(fusionauth, api, options)).toEqual([{ records: [] }]);
  });

  it('finds who changed since, over several pages', async () => {
    const since = new Date('2031-04-09T03:00:00Z');
    const { api, settings, options } = await start({ users: 1100 });
    const ids = userIdsOn(fusionauth, await listAll(fusionauth, api, { ...options, since }), settings, NOON);
    const changed = inventUsers(1100, NOON).filter(({ updatedAt }) => updatedAt >= since);
    expect(ids).toEqual(changed.map(({ who }) => who.id));
    expect(changed.length).toBeGreaterThan(500);
  });

  it('finds everybody where the database engine cannot tell who changed', async () => {
    const { api, settings, options } = await start({ users: 700, vendor: fakeFusionauthOn('database') });
    const pages = await listAll(fusionauth, api, { ...options, since: NOON });
    expect(userIdsOn(fusionauth, pages, settings, NOON).toSorted()).toEqual(invented(700));
  });

  it('maps a user as an update would, dated by the last change, and lets nothing private past the schema', async () => {
    const [somebody] = inventUsers(1, NOON);
    if (somebody === undefined) throw new Error('nobody was invented');
    const user: FakeUser = {
      ...somebody,
      createdAt: new Date('2030-01-01T00:00:00Z'),
      updatedAt: new Date('2030-06-01T00:00:00Z'),
    };
    const { api, options, settings } = await start({ users: [user] });
    const [page] = await listAll(fusionauth, api, options);
    const { who } = user;
    expect(mapRecord(fusionauth, page?.records[0], { ...settings, companyId: ['data.companyId'] }, NOON)).toEqual({
      kind: 'changes',
      changes: [
        {
          call: {
            kind: 'identifyUser',
            user_id: who.id,
            metadata: {
              email: who.email,
              name: `${who.firstName} ${who.lastName}`,
              created_at: '2030-01-01T00:00:00.000Z',
              email_verified: true,
              active: true,
            },
            company: { id: who.companyId },
          },
          facet: 'profile',
          occurredAt: user.updatedAt,
        },
      ],
    });
    expect(JSON.stringify(page)).toContain('+15555550142');
    expect(JSON.stringify(fusionauth.schema.parse(page?.records[0]))).not.toMatch(/5555550142|birthDate|private/);
  });

  it('sorts by the time of creation: the cursor of FusionAuth holds what it sorts by', async () => {
    const { options } = await start();
    const sent: unknown[] = [];
    const api: VendorApi = async ({ body }) => {
      sent.push(body);
      return { status: 200, headers: {}, body: { total: 0, users: [] } };
    };
    expect(await directoryOf(fusionauth).list?.(api, undefined, options)).toEqual({ records: [] });
    const sortFields = [{ name: 'insertInstant', order: 'asc' }];
    expect(sent).toEqual([{ search: { queryString: '*', startRow: 0, numberOfResults: 500, accurateTotal: true, sortFields } }]);
  });

  it('heeds a 429, and knows a wrong credential from none', async () => {
    const { api, options, waits } = await start({ users: 1 });
    server.breakNext('fusionauth', ['429-retry-after', '404']);
    await expect(listAll(fusionauth, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
    // An address that knows no such call must not pass for a FusionAuth without users.
    await expect(listAll(fusionauth, api, options)).rejects.toMatchObject({ code: 'UNEXPECTED', status: 404 });
    await server.close();
    const wrong = await start({ credential: { apiKey: 'another' } });
    await expect(listAll(fusionauth, wrong.api, wrong.options)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await server.close();
    const none = await start({ credential: undefined });
    await expect(listAll(fusionauth, none.api, none.options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
  });

  it('names the tenant to a key of all tenants', async () => {
    const { settings } = await start();
    const { authorize, hosts } = directoryOf(fusionauth);
    const call = async () => ({ status: 500, headers: {}, body: undefined });
    const login = { settings, call, now: NOON };
    expect(authorize({ ...login, credential: { apiKey: 'key' } })).toEqual({ headers: { authorization: 'key' } });
    expect(authorize({ ...login, credential: { apiKey: 'key', tenantId: 'tenant' } })).toEqual({
      headers: { authorization: 'key', 'x-fusionauth-tenantid': 'tenant' },
    });
    expect(() => hosts({})).toThrow('"api"');
  });
});
