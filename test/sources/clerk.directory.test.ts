import { afterEach, describe, expect, it } from '@jest/globals';
import { VendorError } from '../../functions/core/errors.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { clerk } from '../../functions/sources/clerk.ts';
import type { VendorApi } from '../../functions/sources/directory.ts';
import { fakeClerk } from '../../infra/local/fake-vendors/clerk.ts';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';
import { person } from '../support/people.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const AFTER = new Date(NOON.getTime() + 1);
const mia: FakeUser = {
  who: person('user_mia', 'org_7'),
  createdAt: new Date('2030-01-01T00:00:00Z'),
  updatedAt: new Date('2030-06-01T00:00:00Z'),
};

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (
  users: number | readonly FakeUser[] = 0,
  { credential = fakeClerk.credential, ...more }: SourceSettings & { credential?: Readonly<Record<string, string>> } = {},
) => {
  server = await startFakeVendorServer({ vendors: [fakeClerk], users, now: () => NOON });
  const settings = { api: `${server.baseOf('clerk')}/v1`, ...more };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(clerk, { settings, credential, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: AFTER }, waits };
};

describe('listing the users of Clerk', () => {
  it('finds each of them once, and then each membership, 500 at a time', async () => {
    const { api, settings, options } = await start(1200);
    const pages = await listAll(clerk, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([500, 500, 200, 500, 500, 200]);
    expect(userIdsOn(clerk, pages, settings, NOON)).toEqual(inventUsers(1200, NOON).map(({ who }) => who.id));
    const mapped = pages.flatMap(({ records }) => records).map((record) => mapRecord(clerk, record, settings, NOON));
    const calls = mapped.flatMap((one) => (one.kind === 'changes' ? one.changes.map(({ call }) => call) : []));
    const members = calls.flatMap((call) => (call.kind === 'identifyUser' && call.company ? call.user_id : []));
    expect(members).toEqual(inventUsers(1200, NOON).map(({ who }) => who.id));
  });

  it('asks once more after a full page, and leaves out who signed up after the start', async () => {
    const { api, settings, options } = await start(500);
    server.add({ who: person('user_late'), createdAt: new Date(NOON.getTime() + 60_000), updatedAt: NOON });
    const pages = await listAll(clerk, api, { ...options, settings: { ...settings, userId: ['external_id'] } });
    expect(pages.map(({ records }) => records.length)).toEqual([500, 0]);
    expect(userIdsOn(clerk, pages, settings, NOON)).not.toContain('user_late');
  });

  it('maps a user and a membership as webhooks do, and as no creation', async () => {
    const { api, options, settings } = await start([mia]);
    const pages = await listAll(clerk, api, options);
    expect(pages.flatMap(({ records }) => records).map((record) => mapRecord(clerk, record, settings, NOON))).toEqual([
      {
        kind: 'changes',
        changes: [
          {
            call: {
              kind: 'identifyUser',
              user_id: 'user_mia',
              metadata: {
                email: 'user_mia@harbour.example',
                name: 'Noor Haddad-user_mia',
                created_at: '2030-01-01T00:00:00.000Z',
                email_verified: true,
                locale: 'en-GB',
              },
            },
            facet: 'profile',
            occurredAt: mia.updatedAt,
          },
        ],
      },
      {
        kind: 'changes',
        changes: [
          {
            call: {
              kind: 'identifyCompany',
              company_id: 'org_7',
              metadata: { name: 'Harbour Lane', created_at: '2030-01-01T00:00:00.000Z' },
            },
            facet: 'profile',
            occurredAt: mia.createdAt,
          },
          {
            call: { kind: 'identifyUser', user_id: 'user_mia', company: { id: 'org_7' } },
            facet: 'membership',
            occurredAt: mia.updatedAt,
          },
        ],
      },
    ]);
  });

  it('lets nothing private of them past the schema', async () => {
    const { api, options } = await start(1);
    const records = (await listAll(clerk, api, options)).flatMap((page) => page.records);
    expect(JSON.stringify(records)).toContain('+15555550142');
    const kept = JSON.stringify(records.map((record) => clerk.schema.parse(record)));
    expect(kept).not.toMatch(/5555550142|private|unsafe|identifier/);
  });

  it('asks for no memberships where they would name nobody', async () => {
    const { api, options } = await start(1, { userId: ['external_id'] });
    expect(await listAll(clerk, api, options)).toHaveLength(1);
  });

  it('ends without memberships where the instance has no organizations', async () => {
    const { api, options } = await start(1);
    const refusing: VendorApi = async (request) => {
      if (request.url.startsWith('/organization_memberships')) throw new VendorError('UNAUTHORIZED', { status: 403 });
      return api(request);
    };
    expect((await listAll(clerk, refusing, options)).map(({ records }) => records.length)).toEqual([1, 0]);
    const failing: VendorApi = async (request) => {
      if (request.url.startsWith('/organization_memberships')) throw new VendorError('UNAVAILABLE', { status: 503 });
      return api(request);
    };
    await expect(listAll(clerk, failing, options)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('heeds a 429, and knows a wrong credential from none', async () => {
    const { api, options, waits } = await start(1);
    server.breakNext('clerk', ['429-retry-after']);
    await expect(listAll(clerk, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
    await server.close();
    const wrong = await start(1, { credential: { secretKey: 'another' } });
    await expect(listAll(clerk, wrong.api, wrong.options)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await server.close();
    const none = await start(1, { credential: {} });
    await expect(listAll(clerk, none.api, none.options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
  });

  it('asks at the place of Clerk, if no other is set', async () => {
    const { options } = await start();
    expect(directoryOf(clerk).hosts({})).toEqual(['https://api.clerk.com/v1']);
    const settings = { api: server.baseOf('clerk') };
    const api = vendorApiOf(clerk, { settings, credential: fakeClerk.credential });
    await expect(listAll(clerk, api, { ...options, settings })).rejects.toMatchObject({ code: 'UNEXPECTED', status: 404 });
  });
});
