import { afterEach, describe, expect, it } from '@jest/globals';
import { Refresh } from '../../functions/core/refresh.ts';
import type { VendorApi } from '../../functions/sources/directory.ts';
import { ory } from '../../functions/sources/ory.ts';
import { fakeOry } from '../../infra/local/fake-vendors/ory.ts';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';
import { person } from '../support/people.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const mia: FakeUser = {
  who: person('0d7b1c42', 'org-7'),
  createdAt: new Date('2030-01-01T00:00:00Z'),
  updatedAt: new Date('2030-06-01T00:00:00Z'),
};

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (
  users: number | readonly FakeUser[] = 0,
  credential: Readonly<Record<string, string>> = fakeOry.credential,
) => {
  server = await startFakeVendorServer({ vendors: [fakeOry], users, now: () => NOON });
  const settings = { api: server.baseOf('ory') };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(ory, { settings, credential, onRateLimit: (seconds) => waits.push(seconds) });
  const fetch = (id: string, creates = false) =>
    directoryOf(ory).fetch?.(api, Refresh.parse({ subject: 'user', id, occurredAt: NOON.toISOString(), creates }), settings);
  return { api, settings, options: { settings, startedAt: NOON }, waits, fetch };
};

const miaAs = (creates: boolean) => ({
  kind: 'changes',
  changes: [
    {
      call: {
        kind: 'identifyUser',
        user_id: '0d7b1c42',
        metadata: {
          email: '0d7b1c42@harbour.example',
          name: 'Noor Haddad-0d7b1c42',
          created_at: '2030-01-01T00:00:00.000Z',
          email_verified: true,
        },
        company: { id: 'org-7' },
      },
      facet: 'profile',
      occurredAt: mia.updatedAt,
      ...(creates && { creates }),
    },
  ],
});

describe('listing the identities of Ory', () => {
  it('finds each of them once, 250 at a time, by the tokens of its links and at the host of the settings', async () => {
    const { api, settings, options } = await start(600);
    const pages = await listAll(ory, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([250, 250, 100]);
    const ids = inventUsers(600, NOON).map(({ who }) => who.id);
    expect(userIdsOn(ory, pages, settings, NOON)).toEqual(ids);
    const tokens = [ids[249], ids[499]].map((id) => Buffer.from(id ?? '').toString('base64url'));
    expect(server.requests.map(({ query }) => query.get('page_token'))).toEqual([null, ...tokens]);
  });

  it('ends at once where there is nobody', async () => {
    const { api, options } = await start();
    expect(await listAll(ory, api, options)).toEqual([{ records: [] }]);
  });

  it('maps an identity as an action would, but as no creation', async () => {
    const { api, options, settings } = await start([mia]);
    const [page] = await listAll(ory, api, options);
    expect(mapRecord(ory, page?.records[0], settings, NOON)).toEqual(miaAs(false));
  });

  it('lets nothing private of them past the schema', async () => {
    const { api, options } = await start(1);
    const [page] = await listAll(ory, api, options);
    expect(JSON.stringify(page)).toContain('+15555550142');
    const kept = JSON.stringify(page?.records.map((record) => ory.schema.parse(record)));
    expect(kept).not.toMatch(/5555550142|invented-private|credentials|recovery|metadata_admin/);
  });

  it('waits as long as Ory says in a header of its own, and knows a wrong credential from none', async () => {
    const { api, options, waits } = await start(1);
    server.breakNext('ory', ['429-retry-after']);
    await expect(listAll(ory, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
    await server.close();
    const wrong = await start(1, { apiKey: 'another' });
    await expect(listAll(ory, wrong.api, wrong.options)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await server.close();
    const none = await start(1, {});
    await expect(listAll(ory, none.api, none.options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
  });

  it('needs to be told where', async () => {
    const { options } = await start();
    const settings = { api: `${server.baseOf('ory')}/elsewhere` };
    const api = vendorApiOf(ory, { settings, credential: fakeOry.credential });
    await expect(listAll(ory, api, { ...options, settings })).rejects.toMatchObject({ code: 'UNEXPECTED', status: 404 });
    expect(() => directoryOf(ory).hosts({})).toThrow('"api"');
  });
});

describe('fetching an identity of Ory', () => {
  it('maps it like an action, and as a creation where the event was one', async () => {
    const { fetch, settings } = await start([mia]);
    expect(mapRecord(ory, await fetch('0d7b1c42'), settings, NOON)).toEqual(miaAs(false));
    expect(mapRecord(ory, await fetch('0d7b1c42', true), settings, NOON)).toEqual(miaAs(true));
  });

  it('knows that one is gone, and makes it a deletion', async () => {
    const { fetch, settings } = await start([mia]);
    server.remove('0d7b1c42');
    expect(await fetch('0d7b1c42')).toBeUndefined();
    const refresh = Refresh.parse({ subject: 'user', id: '0d7b1c42', occurredAt: NOON.toISOString() });
    expect(mapRecord(ory, directoryOf(ory).gone?.(refresh, NOON), settings, NOON)).toMatchObject({
      kind: 'changes',
      changes: [{ call: { kind: 'deleteUser', user_id: '0d7b1c42' } }],
    });
  });

  it('takes nobody for gone because of an address that is not the API', async () => {
    await start();
    const refresh = Refresh.parse({ subject: 'user', id: '0d7b1c42', occurredAt: NOON.toISOString() });
    const api: VendorApi = async () => ({ status: 404, headers: {}, body: 'no such page' });
    await expect(directoryOf(ory).fetch?.(api, refresh, {})).rejects.toMatchObject({ code: 'UNEXPECTED', status: 404 });
  });

  it('stays below /admin/identities, whatever the id', async () => {
    const { fetch } = await start([mia]);
    expect(await fetch('../../0d7b1c42?x=#')).toBeUndefined();
    expect(server.requests.map(({ path }) => path)).toEqual(['/admin/identities/..%2F..%2F0d7b1c42%3Fx%3D%23']);
  });
});
