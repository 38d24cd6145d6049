import { afterEach, describe, expect, it } from '@jest/globals';
import type { SourceSettings } from '../../functions/core/settings.ts';
import type { ApiAnswer } from '../../functions/sources/directory.ts';
import { zitadel } from '../../functions/sources/zitadel.ts';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { fakeZitadel } from '../../infra/local/fake-vendors/zitadel.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const { credential } = fakeZitadel;
const { fetch, gone, list } = directoryOf(zitadel);

let server: FakeVendorServer | undefined;
afterEach(() => server?.close());
const start = async (
  users: number | readonly FakeUser[] = 0,
  given: Readonly<Record<string, string>> | undefined = credential,
) => {
  const started = await startFakeVendorServer({ vendors: [fakeZitadel], users, now: () => NOON });
  server = started;
  const settings: SourceSettings = { api: started.baseOf('zitadel') };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(zitadel, { settings, credential: given, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: NOON }, waits, server: started };
};
const invented = (): FakeUser => {
  const [user] = inventUsers(1, NOON);
  if (user === undefined) throw new Error('nobody was invented');
  return { ...user, createdAt: new Date('2030-01-01T00:00:00Z'), updatedAt: new Date('2030-06-01T00:00:00Z') };
};
const refreshOf = (id: string, over: object = {}) => ({ subject: 'user', id, occurredAt: NOON, ...over });
const answering =
  (body: unknown, status = 200) =>
  async (): Promise<ApiAnswer> => ({ status, headers: {}, body });

describe('listing the users of Zitadel', () => {
  it('finds each of them once, a hundred at a time', async () => {
    const { api, settings, options } = await start(250);
    const pages = await listAll(zitadel, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([100, 100, 50, 0]);
    expect(pages.map(({ next }) => next)).toEqual(['100', '200', '250', undefined]);
    expect(userIdsOn(zitadel, pages, settings, NOON).toSorted()).toEqual(inventUsers(250, NOON).map(({ who }) => who.id));
  });

  it('asks for people only, in the order of ids, and for an offset as a text', async () => {
    const asked: unknown[] = [];
    const api = async ({ body }: { readonly body?: unknown }): Promise<ApiAnswer> => {
      asked.push(body);
      return { status: 200, headers: {}, body: { details: { totalResult: '0' } } };
    };
    expect(await list?.(api, undefined, { settings: {}, startedAt: NOON })).toEqual({ records: [] });
    const queries = [{ typeQuery: { type: 'TYPE_HUMAN' } }];
    expect(asked).toEqual([{ query: { offset: '0', limit: 100, asc: true }, queries }]);
  });

  it('goes on after a page that is shorter than it asked for', async () => {
    const page = await list?.(answering({ result: [{ userId: '1' }] }), '30', { settings: {}, startedAt: NOON });
    expect(page?.next).toBe('31');
  });

  it.each([
    ['429', 'RATE_LIMITED', [undefined]],
    ['429-retry-after', 'RATE_LIMITED', [1]],
    ['500', 'UNAVAILABLE', []],
  ] as const)('tells of a %s', async (fault, code, told) => {
    const { api, options, waits, server: fake } = await start(1);
    fake.breakNext('zitadel', [fault]);
    await expect(listAll(zitadel, api, options)).rejects.toMatchObject({ code });
    expect(waits).toEqual(told);
  });

  it.each([
    ['the token of somebody else', { token: 'another-invented-token' }, 'UNAUTHORIZED'],
    ['a credential of another form', { clientId: 'invented' }, 'NO_CREDENTIAL'],
  ])('fails with %s', async (_, given, code) => {
    const { api, options } = await start(1, given);
    await expect(listAll(zitadel, api, options)).rejects.toMatchObject({ code });
  });

  it('fails with an answer that is no list', async () => {
    const options = { settings: {}, startedAt: NOON };
    for (const api of [answering(undefined), answering({ result: 7 }), answering({}, 404)])
      await expect(list?.(api, undefined, options)).rejects.toMatchObject({ code: 'UNEXPECTED' });
  });

  it('needs to know where Zitadel is', () => {
    expect(() => directoryOf(zitadel).hosts({})).toThrow(/`api`/);
  });
});

describe('a user of Zitadel', () => {
  it('is fetched and mapped, dated by the last change, and still is one that came to be', async () => {
    const user = invented();
    const { api, settings } = await start([user]);
    const record = await fetch?.(api, refreshOf(user.who.id, { creates: true }), settings);
    const { who } = user;
    expect(mapRecord(zitadel, record, settings, NOON)).toEqual({
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
              locale: 'en',
              state: 'USER_STATE_ACTIVE',
            },
            company: { id: who.companyId },
          },
          facet: 'profile',
          occurredAt: user.updatedAt,
          creates: true,
        },
      ],
    });
    expect(JSON.stringify(zitadel.schema.parse(record))).not.toMatch(/\+1555|nickname|GENDER|avatar/);
  });

  it('can be named by what only the API knows', async () => {
    const { api, settings } = await start([invented()]);
    const record = await fetch?.(api, refreshOf(invented().who.id), settings);
    for (const path of ['preferredLoginName', 'loginNames[0]', 'username']) {
      const mapped = mapRecord(zitadel, record, { ...settings, userId: [path] }, NOON);
      expect(mapped).toMatchObject({ changes: [{ call: { user_id: invented().who.email } }] });
      expect(mapped).not.toHaveProperty('changes.0.creates');
    }
    expect(mapRecord(zitadel, record, { userId: ['human.phone.phone'] }, NOON)).toEqual({
      kind: 'rejected',
      because: 'NO_USER_ID',
    });
  });

  it('has an address that is not verified where that is left out, and no language where it is undetermined', async () => {
    const user = { userId: '1', human: { email: { email: 'ada@example.com' }, profile: { preferredLanguage: 'und' } } };
    const mapped = mapRecord(zitadel, await fetch?.(answering({ user }), refreshOf('1'), {}), {}, NOON);
    const call = { kind: 'identifyUser', user_id: '1', metadata: { email: 'ada@example.com', email_verified: false } };
    expect(mapped).toEqual({ kind: 'changes', changes: [{ call, facet: 'profile', occurredAt: NOON }] });
  });

  it('is not a machine', async () => {
    const user = { userId: '1', machine: { name: 'invented' } };
    const record = await fetch?.(answering({ user }), refreshOf('1'), {});
    expect(mapRecord(zitadel, record, {}, NOON)).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
  });

  it('that Zitadel does not know is gone', async () => {
    const { api, settings } = await start();
    expect(await fetch?.(api, refreshOf('336494809936009999'), settings)).toBeUndefined();
    expect(mapRecord(zitadel, gone?.(refreshOf('336494809936009999'), NOON), settings, NOON)).toEqual({
      kind: 'changes',
      changes: [{ call: { kind: 'deleteUser', user_id: '336494809936009999' }, facet: 'profile', occurredAt: NOON }],
    });
  });

  it('is not gone because the token has no role, or the address is wrong', async () => {
    const details = (id: string) => ({ code: 5, message: 'invented', details: [{ id, message: 'invented' }] });
    for (const api of [
      answering(details('AUTHZ-cdgFk'), 404),
      answering({ code: 5, message: 'Not Found', details: [] }, 404),
      answering(undefined, 404),
      answering(details('QUERY-Dfbg2')),
    ])
      await expect(fetch?.(api, refreshOf('1'), {})).rejects.toMatchObject({ code: 'UNEXPECTED' });
  });
});
