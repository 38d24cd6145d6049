import { afterEach, describe, expect, it } from '@jest/globals';
import type { Refresh } from '../../functions/core/refresh.ts';
import { descope } from '../../functions/sources/descope.ts';
import { fakeDescope } from '../../infra/local/fake-vendors/descope.ts';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const directory = directoryOf(descope);

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (
  users: number | readonly FakeUser[] = 0,
  credential: Readonly<Record<string, string>> = fakeDescope.credential,
) => {
  server = await startFakeVendorServer({ vendors: [fakeDescope], users, now: () => NOON });
  const settings = { api: server.baseOf('descope') };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(descope, { settings, credential, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: NOON }, waits };
};
const refreshOf = (subject: string, id: string, creates?: true): Refresh => ({
  subject,
  id,
  occurredAt: NOON,
  ...(creates && { creates }),
});

describe('listing the users of Descope', () => {
  it('finds each of them once, in order, a hundred at a time', async () => {
    const { api, settings, options } = await start(250);
    const pages = await listAll(descope, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([100, 100, 50, 0]);
    expect(userIdsOn(descope, pages, settings, NOON)).toEqual(inventUsers(250, NOON).map(({ who }) => who.id));
  });

  it('asks only for those that changed since', async () => {
    const { api, settings, options } = await start(250);
    const since = new Date(NOON.getTime() - 9 * 60_000);
    const pages = await listAll(descope, api, { ...options, since });
    expect(userIdsOn(descope, pages, settings, NOON)).toEqual(
      inventUsers(250, NOON)
        .slice(-10)
        .map(({ who }) => who.id),
    );
  });

  it('maps a user like a fetched one, and lets nothing private past the schema', async () => {
    const [user] = inventUsers(1, NOON);
    const { api, settings, options } = await start(1);
    const [page] = await listAll(descope, api, options);
    const fetched = await directory.fetch?.(api, refreshOf('user', user?.who.id ?? ''), settings);
    expect(page?.records).toEqual([fetched]);
    expect(JSON.stringify(page)).toContain('+15555550142');
    const kept = JSON.stringify(page?.records.map((record) => descope.schema.parse(record)));
    expect(kept).not.toMatch(/5555550142|picture|loginIds/);
  });

  it('keeps away for a minute after a 429 that says nothing, else as long as it says', async () => {
    const { api, options, waits } = await start(1);
    server.breakNext('descope', ['429', '429-retry-after']);
    const list = () => listAll(descope, api, options);
    await expect(list()).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 60 });
    await expect(list()).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([60, 1]);
  });

  it('knows a wrong credential from none, and an address that is none', async () => {
    const wrong = await start(1, { ...fakeDescope.credential, managementKey: 'another' });
    await expect(listAll(descope, wrong.api, wrong.options)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    const none = vendorApiOf(descope, { ...wrong, credential: { projectId: 'P2' } });
    await expect(listAll(descope, none, wrong.options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
    server.breakNext('descope', ['404']);
    await expect(listAll(descope, wrong.api, wrong.options)).rejects.toMatchObject({ code: 'UNEXPECTED', status: 404 });
    expect(directory.hosts({})).toEqual(['https://api.descope.com']);
  });
});

describe('fetching from Descope', () => {
  it('brings a user with their company, and whether they are new', async () => {
    const { api, settings } = await start(3);
    const record = await directory.fetch?.(api, refreshOf('user', 'invented-user-000001', true), settings);
    expect(mapRecord(descope, record, settings, NOON)).toEqual({
      kind: 'changes',
      changes: [
        {
          call: { kind: 'identifyCompany', company_id: 'invented-company-00000', metadata: { name: 'Invented Company 0' } },
          facet: 'profile',
          occurredAt: NOON,
        },
        {
          call: {
            kind: 'identifyUser',
            user_id: 'invented-user-000001',
            metadata: {
              email: 'bela.birke.000001@example.com',
              name: 'Bela Birke',
              created_at: '2031-04-09T11:59:00.000Z',
              email_verified: true,
              status: 'enabled',
              roles: 'Invented Role',
            },
            company: { id: 'invented-company-00000' },
          },
          facet: 'profile',
          occurredAt: NOON,
          creates: true,
        },
      ],
    });
  });

  it('brings a tenant', async () => {
    const { api, settings } = await start(1);
    const record = await directory.fetch?.(api, refreshOf('tenant', 'invented-company-00000', true), settings);
    expect(mapRecord(descope, record, settings, NOON)).toEqual({
      kind: 'changes',
      changes: [
        {
          call: {
            kind: 'identifyCompany',
            company_id: 'invented-company-00000',
            metadata: { name: 'Invented Company 0', created_at: NOON.toISOString() },
          },
          facet: 'profile',
          occurredAt: NOON,
          creates: true,
        },
      ],
    });
  });

  it.each([
    ['user', { kind: 'deleteUser', user_id: 'nobody' }],
    ['tenant', { kind: 'deleteCompany', company_id: 'nobody' }],
  ])('finds no %s that is none, and says so by a deletion', async (subject, call) => {
    const { api, settings } = await start(1);
    const refresh = refreshOf(subject, 'nobody');
    expect(await directory.fetch?.(api, refresh, settings)).toBeUndefined();
    expect(mapRecord(descope, directory.gone?.(refresh, NOON), settings, NOON)).toEqual({
      kind: 'changes',
      changes: [{ call, facet: 'profile', occurredAt: NOON }],
    });
  });

  it('does not take a 404 for a user who is gone', async () => {
    const { api, settings } = await start(1);
    server.breakNext('descope', ['404']);
    await expect(directory.fetch?.(api, refreshOf('user', 'invented-user-000000'), settings)).rejects.toMatchObject({
      code: 'UNEXPECTED',
    });
  });
});
