import { afterEach, describe, expect, it } from '@jest/globals';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { workos } from '../../functions/sources/workos.ts';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { fakeWorkos } from '../../infra/local/fake-vendors/workos.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';
import { person } from '../support/people.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const mia: FakeUser = {
  who: person('user_01MIA', 'org_01LOOM'),
  createdAt: new Date('2030-01-01T00:00:00Z'),
  updatedAt: new Date('2030-06-01T00:00:00Z'),
};

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (
  users: number | readonly FakeUser[] = 0,
  { credential = fakeWorkos.credential, ...more }: SourceSettings & { credential?: Readonly<Record<string, string>> } = {},
) => {
  server = await startFakeVendorServer({ vendors: [fakeWorkos], users, now: () => NOON });
  const settings = { api: server.baseOf('workos'), ...more };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(workos, { settings, credential, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: NOON }, waits };
};
const callsOn = (pages: Awaited<ReturnType<typeof listAll>>, settings: SourceSettings) =>
  pages
    .flatMap(({ records }) => records)
    .map((record) => mapRecord(workos, record, settings, NOON))
    .flatMap((mapped) => (mapped.kind === 'changes' ? mapped.changes.map(({ call }) => call) : []));

describe('listing the users of WorkOS', () => {
  it('finds each of them once, a hundred at a time, and then each organization with its members', async () => {
    const { api, settings, options } = await start(250);
    const pages = await listAll(workos, api, options);
    expect(pages.slice(0, 3).map(({ records }) => records.length)).toEqual([100, 100, 50]);
    const ids = inventUsers(250, NOON).map(({ who }) => who.id);
    expect(userIdsOn(workos, pages, settings, NOON)).toEqual(ids);
    const calls = callsOn(pages, settings);
    expect(calls.filter(({ kind }) => kind === 'identifyCompany')).toHaveLength(25);
    expect(calls.flatMap((call) => (call.kind === 'identifyUser' && call.company ? call.user_id : []))).toEqual(ids);
  });

  it('pages through the members of a large organization, and goes on with the next', async () => {
    const colleagues = Array.from({ length: 130 }, (_, number) => ({ ...mia, who: person(`user_${number}`, 'org_01LOOM') }));
    const { api, settings, options } = await start([...colleagues, { ...mia, who: person('user_last', 'org_02KELP') }]);
    const pages = await listAll(workos, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([100, 31, 1, 100, 30, 1, 1]);
    const companies = callsOn(pages, settings).flatMap((call) => (call.kind === 'identifyUser' ? (call.company?.id ?? []) : []));
    expect(companies).toEqual([...colleagues.map(() => 'org_01LOOM'), 'org_02KELP']);
  });

  it('maps a user, an organization and a membership as webhooks do, and as no creation', async () => {
    const { api, options, settings } = await start([mia]);
    const records = (await listAll(workos, api, options)).flatMap((page) => page.records);
    expect(records.map((record) => mapRecord(workos, record, settings, NOON))).toEqual([
      {
        kind: 'changes',
        changes: [
          {
            call: {
              kind: 'identifyUser',
              user_id: 'user_01MIA',
              metadata: {
                email: 'user_01MIA@harbour.example',
                name: 'Noor Haddad-user_01MIA',
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
              company_id: 'org_01LOOM',
              metadata: { name: 'Harbour Lane', created_at: '2030-01-01T00:00:00.000Z' },
            },
            facet: 'profile',
            occurredAt: mia.createdAt,
          },
        ],
      },
      {
        kind: 'changes',
        changes: [
          {
            call: { kind: 'identifyUser', user_id: 'user_01MIA', metadata: { role: 'member' }, company: { id: 'org_01LOOM' } },
            facet: 'membership',
            occurredAt: mia.updatedAt,
          },
        ],
      },
    ]);
  });

  it('lets nothing private of them past the schema', async () => {
    const { api, options } = await start(1);
    const records = (await listAll(workos, api, options)).flatMap((page) => page.records);
    expect(JSON.stringify(records)).toContain('invented-private');
    const kept = JSON.stringify(records.map((record) => workos.schema.parse(record)));
    expect(kept).not.toMatch(/private|picture|domain|custom_attributes|last_sign_in/);
  });

  it('lists organizations a hundred at a time where their members would name nobody', async () => {
    const { api, options } = await start(1500, { userId: ['external_id', 'id'] });
    const pages = await listAll(workos, api, options);
    expect(pages.slice(15).map(({ records }) => records.length)).toEqual([100, 50]);
  });

  it('keeps nothing of a person in its cursors but ids', async () => {
    const { api, options } = await start(120);
    const cursors = (await listAll(workos, api, options)).map(({ next }) => next ?? '').join();
    expect(cursors).not.toMatch(/@|[Nn]ame/);
  });

  it('heeds a 429, and knows a wrong credential from none', async () => {
    const { api, options, waits } = await start(1);
    server.breakNext('workos', ['429-retry-after']);
    await expect(listAll(workos, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
    await server.close();
    const wrong = await start(1, { credential: { apiKey: 'another' } });
    await expect(listAll(workos, wrong.api, wrong.options)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await server.close();
    const none = await start(1, { credential: {} });
    await expect(listAll(workos, none.api, none.options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
  });

  it('asks at the place of WorkOS, if no other is set', async () => {
    const { options } = await start();
    expect(directoryOf(workos).hosts({})).toEqual(['https://api.workos.com']);
    const settings = { api: `${server.baseOf('workos')}/elsewhere` };
    const api = vendorApiOf(workos, { settings, credential: fakeWorkos.credential });
    await expect(listAll(workos, api, { ...options, settings })).rejects.toMatchObject({ code: 'UNEXPECTED', status: 404 });
  });
});
