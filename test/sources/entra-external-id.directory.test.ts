import { afterEach, describe, expect, it } from '@jest/globals';
import type { SourceSettings } from '../../functions/core/settings.ts';
import type { VendorApi } from '../../functions/sources/directory.ts';
import { entraExternalId } from '../../functions/sources/entra-external-id.ts';
import { fakeEntraExternalId } from '../../infra/local/fake-vendors/entra-external-id.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { personOf } from '../../infra/tools/send/person.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const { credential } = fakeEntraExternalId;
const directory = directoryOf(entraExternalId);
const refreshOf = (id: string) => ({ subject: 'user', id, occurredAt: NOON });

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (users = 0, given: Readonly<Record<string, string>> = credential, more: SourceSettings = {}) => {
  server = await startFakeVendorServer({ vendors: [fakeEntraExternalId], users, now: () => NOON });
  const settings = { api: server.baseOf('entra-external-id'), ...more };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(entraExternalId, {
    settings,
    credential: given,
    now: () => NOON,
    onRateLimit: (seconds) => waits.push(seconds),
  });
  return { api, settings, options: { settings, startedAt: NOON }, waits };
};
const paths = () => server.requests.map(({ path }) => path);

describe('listing the users of Entra External ID', () => {
  it('finds each of them once, 999 at a time, with one token', async () => {
    const { api, settings, options } = await start(2100);
    const pages = await listAll(entraExternalId, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([999, 999, 102]);
    expect(userIdsOn(entraExternalId, pages, settings, NOON)).toEqual(inventUsers(2100, NOON).map(({ who }) => who.id));
    expect(paths()).toEqual([`/${credential.tenantId}/oauth2/v2.0/token`, '/users', '/users', '/users']);
  });

  it('lists all of them when asked for the changed ones only, as nobody can tell which those are', async () => {
    const { api, options } = await start(3);
    const [page] = await listAll(entraExternalId, api, { ...options, since: NOON });
    expect(page?.records).toHaveLength(3);
  });

  it('ends at once where there is nobody', async () => {
    const { api, options } = await start();
    expect(await listAll(entraExternalId, api, options)).toEqual([{ records: [] }]);
  });

  it('asks for no telephone number, and lets no principal name past the schema', async () => {
    const { api, options } = await start(1);
    const [page] = await listAll(entraExternalId, api, options);
    expect(JSON.stringify(page)).not.toMatch(/5555550142|companyId/);
    expect(JSON.stringify(page?.records.map((record) => entraExternalId.schema.parse(record)))).not.toContain('onmicrosoft');
  });

  it('asks for the extension attributes that the settings name', async () => {
    const { api, options, settings } = await start(1, credential, { companyId: ['extensions.extension_invented_companyId'] });
    const [page] = await listAll(entraExternalId, api, options);
    expect(mapRecord(entraExternalId, page?.records[0], settings, NOON)).toMatchObject({
      changes: [{ call: { company: { id: personOf(0).companyId } } }],
    });
  });

  it('heeds a 429, and knows a wrong credential from none', async () => {
    const { api, options, waits } = await start(1);
    await listAll(entraExternalId, api, options);
    server.breakNext('entra-external-id', ['429-retry-after']);
    await expect(listAll(entraExternalId, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
    await server.close();
    const wrong = await start(1, { ...credential, clientSecret: 'another' });
    await expect(listAll(entraExternalId, wrong.api, wrong.options)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await server.close();
    const none = await start(1, { clientId: 'only' });
    await expect(listAll(entraExternalId, none.api, none.options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
  });

  it.each([
    ['429', 'RATE_LIMITED'],
    ['500', 'UNAVAILABLE'],
    ['404', 'UNAUTHORIZED'],
  ] as const)('says so when the token endpoint answers %s', async (fault, code) => {
    const { api, options } = await start(1);
    server.breakNext('entra-external-id', [fault]);
    await expect(listAll(entraExternalId, api, options)).rejects.toMatchObject({ code });
  });

  it('takes nothing for a page that is none, and sends the token nowhere else', async () => {
    const { settings, options } = await start();
    const answering =
      (body: unknown): VendorApi =>
      async () => ({ status: 200, headers: {}, body });
    for (const body of [undefined, {}, { value: 'x' }, { value: [7] }])
      await expect(listAll(entraExternalId, answering(body), options)).rejects.toMatchObject({ code: 'UNEXPECTED' });
    const api = vendorApiOf(entraExternalId, { settings, credential });
    await expect(directory.list?.(api, 'https://elsewhere.example/users', options)).rejects.toMatchObject({ code: 'UNEXPECTED' });
  });
});

describe('fetching a user of Entra External ID', () => {
  const fetched = async (api: VendorApi, id: string, settings: SourceSettings, creates?: boolean) =>
    directory.fetch?.(api, { ...refreshOf(id), ...(creates && { creates }) }, settings);

  it('maps one like a webhook, dated by when it was asked for', async () => {
    const { api, settings } = await start(3);
    const who = personOf(1);
    const record = await fetched(api, who.id, settings);
    expect(mapRecord(entraExternalId, record, settings, NOON)).toEqual({
      kind: 'changes',
      changes: [
        {
          call: {
            kind: 'identifyUser',
            user_id: who.id,
            metadata: {
              email: who.email,
              name: `${who.firstName} ${who.lastName}`,
              created_at: '2031-04-09T11:59:00.000Z',
              locale: 'en-GB',
              company_name: who.companyName,
              account_enabled: true,
            },
          },
          facet: 'profile',
          occurredAt: NOON,
        },
      ],
    });
  });

  it('carries through that the user came to be', async () => {
    const { api, settings } = await start(1);
    const record = await fetched(api, personOf(0).id, settings, true);
    expect(mapRecord(entraExternalId, record, settings, NOON)).toMatchObject({ changes: [{ creates: true }] });
  });

  it('finds nobody who is gone, which maps to the deletion', async () => {
    const { api, settings } = await start(1);
    const { id } = personOf(0);
    server.remove(id);
    expect(await fetched(api, id, settings)).toBeUndefined();
    const gone = directory.gone?.(refreshOf(id), NOON);
    expect(mapRecord(entraExternalId, gone, settings, NOON)).toEqual({
      kind: 'changes',
      changes: [{ call: { kind: 'deleteUser', user_id: id }, facet: 'profile', occurredAt: NOON }],
    });
  });

  it('takes no other answer for the end of a user', async () => {
    const { settings } = await start();
    for (const body of [undefined, 'text', [1]]) {
      const odd: VendorApi = async () => ({ status: 200, headers: {}, body });
      await expect(fetched(odd, 'x', settings)).rejects.toMatchObject({ code: 'UNEXPECTED' });
    }
  });
});

describe('the hosts of Entra External ID', () => {
  it.each([
    [undefined, ['https://graph.microsoft.com/v1.0', 'https://login.microsoftonline.com']],
    ['https://graph.microsoft.us/v1.0', ['https://graph.microsoft.us/v1.0', 'https://login.microsoftonline.us']],
    ['http://127.0.0.1:4020/entra', ['http://127.0.0.1:4020/entra', 'http://127.0.0.1:4020/entra']],
  ])('for %s are %j', (api, hosts) => {
    expect(directory.hosts(api === undefined ? {} : { api })).toEqual(hosts);
  });
});
