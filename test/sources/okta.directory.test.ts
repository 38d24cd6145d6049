import { afterEach, describe, expect, it } from '@jest/globals';
import type { SourceSettings } from '../../functions/core/settings.ts';
import type { ApiAnswer } from '../../functions/sources/directory.ts';
import { okta } from '../../functions/sources/okta.ts';
import { fakeOkta } from '../../infra/local/fake-vendors/okta.ts';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const { credential } = fakeOkta;
const { fetch, gone, list, retryAfterSeconds } = directoryOf(okta);

let server: FakeVendorServer | undefined;
afterEach(() => server?.close());
const start = async (
  users: number | readonly FakeUser[] = 0,
  given: Readonly<Record<string, string>> | undefined = credential,
) => {
  const started = await startFakeVendorServer({ vendors: [fakeOkta], users, now: () => NOON });
  server = started;
  const settings: SourceSettings = { api: started.baseOf('okta') };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(okta, {
    settings,
    credential: given,
    now: () => NOON,
    onRateLimit: (seconds) => waits.push(seconds),
  });
  return { api, settings, options: { settings, startedAt: NOON }, waits, server: started };
};
const invented = (): FakeUser => {
  const [user] = inventUsers(1, NOON);
  if (user === undefined) throw new Error('nobody was invented');
  const [createdAt, updatedAt] = [new Date('2030-01-01T00:00:00.500Z'), new Date('2030-06-01T00:00:00Z')];
  return { ...user, createdAt, updatedAt };
};
const refreshOf = (id: string, over: object = {}) => ({ subject: 'user', id, occurredAt: NOON, ...over });

describe('listing the users of Okta', () => {
  it('finds each of them once, 200 at a time, by the links of the pages', async () => {
    const { api, settings, options, server: fake } = await start(450);
    const pages = await listAll(okta, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([200, 200, 50]);
    expect(userIdsOn(okta, pages, settings, NOON)).toEqual(inventUsers(450, NOON).map(({ who }) => who.id));
    expect(fake.requests.map(({ query }) => query.get('limit'))).toEqual(['200', '200', '200']);
  });

  it('asks for those that changed since, on every page', async () => {
    const { api, options, server: fake } = await start(450);
    const since = new Date(NOON.getTime() - 250 * 60_000);
    const pages = await listAll(okta, api, { ...options, since });
    expect(pages.map(({ records }) => records.length)).toEqual([200, 50]);
    const filter = `lastUpdated gt "${since.toISOString()}"`;
    expect(fake.requests.map(({ query }) => query.get('filter'))).toEqual([filter, filter]);
  });

  it('ends at once where there is nobody', async () => {
    const { api, options } = await start();
    expect(await listAll(okta, api, options)).toEqual([{ records: [] }]);
  });

  it('keeps nobody of a page in the link to the next', async () => {
    const { api, options } = await start(201);
    const [page] = await listAll(okta, api, options);
    expect(page?.next).toMatch(/^http.*limit=200/);
    expect(page?.next).not.toMatch(/@|%40/);
  });

  it('follows no link that leads elsewhere', async () => {
    const { api, options } = await start(1);
    await expect(list?.(api, 'https://elsewhere.example/api/v1/users', options)).rejects.toMatchObject({ code: 'UNEXPECTED' });
  });

  it('waits as long as Okta says', async () => {
    const { api, options, waits, server: fake } = await start(1);
    fake.breakNext('okta', ['429-retry-after']);
    await expect(listAll(okta, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
  });

  it.each([
    ['the token of somebody else', { token: 'another-invented-token' }, 'UNAUTHORIZED'],
    ['a credential of another form', { clientId: 'invented' }, 'NO_CREDENTIAL'],
  ])('fails with %s', async (_, given, code) => {
    const { api, options } = await start(1, given);
    await expect(listAll(okta, api, options)).rejects.toMatchObject({ code });
  });

  it('needs to know where Okta is', () => {
    expect(() => directoryOf(okta).hosts({})).toThrow(/`api`/);
  });
});

describe('a user of Okta', () => {
  it('is fetched and mapped, dated by the last change, and still is one that came to be', async () => {
    const user = invented();
    const { api, settings } = await start([user]);
    const record = await fetch?.(api, refreshOf(user.who.id, { creates: true }), settings);
    const { who } = user;
    expect(mapRecord(okta, record, settings, NOON)).toEqual({
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
              status: 'ACTIVE',
              locale: 'en_GB',
            },
          },
          facet: 'profile',
          occurredAt: user.updatedAt,
          creates: true,
        },
      ],
    });
  });

  it('comes with those members of the profile that the settings name, and no others', async () => {
    const { api, settings } = await start([invented()]);
    const record = (over: SourceSettings) => fetch?.(api, refreshOf(invented().who.id), { ...settings, ...over });
    const { who } = invented();
    const named: SourceSettings = {
      userId: ['profile.login'],
      companyId: ['profile.companyId'],
      properties: { organization: 'profile.organization', phone: 'profile.mobilePhone', street: 'profile.streetAddress' },
    };
    const mapped = mapRecord(okta, await record(named), { ...settings, ...named }, NOON);
    expect(mapped).toMatchObject({
      changes: [{ call: { user_id: who.email, company: { id: who.companyId }, metadata: { organization: who.companyName } } }],
    });
    expect(mapped).not.toHaveProperty('changes.0.creates');
    for (const over of [{}, named]) {
      const kept = JSON.stringify(okta.schema.parse(await record(over)));
      expect(kept).not.toMatch(/\+1555|Invented Street|birthDate|secondEmail|private\.|question|_links|lastLogin/);
      expect(kept.includes('organization')).toBe(over === named);
    }
  });

  it.each([
    [{ lastUpdated: '2030-06-01T00:00:00.000Z', statusChanged: '2030-07-01T00:00:00.000Z' }, '2030-07-01T00:00:00.000Z'],
    [{ lastUpdated: '2030-06-01T00:00:00.000Z', statusChanged: null }, '2030-06-01T00:00:00.000Z'],
    [{ statusChanged: '2030-07-01T00:00:00.000Z' }, '2030-07-01T00:00:00.000Z'],
    [{}, NOON.toISOString()],
  ] as const)('with the times %j is as of %s', async (times, at) => {
    const body = { id: '00uinvented1', profile: { email: 'ada@example.com' }, ...times };
    const record = await fetch?.(async () => ({ status: 200, headers: {}, body }), refreshOf('00uinvented1'), {});
    expect(mapRecord(okta, record, {}, NOON)).toMatchObject({ changes: [{ occurredAt: new Date(at) }] });
  });

  it('that Okta does not know is gone', async () => {
    const { api, settings } = await start();
    expect(await fetch?.(api, refreshOf('00uinventedNobody1'), settings)).toBeUndefined();
    expect(mapRecord(okta, gone?.(refreshOf('00uinventedNobody1'), NOON), settings, NOON)).toEqual({
      kind: 'changes',
      changes: [{ call: { kind: 'deleteUser', user_id: '00uinventedNobody1' }, facet: 'profile', occurredAt: NOON }],
    });
  });

  it('is not gone because something else is not found', async () => {
    for (const answer of [
      { status: 404, headers: {}, body: undefined },
      { status: 404, headers: {}, body: { errorCode: 'E0000022' } },
      { status: 200, headers: {}, body: { errorCode: 'E0000007' } },
    ] satisfies readonly ApiAnswer[]) {
      await expect(fetch?.(async () => answer, refreshOf('00uinvented1'), {})).rejects.toMatchObject({ code: 'UNEXPECTED' });
    }
  });

  it('is asked for by an id that cannot leave its place in the path', async () => {
    const { api, settings, server: fake } = await start();
    await fetch?.(api, refreshOf('a/../b?c#d'), settings);
    expect(fake.requests.map(({ path }) => path)).toEqual(['/api/v1/users/a%2F..%2Fb%3Fc%23d']);
  });
});

describe('the limit of Okta', () => {
  const wait = (status: number, reset: string) =>
    retryAfterSeconds?.({ status, headers: { 'x-rate-limit-reset': reset }, body: undefined }, NOON);
  const seconds = NOON.getTime() / 1000;

  it('ends when its minute does', () => {
    expect(wait(429, String(seconds + 17))).toBe(17);
    expect(wait(429, String(seconds - 3))).toBe(1);
    expect(wait(429, String(seconds + 86_400))).toBe(60);
    expect([wait(429, ''), wait(429, 'soon'), wait(500, String(seconds + 17))]).toEqual([undefined, undefined, undefined]);
  });
});
