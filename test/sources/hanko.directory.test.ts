import { afterEach, describe, expect, it } from '@jest/globals';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { createVendorApi } from '../../functions/outbound/vendor-api.ts';
import type { VendorApi } from '../../functions/sources/directory.ts';
import { hankoDirectory } from '../../functions/sources/hanko.directory.ts';
import { hanko } from '../../functions/sources/hanko.ts';
import { fakeHanko } from '../../infra/local/fake-vendors/hanko.ts';
import { personOf } from '../../infra/tools/send/person.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const byCompany: SourceSettings = { companyId: ['metadata.public_metadata.company_id'] };

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (users: number, limit = fakeHanko.limit): Promise<void> => {
  server = await startFakeVendorServer({ vendors: [{ ...fakeHanko, limit }], users, now: () => NOON });
};

const pushedBack: (number | undefined)[] = [];
const apiOf = (credential: Readonly<Record<string, string>> = fakeHanko.credential): VendorApi =>
  createVendorApi({
    directory: hankoDirectory,
    settings: { api: server.baseOf('hanko') },
    credential: async () => credential,
    now: () => NOON,
    permit: async () => undefined,
    onRateLimit: async (seconds) => void pushedBack.push(seconds),
  });

const listed = async (api: VendorApi, settings: SourceSettings = {}, afterPage = () => {}): Promise<readonly unknown[]> => {
  const records: unknown[] = [];
  let cursor: string | undefined;
  do {
    const page = await hankoDirectory.list?.(api, cursor, { startedAt: NOON, settings });
    records.push(...(page?.records ?? []));
    cursor = page?.next;
    afterPage();
  } while (cursor !== undefined);
  return records;
};
const callsOf = (records: readonly unknown[], settings: SourceSettings = {}) =>
  records.flatMap((record) => {
    const result = hanko.map(hanko.schema.parse(record), { settings, receivedAt: NOON });
    return result.kind === 'changes' ? result.changes : [];
  });
const asked = () => server.requests.map(({ path, query }) => `${path} ${query.get('page')} of ${query.get('per_page')}`);

describe('the list of Hanko', () => {
  it('names every user once, oldest first, up to an empty page', async () => {
    await start(230);
    const calls = callsOf(await listed(apiOf()));
    expect(calls.map(({ call }) => 'user_id' in call && call.user_id)).toEqual(
      Array.from({ length: 230 }, (_, index) => personOf(index).id),
    );
    expect(asked()).toEqual([1, 2, 3, 4].map((page) => `/users ${page} of 100`));
  });

  it('says nothing of a name that it does not have, and counts from when it was asked for', async () => {
    await start(1);
    const who = personOf(0);
    expect(callsOf(await listed(apiOf()))).toEqual([
      {
        call: {
          kind: 'identifyUser',
          user_id: who.id,
          metadata: { email: who.email, created_at: NOON.toISOString(), email_verified: true, username: 'ada' },
        },
        facet: 'profile',
        occurredAt: NOON,
      },
    ]);
  });

  it.each<[string, SourceSettings]>([
    ['company', byCompany],
    ['user id', { userId: ['metadata.public_metadata.id', 'id'] }],
    ['property', { properties: { title: 'metadata."public_metadata".title' } }],
    ['name', { properties: { full_name: 'name' } }],
  ])('asks for each user alone where the %s stands in what the list lacks', async (_, settings) => {
    await start(45);
    const calls = callsOf(await listed(apiOf(), settings), settings);
    expect(calls.map(({ call }) => 'user_id' in call && call.user_id)).toEqual(
      Array.from({ length: 45 }, (_, index) => personOf(index).id),
    );
    expect(calls[44]).toMatchObject({ call: { metadata: { name: 'Freya Amsel' } } });
    expect(server.requests.filter(({ path }) => path === '/users')).toHaveLength(4);
    expect(server.requests.filter(({ path }) => path.startsWith('/users/'))).toHaveLength(45);
  });

  it('has the company then', async () => {
    await start(1);
    const [change] = callsOf(await listed(apiOf(), byCompany), byCompany);
    expect(change?.call).toMatchObject({ company: { id: personOf(0).companyId } });
  });

  it('leaves out who was deleted meanwhile', async () => {
    await start(3);
    const api = apiOf();
    const withOneGone: VendorApi = async (request) => {
      const answer = await api(request);
      if (request.url.startsWith('/users?')) server.remove(personOf(1).id);
      return answer;
    };
    expect(callsOf(await listed(withOneGone, byCompany), byCompany)).toHaveLength(2);
  });

  it('waits when it is told to, and says when the key is wrong or missing', async () => {
    await start(1, { calls: 2, perMs: 60_000 });
    const api = apiOf();
    await listed(api);
    await expect(listed(api)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(pushedBack.splice(0)[0]).toBeGreaterThan(50);
    await expect(listed(apiOf({}))).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
    expect(() => hankoDirectory.hosts({})).toThrow('"api"');
  });

  it('refuses another key, and pages that are none', async () => {
    await start(1);
    await expect(listed(apiOf({ token: 'other' }))).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    const answering =
      (status: number, body: unknown): VendorApi =>
      async () => ({ status, headers: {}, body });
    await expect(listed(answering(200, { users: [] }))).rejects.toMatchObject({ code: 'UNEXPECTED' });
    await expect(listed(answering(404, []))).rejects.toMatchObject({ code: 'UNEXPECTED' });
    expect(await listed(answering(200, null))).toEqual([]);
  });
});
