import { afterEach, describe, expect, it } from '@jest/globals';
import { createVendorApi } from '../../functions/outbound/vendor-api.ts';
import type { VendorApi } from '../../functions/sources/directory.ts';
import { kindeDirectory } from '../../functions/sources/kinde.directory.ts';
import { kinde } from '../../functions/sources/kinde.ts';
import { fakeKinde } from '../../infra/local/fake-vendors/kinde.ts';
import type { FakeVendor } from '../../infra/local/fake-vendors/vendor.ts';
import { personOf } from '../../infra/tools/send/person.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (users: number, vendor: FakeVendor = fakeKinde): Promise<void> => {
  server = await startFakeVendorServer({ vendors: [vendor], users, now: () => NOON });
};

const pushedBack: (number | undefined)[] = [];
const settings = () => ({ api: server.baseOf('kinde') });
const apiOf = (credential: Readonly<Record<string, string>> | undefined = fakeKinde.credential): VendorApi =>
  createVendorApi({
    directory: kindeDirectory,
    settings: settings(),
    credential: async () => credential,
    now: () => NOON,
    permit: async () => undefined,
    onRateLimit: async (seconds) => void pushedBack.push(seconds),
  });

const listed = async (api: VendorApi): Promise<readonly unknown[]> => {
  const records: unknown[] = [];
  let cursor: string | undefined;
  do {
    const page = await kindeDirectory.list?.(api, cursor, { startedAt: NOON, settings: settings() });
    records.push(...(page?.records ?? []));
    cursor = page?.next;
  } while (cursor !== undefined);
  return records;
};
const mapped = (record: unknown) => kinde.map(kinde.schema.parse(record), { settings: settings(), receivedAt: NOON });
const asked = () => server.requests.map(({ method, path, query }) => `${method} ${path} ${query.get('page_size') ?? ''}`.trim());

describe('the list of Kinde', () => {
  it('names every user once, by the largest pages and one token', async () => {
    await start(1203);
    const users = (await listed(apiOf())).flatMap((record) => {
      const result = mapped(record);
      return result.kind === 'changes' ? result.changes : [];
    });
    expect(users.map(({ call }) => 'user_id' in call && call.user_id)).toEqual(
      Array.from({ length: 1203 }, (_, index) => personOf(index).id),
    );
    expect(asked()).toEqual(['POST /oauth2/token', ...Array(3).fill('GET /api/v1/users 500')]);
  });

  it('maps to what an event would, as of when it was asked for', async () => {
    await start(1);
    const who = personOf(0);
    expect((await listed(apiOf())).map(mapped)).toEqual([
      {
        kind: 'changes',
        changes: [
          {
            call: {
              kind: 'identifyUser',
              user_id: who.id,
              metadata: {
                email: who.email,
                name: `${who.firstName} ${who.lastName}`,
                created_at: NOON.toISOString(),
                is_suspended: false,
              },
              company: { id: who.companyId },
            },
            facet: 'profile',
            occurredAt: NOON,
          },
        ],
      },
    ]);
  });

  it('is empty where there is nobody, also when Kinde says null', async () => {
    await start(0);
    expect(await listed(apiOf())).toEqual([]);
    const nobody: VendorApi = async () => ({ status: 200, headers: {}, body: { code: 'OK', users: null, next_token: '' } });
    expect(await listed(nobody)).toEqual([]);
  });

  it('takes users of whom nothing but an id is told', async () => {
    await start(0);
    const bare: VendorApi = async () => ({ status: 200, headers: {}, body: { users: [{ id: 'kp_invented1' }] } });
    expect((await listed(bare)).map(mapped)).toMatchObject([
      { changes: [{ call: { kind: 'identifyUser', user_id: 'kp_invented1' } }] },
    ]);
  });

  it.each([
    ['a page that is none', 200, {}, false],
    ['a page without a list', 200, 'text', true],
    ['nothing at that place', 404, { users: [] }, true],
  ])('takes %s for what it is', async (_, status, body, fails) => {
    await start(0);
    const api: VendorApi = async () => ({ status, headers: {}, body });
    if (fails) await expect(listed(api)).rejects.toMatchObject({ code: 'UNEXPECTED' });
    else expect(await listed(api)).toEqual([]);
  });

  it('waits as long as Kinde says in a header of its own', async () => {
    await start(1, { ...fakeKinde, limit: { calls: 2, perMs: 60_000 } });
    const api = apiOf();
    await listed(api);
    await expect(listed(api)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: expect.any(Number) });
    const [seconds] = pushedBack.splice(0);
    expect(seconds).toBeGreaterThan(50);
  });

  it('says when the credential is wrong or missing, and obtains a new token for one that was withdrawn', async () => {
    await start(1);
    await expect(listed(apiOf({ clientId: 'invented-machine', clientSecret: 'other' }))).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    });
    await expect(listed(apiOf({ clientId: 'invented-machine' }))).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
    expect(() => kindeDirectory.hosts({})).toThrow('"api"');
  });
});
