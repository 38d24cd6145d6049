import { afterEach, describe, expect, it } from '@jest/globals';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { auth0 } from '../../functions/sources/auth0.ts';
import type { ApiAnswer } from '../../functions/sources/directory.ts';
import { fakeAuth0 } from '../../infra/local/fake-vendors/auth0.ts';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const { list, hosts } = directoryOf(auth0);

let server: FakeVendorServer | undefined;
afterEach(() => server?.close());
const start = async (
  users: number | readonly FakeUser[],
  credential: Readonly<Record<string, string>> = fakeAuth0.credential,
) => {
  const started = await startFakeVendorServer({ vendors: [fakeAuth0], users, now: () => NOON });
  server = started;
  const settings: SourceSettings = { api: started.baseOf('auth0') };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(auth0, { settings, credential, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: NOON }, waits, server: started };
};
const idsOf = (users: readonly FakeUser[]) => users.map(({ who }) => who.id);
/** As after an import: so many who were created at the same moment. */
const together = (users: readonly FakeUser[], from: number, to: number): readonly FakeUser[] =>
  users.map((user, index) => (index >= from && index < to ? { ...user, createdAt: users[from]?.createdAt ?? NOON } : user));

describe('listing the users of Auth0', () => {
  it('finds each of them once, also behind the thousandth, with one token', async () => {
    const { api, settings, options, server: fake } = await start(1234);
    const pages = await listAll(auth0, api, options);
    expect(userIdsOn(auth0, pages, settings, NOON)).toEqual(idsOf(inventUsers(1234, NOON)));
    const listed = fake.requests.filter(({ path }) => path === '/api/v2/users');
    expect(new Set(listed.map(({ query }) => `${query.get('page')} ${query.get('per_page')}`))).toEqual(new Set(['0 50']));
    expect(fake.requests.length - listed.length).toBe(1);
  });

  it.each([0, 1, 49, 50, 51, 99])('ends where there are %d', async (count) => {
    const { api, settings, options } = await start(count);
    const pages = await listAll(auth0, api, options);
    expect(userIdsOn(auth0, pages, settings, NOON)).toEqual(idsOf(inventUsers(count, NOON)));
  });

  it.each([
    [0, 300],
    [20, 80],
    [50, 100],
    [49, 250],
    [10, 60],
    [120, 170],
    [250, 300],
  ])('finds each once where those from the %dth to the %dth were created at one moment', async (from, to) => {
    const users = together(inventUsers(300, NOON), from, to);
    const { api, settings, options } = await start(users);
    const pages = await listAll(auth0, api, options);
    expect(userIdsOn(auth0, pages, settings, NOON)).toEqual(idsOf(users));
  });

  it.each([[[50, 1, 49, 51]], [[1, 50, 50, 3]], [[120, 2, 48]], [[7, 100, 100, 1]]])(
    'finds each once where %j came to be together',
    async (runs) => {
      const moments = runs.flatMap((count, run) => Array<Date>(count).fill(new Date(NOON.getTime() - 1000 + run)));
      const people = inventUsers(moments.length, NOON);
      const users = people.map((user, index) => ({ ...user, createdAt: moments[index] ?? NOON }));
      const { api, settings, options } = await start(users);
      expect(userIdsOn(auth0, await listAll(auth0, api, options), settings, NOON)).toEqual(idsOf(users));
    },
  );

  it('says so when more than a thousand were created at one moment, instead of leaving some out', async () => {
    const { api, options } = await start(together(inventUsers(1100, NOON), 0, 1100));
    await expect(listAll(auth0, api, options)).rejects.toMatchObject({ code: 'UNEXPECTED' });
  });

  it('asks for those that changed since, and for nobody who came after the run began', async () => {
    const [old, fresh, late] = inventUsers(3, NOON);
    const users = [old, fresh, late].flatMap((user) => user ?? []);
    const { api, settings, options } = await start(
      users.map((user, index) => (index === 2 ? { ...user, createdAt: new Date(NOON.getTime() + 1) } : user)),
    );
    const pages = await listAll(auth0, api, { ...options, since: new Date(NOON.getTime() - 90_000) });
    expect(userIdsOn(auth0, pages, settings, NOON)).toEqual(idsOf(users.slice(1, 2)));
  });

  it('maps a user as an update is mapped, dated by the last change, with nothing private', async () => {
    const { api, settings, options } = await start(1);
    const [page] = await listAll(auth0, api, options);
    const [user] = inventUsers(1, NOON);
    expect(mapRecord(auth0, page?.records[0], settings, NOON)).toMatchObject({
      changes: [{ call: { user_id: user?.who.id, metadata: { email: user?.who.email } }, occurredAt: user?.updatedAt }],
    });
    expect(mapRecord(auth0, page?.records[0], settings, NOON)).not.toHaveProperty('changes.0.creates');
    expect(JSON.stringify(auth0.schema.parse(page?.records[0]))).not.toMatch(
      /5555550142|203\.0\.113|invented-factor|profileData/,
    );
  });

  it('keeps nobody in the cursor', async () => {
    const { api, options } = await start(51);
    expect((await list?.(api, undefined, options))?.next).toMatch(/^\{"from":"[\d:.TZ-]+","page":0\}$/);
  });

  it('heeds a 429', async () => {
    const { api, options, waits, server: fake } = await start(1);
    await listAll(auth0, api, options);
    fake.breakNext('auth0', ['429-retry-after']);
    await expect(listAll(auth0, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
  });

  it('knows a wrong credential, or one for another API, from none', async () => {
    const { api, options, settings } = await start(1, { ...fakeAuth0.credential, clientSecret: 'another' });
    await expect(listAll(auth0, api, options)).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
    const elsewhere = { ...settings, audience: ['https://elsewhere.example/api/v2/'] };
    const other = vendorApiOf(auth0, { settings: elsewhere, credential: fakeAuth0.credential });
    await expect(listAll(auth0, other, options)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    const none = vendorApiOf(auth0, { settings, credential: undefined });
    await expect(listAll(auth0, none, options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
  });

  it.each([
    { status: 404, headers: {}, body: undefined },
    { status: 200, headers: {}, body: { users: [] } },
    { status: 200, headers: {}, body: [{ user_id: 'auth0|1' }] },
  ] satisfies readonly ApiAnswer[])('does not take %j for a page', async (answer) => {
    const options = { settings: { api: 'https://acme.eu.auth0.com' }, startedAt: NOON };
    await expect(list?.(async () => answer, undefined, options)).rejects.toMatchObject({ code: 'UNEXPECTED' });
  });

  it('needs to know where the tenant is', () => {
    expect(() => hosts({})).toThrow('`api`');
  });
});
