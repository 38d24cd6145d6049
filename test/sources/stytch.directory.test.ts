import { afterEach, describe, expect, it } from '@jest/globals';
import type { SourceSettings } from '../../functions/core/settings.ts';
import type { ApiAnswer } from '../../functions/sources/directory.ts';
import { stytch } from '../../functions/sources/stytch.ts';
import { fakeStytch } from '../../infra/local/fake-vendors/stytch.ts';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const { list, hosts } = directoryOf(stytch);

let server: FakeVendorServer | undefined;
afterEach(() => server?.close());
const start = async (
  users: number | readonly FakeUser[],
  { credential = fakeStytch.credential, vertical }: { credential?: Readonly<Record<string, string>>; vertical?: 'b2b' } = {},
) => {
  const started = await startFakeVendorServer({ vendors: [fakeStytch], users, now: () => NOON });
  server = started;
  const settings: SourceSettings = { api: started.baseOf('stytch'), vertical };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(stytch, { settings, credential, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: NOON }, waits, server: started };
};
const idsOf = (users: readonly FakeUser[]) => users.map(({ who }) => who.id);
/** So many in each of so many companies. */
const inCompanies = (companies: number, each: number): readonly FakeUser[] =>
  inventUsers(companies * each, NOON).map((user, index) => ({
    ...user,
    who: { ...user.who, companyId: `organization-${index % companies}`, companyName: `Company ${index % companies}` },
  }));

describe('listing the users of a Consumer project', () => {
  it.each([
    [2100, [1000, 1000, 100]],
    [1000, [1000]],
    [0, [0]],
  ])('finds each of %d once, a thousand at a time', async (count, sizes) => {
    const { api, settings, options } = await start(count);
    const pages = await listAll(stytch, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual(sizes);
    expect(userIdsOn(stytch, pages, settings, NOON)).toEqual(idsOf(inventUsers(count, NOON)));
  });

  it('maps a user as an update is mapped, as of the begin of the run, with nothing private', async () => {
    const { api, settings, options } = await start(1);
    const [page] = await listAll(stytch, api, options);
    const [user] = inventUsers(1, NOON);
    const mapped = mapRecord(stytch, page?.records[0], settings, new Date(NOON.getTime() + 1));
    expect(mapped).toMatchObject({ changes: [{ call: { metadata: { email: user?.who.email } }, occurredAt: NOON }] });
    expect(mapped).not.toHaveProperty('changes.0.creates');
    expect(JSON.stringify(stytch.schema.parse(page?.records[0]))).not.toMatch(/5555550142|0xinvented|password|totp|unsafe/);
  });
});

describe('listing the members of a B2B project', () => {
  it('finds each organization and each member once, by ten organizations at a time', async () => {
    const users = inCompanies(25, 4);
    const { api, settings, options, server: fake } = await start(users, { vertical: 'b2b' });
    const pages = await listAll(stytch, api, options);
    expect(userIdsOn(stytch, pages, settings, NOON).toSorted()).toEqual(idsOf(users).toSorted());
    const mapped = pages.flatMap(({ records }) => records.map((record) => mapRecord(stytch, record, settings, NOON)));
    const calls = mapped.flatMap((one) => (one.kind === 'changes' ? one.changes.map(({ call }) => call) : []));
    const companies = calls.flatMap((call) => (call.kind === 'identifyCompany' ? call.company_id : []));
    expect(companies.toSorted()).toEqual([...new Set(users.map(({ who }) => who.companyId))].toSorted());
    expect(calls).toContainEqual(
      expect.objectContaining({ user_id: users[3]?.who.id, company: { id: users[3]?.who.companyId } }),
    );
    expect(fake.requests.map(({ path }) => path.split('/').at(-2))).toEqual(Array(3).fill(['organizations', 'members']).flat());
  });

  it('pages through the members of large organizations', async () => {
    const users = inCompanies(2, 1100);
    const { api, settings, options } = await start(users, { vertical: 'b2b' });
    const pages = await listAll(stytch, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([2, 1000, 1000, 200]);
    expect(userIdsOn(stytch, pages, settings, NOON).toSorted()).toEqual(idsOf(users).toSorted());
  });

  it('ends at once where there is no organization', async () => {
    const { api, options } = await start(0, { vertical: 'b2b' });
    expect(await listAll(stytch, api, options)).toEqual([{ records: [] }]);
  });

  it('keeps ids of organizations alone in the cursor', async () => {
    const { api, options } = await start(inCompanies(11, 1), { vertical: 'b2b' });
    const first = await list?.(api, undefined, options);
    expect(JSON.parse(first?.next ?? '')).toEqual({
      organizations: Buffer.from('invented-user-000001').toString('base64url'),
      of: Array.from({ length: 10 }, () => expect.stringMatching(/^organization-\d+$/)),
    });
  });
});

describe('asking Stytch', () => {
  it('heeds a 429', async () => {
    const { api, options, waits, server: fake } = await start(1);
    fake.breakNext('stytch', ['429-retry-after']);
    await expect(listAll(stytch, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
  });

  it.each([
    ['the secret of another project', { ...fakeStytch.credential, secret: 'another' }, 'UNAUTHORIZED'],
    ['a credential of another form', { token: 'invented' }, 'NO_CREDENTIAL'],
  ])('fails with %s', async (_, credential, code) => {
    const { api, options } = await start(1, { credential });
    await expect(listAll(stytch, api, options)).rejects.toMatchObject({ code });
  });

  it.each([
    { status: 404, headers: {}, body: undefined },
    { status: 200, headers: {}, body: { results: [] } },
  ] satisfies readonly ApiAnswer[])('does not take %j for a page', async (answer) => {
    const options = { settings: {}, startedAt: NOON };
    await expect(list?.(async () => answer, undefined, options)).rejects.toMatchObject({ code: 'UNEXPECTED' });
  });

  it('asks for the live project unless told otherwise', () => {
    expect(hosts({})).toEqual(['https://api.stytch.com']);
    expect(hosts({ api: 'https://test.stytch.com' })).toEqual(['https://test.stytch.com']);
  });
});
