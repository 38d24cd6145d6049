import { createPublicKey } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { generateKeyPair, jwtVerify } from 'jose';
import type { SourceSettings } from '../../functions/core/settings.ts';
import type { ApiRequest, VendorApi } from '../../functions/sources/directory.ts';
import { firebase } from '../../functions/sources/firebase.ts';
import { fakeFirebase } from '../../infra/local/fake-vendors/firebase.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { personOf } from '../../infra/tools/send/person.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const { credential } = fakeFirebase;
const directory = directoryOf(firebase);
const refreshOf = (id: string) => ({ subject: 'user', id, occurredAt: NOON });

let server: FakeVendorServer;
afterEach(() => server.close());
const start = async (users = 0, given: Readonly<Record<string, string>> = credential) => {
  server = await startFakeVendorServer({ vendors: [fakeFirebase], users, now: () => NOON });
  const settings = { api: server.baseOf('firebase') };
  const waits: (number | undefined)[] = [];
  const onRateLimit = (seconds: number | undefined) => waits.push(seconds);
  const api = vendorApiOf(firebase, { settings, credential: given, now: () => NOON, onRateLimit });
  return { api, settings, options: { settings, startedAt: NOON }, waits };
};
const answering =
  (body: unknown, status = 200): VendorApi =>
  async () => ({ status, headers: {}, body });

describe('listing the accounts of Firebase', () => {
  it('finds each of them once, a thousand at a time, with one token', async () => {
    const { api, settings, options } = await start(2100);
    const pages = await listAll(firebase, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([1000, 1000, 100]);
    expect(userIdsOn(firebase, pages, settings, NOON)).toEqual(inventUsers(2100, NOON).map(({ who }) => who.id));
    const batch = '/accounts:batchGet';
    expect(server.requests.map(({ path }) => path)).toEqual(['/token', batch, batch, batch]);
  });

  it('lists all of them when asked for the changed ones only, as nobody can tell which those are', async () => {
    const { api, options } = await start(3);
    const [page] = await listAll(firebase, api, { ...options, since: NOON });
    expect(page?.records).toHaveLength(3);
  });

  it('ends at once where there is nobody', async () => {
    const { api, options } = await start();
    expect(await listAll(firebase, api, options)).toEqual([{ records: [] }]);
  });

  it('drops password hashes as it reads them', async () => {
    const { api, options } = await start(1);
    const [page] = await listAll(firebase, api, options);
    expect(JSON.stringify(page)).not.toMatch(/invented-private|5555550142|photo/i);
  });

  it('leaves out anonymous accounts, but not those of custom tokens', async () => {
    const users = [
      { localId: 'anonymous' },
      { localId: 'custom', customAuth: true },
      { localId: 'mail', email: 'ada@example.com' },
    ];
    const pages = await listAll(firebase, answering({ users }), { settings: {}, startedAt: NOON });
    expect(userIdsOn(firebase, pages, {}, NOON)).toEqual(['custom', 'mail']);
  });

  it('heeds a 429, and knows a wrong credential from none', async () => {
    const { api, options, waits } = await start(1);
    await listAll(firebase, api, options);
    server.breakNext('firebase', ['429-retry-after']);
    await expect(listAll(firebase, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
    await server.close();
    const wrong = await start(1, { ...credential, clientEmail: 'another@invented-project.iam.gserviceaccount.com' });
    await expect(listAll(firebase, wrong.api, wrong.options)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    for (const given of [{ clientEmail: 'only' }, { ...credential, privateKey: 'no key' }]) {
      await server.close();
      const none = await start(1, given);
      await expect(listAll(firebase, none.api, none.options)).rejects.toMatchObject({ code: 'NO_CREDENTIAL' });
    }
  });

  it('takes nothing for a page that is none', async () => {
    const { options } = await start();
    for (const answer of [answering(undefined), answering({ users: [{}] }), answering({}, 404)])
      await expect(listAll(firebase, answer, options)).rejects.toMatchObject({ code: 'UNEXPECTED' });
  });
});

describe('fetching an account of Firebase', () => {
  const fetched = (api: VendorApi, id: string, settings: SourceSettings, creates = false) =>
    directory.fetch?.(api, { ...refreshOf(id), ...(creates && { creates }) }, settings);

  it('maps one like an event of the relay, dated by when it was asked for', async () => {
    const { api, settings } = await start(3);
    const who = personOf(1);
    const record = await fetched(api, who.id, settings, true);
    const properties = { plan: 'customClaims.plan' };
    expect(mapRecord(firebase, record, { ...settings, properties }, NOON)).toEqual({
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
              email_verified: true,
              provider: 'password',
              disabled: false,
              plan: 'trial',
            },
            company: { id: who.companyId },
          },
          facet: 'profile',
          occurredAt: NOON,
          creates: true,
        },
      ],
    });
    const again = await fetched(api, who.id, settings);
    expect(JSON.stringify(mapRecord(firebase, again, settings, NOON))).not.toContain('creates');
  });

  it('finds nobody who is gone, which maps to the deletion', async () => {
    const { api, settings } = await start(1);
    const { id } = personOf(0);
    server.remove(id);
    expect(await fetched(api, id, settings)).toBeUndefined();
    expect(mapRecord(firebase, directory.gone?.(refreshOf(id), NOON), settings, NOON)).toEqual({
      kind: 'changes',
      changes: [{ call: { kind: 'deleteUser', user_id: id }, facet: 'profile', occurredAt: NOON }],
    });
  });

  it('takes no other answer for the end of an account', async () => {
    const { settings } = await start();
    for (const odd of [answering({}, 404), answering(undefined), answering('text')])
      await expect(fetched(odd, 'x', settings)).rejects.toMatchObject({ code: 'UNEXPECTED' });
  });
});

describe('the service account of Firebase', () => {
  it.each(['as it stands', 'with its line breaks written out'])(
    'asks for a token in a form that the jose library verifies, %s',
    async (form) => {
      await start();
      const asked: ApiRequest[] = [];
      const call: VendorApi = async (request) => {
        asked.push(request);
        return { status: 200, headers: {}, body: { access_token: 'invented', expires_in: 3599 } };
      };
      const { clientEmail = '', privateKey: pem = '' } = credential;
      const privateKey = form === 'as it stands' ? pem : pem.replaceAll('\n', '\\n');
      const settings = { api: 'https://identitytoolkit.googleapis.com/v1/projects/acme-invented' };
      const given = { clientEmail, privateKey };
      expect(await directory.authorize({ credential: given, settings, call, now: NOON })).toEqual({
        headers: { authorization: 'Bearer invented' },
        expiresAt: new Date('2031-04-09T12:59:59Z'),
      });
      const [{ url, body } = { url: '' }] = asked;
      expect(url).toBe('https://oauth2.googleapis.com/token');
      const assertion = body instanceof URLSearchParams ? (body.get('assertion') ?? '') : '';
      const options = { issuer: clientEmail, audience: url, currentDate: NOON, algorithms: ['RS256'] };
      const { payload } = await jwtVerify(assertion, createPublicKey(pem), options);
      expect(payload).toMatchObject({ scope: 'https://www.googleapis.com/auth/identitytoolkit', exp: (payload.iat ?? 0) + 3600 });
      const { publicKey } = await generateKeyPair('RS256');
      await expect(jwtVerify(assertion, publicKey, options)).rejects.toThrow('signature');
    },
  );

  it('is asked for by no other address than the configured one', async () => {
    await start();
    expect(directory.hosts({ api: 'http://127.0.0.1:4020/firebase' })).toEqual([
      'http://127.0.0.1:4020/firebase',
      'http://127.0.0.1:4020/firebase',
    ]);
    expect(() => directory.hosts({})).toThrow('set api');
  });
});
