import { afterEach, describe, expect, it } from '@jest/globals';
import { supabase } from '../../functions/sources/supabase.ts';
import { fakeSupabase } from '../../infra/local/fake-vendors/supabase.ts';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const { credential } = fakeSupabase;

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (
  users: number | readonly FakeUser[] = 0,
  given: Readonly<Record<string, string>> | undefined = credential,
) => {
  server = await startFakeVendorServer({ vendors: [fakeSupabase], users, now: () => NOON });
  const settings = { api: `${server.baseOf('supabase')}/auth/v1` };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(supabase, { settings, credential: given, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: NOON }, waits };
};

describe('listing the users of Supabase', () => {
  it('finds each of them once, a thousand at a time', async () => {
    const { api, settings, options } = await start(2100);
    const pages = await listAll(supabase, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([1000, 1000, 100, 0]);
    const ids = userIdsOn(supabase, pages, settings, NOON);
    expect(ids.toSorted()).toEqual(inventUsers(2100, NOON).map(({ who }) => who.id));
    expect(server.requests.map(({ query }) => query.toString())).toEqual(
      [1, 2, 3, 4].map((page) => `page=${page}&per_page=1000`),
    );
  });

  it('ends at once where there is nobody', async () => {
    const { api, options } = await start();
    expect(await listAll(supabase, api, options)).toEqual([{ records: [] }]);
  });

  it('maps a user as a row is mapped, dated by the last change', async () => {
    const [invented] = inventUsers(1, NOON);
    if (invented === undefined) throw new Error('nobody was invented');
    const user: FakeUser = {
      ...invented,
      createdAt: new Date('2030-01-01T00:00:00Z'),
      updatedAt: new Date('2030-06-01T00:00:00Z'),
    };
    const { api, options, settings } = await start([user]);
    const [page] = await listAll(supabase, api, options);
    const mapped = mapRecord(supabase, page?.records[0], { ...settings, companyId: ['user_metadata.company_id'] }, NOON);
    const { who } = user;
    expect(mapped).toEqual({
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
              provider: 'email',
            },
            company: { id: who.companyId },
          },
          facet: 'profile',
          occurredAt: user.updatedAt,
        },
      ],
    });
  });

  it('lets nothing private of them past the schema', async () => {
    const { api, options } = await start(1);
    const [page] = await listAll(supabase, api, options);
    expect(JSON.stringify(page)).toContain('+15555550142');
    const kept = JSON.stringify(page?.records.map((record) => supabase.schema.parse(record)));
    expect(kept).not.toMatch(/5555550142|identit|invented-profile/);
  });

  it('heeds a 429, and knows a wrong credential from none', async () => {
    const { api, options, waits } = await start(1);
    server.breakNext('supabase', ['429-retry-after']);
    await expect(listAll(supabase, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
    await server.close();
    const wrong = await start(1, { secretKey: 'another' });
    await expect(listAll(supabase, wrong.api, wrong.options)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await server.close();
    const none = await start(1, {});
    await expect(listAll(supabase, none.api, none.options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
  });

  it('does not take an address for the API that is none', async () => {
    const { options } = await start(1);
    const settings = { api: server.baseOf('supabase') };
    const api = vendorApiOf(supabase, { settings, credential });
    await expect(listAll(supabase, api, { ...options, settings })).rejects.toMatchObject({ code: 'UNEXPECTED', status: 404 });
    expect(() => directoryOf(supabase).hosts({})).toThrow('"api"');
  });
});
