import { afterEach, describe, expect, it } from '@jest/globals';
import { keycloak } from '../../functions/sources/keycloak.ts';
import { fakeKeycloak } from '../../infra/local/fake-vendors/keycloak.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const { credential } = fakeKeycloak;

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (users = 0, given: Readonly<Record<string, string>> | undefined = credential, realm = 'local') => {
  server = await startFakeVendorServer({ vendors: [fakeKeycloak], users, now: () => NOON });
  const settings = { api: `${server.baseOf('keycloak')}/realms/${realm}` };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(keycloak, { settings, credential: given, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: NOON }, waits };
};
const { fetch, gone } = directoryOf(keycloak);

describe('listing the users of Keycloak', () => {
  it('finds each of them once, five hundred at a time, with one token', async () => {
    const { api, settings, options } = await start(1100);
    const pages = await listAll(keycloak, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([500, 500, 100]);
    expect(userIdsOn(keycloak, pages, settings, NOON).toSorted()).toEqual(inventUsers(1100, NOON).map(({ who }) => who.id));
    expect(server.requests.filter(({ path }) => path.endsWith('/token'))).toHaveLength(1);
  });

  it('ends with an empty page where the last one was full, and at once where there is nobody', async () => {
    const { api, options } = await start(500);
    expect((await listAll(keycloak, api, options)).map(({ records }) => records.length)).toEqual([500, 0]);
    await server.close();
    const nobody = await start();
    expect(await listAll(keycloak, nobody.api, nobody.options)).toEqual([{ records: [] }]);
  });

  it('heeds a 429, and knows a wrong credential or realm from none', async () => {
    const { api, options, waits } = await start(1);
    await listAll(keycloak, api, options);
    server.breakNext('keycloak', ['429-retry-after', '404']);
    await expect(listAll(keycloak, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
    // An address that knows no such call must not pass for a realm without users.
    await expect(listAll(keycloak, api, options)).rejects.toMatchObject({ code: 'UNEXPECTED', status: 404 });
    await server.close();
    const wrong = await start(1, { ...credential, clientSecret: 'another' });
    await expect(listAll(keycloak, wrong.api, wrong.options)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await server.close();
    const elsewhere = await start(1, credential, 'elsewhere');
    await expect(
      fetch?.(elsewhere.api, { subject: 'user', id: 'any', occurredAt: NOON }, elsewhere.settings),
    ).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    });
    await server.close();
    const none = await start(1, {});
    await expect(listAll(keycloak, none.api, none.options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
  });
});

describe('fetching a user of Keycloak', () => {
  const askedAt = new Date('2031-04-09T12:00:05Z');

  it.each([true, undefined])('makes a whole user of a thin event, as of when it was asked for; creation: %p', async (creates) => {
    const { api, settings } = await start(3);
    const [, { who, createdAt } = { who: undefined, createdAt: NOON }] = inventUsers(3, NOON);
    if (who === undefined) throw new Error('nobody was invented');
    const refresh = { subject: 'user', id: who.id, occurredAt: NOON, ...(creates && { creates }) };
    const record = await fetch?.(api, refresh, settings);
    const given = { ...settings, companyId: ['attributes.companyId[0]'], userId: ['attributes.externalId[0]', 'id'] };
    expect(mapRecord(keycloak, record, given, askedAt)).toEqual({
      kind: 'changes',
      changes: [
        {
          call: {
            kind: 'identifyUser',
            user_id: who.id,
            metadata: {
              email: who.email,
              name: `${who.firstName} ${who.lastName}`,
              created_at: createdAt.toISOString(),
              email_verified: true,
              enabled: true,
            },
            company: { id: who.companyId },
          },
          facet: 'profile',
          occurredAt: askedAt,
          ...(creates && { creates }),
        },
      ],
    });
    expect(JSON.stringify(record)).toContain('+15555550142');
    expect(JSON.stringify(keycloak.schema.parse(record))).not.toMatch(/5555550142|federated|private/);
  });

  it('has nothing of a user who is gone, and says so as a deletion', async () => {
    const { api, settings } = await start(1);
    const refresh = { subject: 'user', id: 'somebody-else', occurredAt: NOON };
    expect(await fetch?.(api, refresh, settings)).toBeUndefined();
    expect(mapRecord(keycloak, gone?.(refresh, askedAt), settings, askedAt)).toEqual({
      kind: 'changes',
      changes: [{ call: { kind: 'deleteUser', user_id: 'somebody-else' }, facet: 'profile', occurredAt: askedAt }],
    });
  });

  it('asks the admin API and the token endpoint of the realm in the settings, whatever stands before them', async () => {
    const { api, settings } = await start(1);
    await fetch?.(api, { subject: 'user', id: 'a/b', occurredAt: NOON }, settings);
    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /realms/local/protocol/openid-connect/token',
      'GET /admin/realms/local/users/a%2Fb',
    ]);
    const { hosts } = directoryOf(keycloak);
    expect(hosts({ api: 'https://id.example.com/auth/realms/shop' })).toEqual(['https://id.example.com/auth/admin/realms/shop']);
    for (const address of [undefined, 'https://id.example.com', 'https://id.example.com/admin/realms/shop']) {
      expect(() => hosts({ api: address })).toThrow('"api"');
    }
  });
});
