import { CognitoIdentityProviderClient } from '@aws-sdk/client-cognito-identity-provider';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createCognitoApi } from '../../functions/aws/cognito-api.ts';
import { cognito } from '../../functions/sources/cognito.ts';
import type { VendorApi } from '../../functions/sources/directory.ts';
import { clientOptions } from '../../infra/local/engines/aws.ts';
import { fakeCognitoOf } from '../../infra/local/fake-vendors/cognito.ts';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00Z');
const [STAFF, GUESTS, NOBODY] = ['eu-west-1_Invented1', 'eu-west-1_Invented2', 'eu-west-1_Invented3'] as const;
const isGuest = ({ who }: FakeUser) => who.id.endsWith('7');

let server: FakeVendorServer;
let client: CognitoIdentityProviderClient;
afterEach(async () => {
  client.destroy();
  await server.close();
});
const start = async (users: number | readonly FakeUser[], userPools: readonly string[] = [STAFF, GUESTS]) => {
  const vendors = [fakeCognitoOf({ [STAFF]: (user) => !isGuest(user), [GUESTS]: isGuest, [NOBODY]: () => false })];
  server = await startFakeVendorServer({ vendors, users, now: () => NOON });
  client = new CognitoIdentityProviderClient({ ...clientOptions(server.baseOf('cognito')), maxAttempts: 1 });
  const figures = { permits: 0, waits: 0 };
  const api: VendorApi = createCognitoApi({
    client,
    permit: async () => {
      figures.permits += 1;
    },
    onRateLimit: async () => {
      figures.waits += 1;
    },
  });
  const settings = { userPools: [...userPools] };
  return { api, settings, options: { settings, startedAt: NOON }, figures };
};

describe('listing the users of Cognito', () => {
  it.each([
    [200, [60, 60, 60, 0, 20]],
    [130, [60, 57, 13]],
    [0, [0, 0]],
  ])('finds each of %d once, sixty at a time, pool by pool', async (count, sizes) => {
    const { api, settings, options, figures } = await start(count);
    const pages = await listAll(cognito, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual(sizes);
    expect([...userIdsOn(cognito, pages, settings, NOON)].sort()).toEqual(inventUsers(count, NOON).map(({ who }) => who.id));
    expect(figures.permits).toBe(sizes.length);
  });

  it('goes past an empty pool', async () => {
    const { api, settings, options } = await start(30, [NOBODY, STAFF, NOBODY, GUESTS]);
    expect(userIdsOn(cognito, await listAll(cognito, api, options), settings, NOON)).toHaveLength(30);
  });

  it('maps a user as a sign-in is mapped, with the times that a trigger does not tell', async () => {
    const [user] = inventUsers(1, new Date('2031-04-01T08:00:00Z'));
    const updatedAt = new Date('2031-04-05T09:30:00.250Z');
    const { api, settings, options } = await start(user === undefined ? [] : [{ ...user, updatedAt }]);
    const [page] = await listAll(cognito, api, options);
    expect(cognito.schema.parse(page?.records[0])).toMatchObject({ userPoolId: STAFF, triggerSource: 'ListUsers' });
    expect(mapRecord(cognito, page?.records[0], settings, NOON)).toEqual({
      kind: 'changes',
      changes: [
        {
          call: { kind: 'identifyCompany', company_id: 'invented-company-00000', metadata: { name: expect.any(String) } },
          facet: 'profile',
          occurredAt: updatedAt,
        },
        {
          call: {
            kind: 'identifyUser',
            user_id: 'invented-user-000000',
            metadata: {
              email: 'ada.amsel.000000@example.com',
              name: 'Ada Amsel',
              created_at: '2031-04-01T08:00:00.000Z',
              email_verified: true,
            },
            company: { id: 'invented-company-00000' },
          },
          facet: 'profile',
          occurredAt: updatedAt,
        },
      ],
    });
  });

  it('lets nothing private of them past the schema', async () => {
    const { api, options } = await start(1);
    const [page] = await listAll(cognito, api, options);
    expect(JSON.stringify(page)).toContain('+15555550142');
    const kept = JSON.stringify(page?.records.map((record) => cognito.schema.parse(record)));
    expect(kept).not.toMatch(/5555550142|birthdate|address|identities|name-of-/i);
  });

  it('leaves out who has not confirmed, and nobody else', () => {
    const record = (status: string) => ({
      userPoolId: STAFF,
      triggerSource: 'ListUsers',
      request: { userAttributes: { sub: 's', 'cognito:user_status': status } },
      listed: { createdAt: NOON.toISOString(), modifiedAt: null },
    });
    const map = (status: string) => mapRecord(cognito, record(status), { userPools: [STAFF] }, NOON);
    expect(map('UNCONFIRMED')).toEqual({ kind: 'ignored', because: 'NOT_A_SIGN_UP' });
    for (const status of ['CONFIRMED', 'FORCE_CHANGE_PASSWORD', 'RESET_REQUIRED', 'EXTERNAL_PROVIDER'])
      expect(map(status)).toMatchObject({ kind: 'changes', changes: [{ call: { user_id: 's' }, occurredAt: NOON }] });
  });

  it('leaves out who did not change since', async () => {
    const users = inventUsers(3, NOON);
    const { api, settings, options } = await start(users);
    const since = new Date(NOON.getTime() - 60_000);
    const pages = await listAll(cognito, api, { ...options, since });
    expect(userIdsOn(cognito, pages, settings, NOON)).toEqual(users.slice(1).map(({ who }) => who.id));
  });

  it('heeds a refusal to be asked so often, and knows an outage from a mistake', async () => {
    const { api, options, figures } = await start(1);
    const failing = (code: string) => expect(listAll(cognito, api, options)).rejects.toMatchObject({ code });
    server.breakNext('cognito', ['429-retry-after', '500', 'reset', '404']);
    await failing('RATE_LIMITED');
    expect(figures.waits).toBe(1);
    await failing('UNAVAILABLE');
    await failing('UNREACHABLE');
    await failing('UNEXPECTED');
    const wrong = { ...options, settings: { userPools: ['eu-west-1_Another1'] } };
    await expect(listAll(cognito, api, wrong)).rejects.toMatchObject({ code: 'UNEXPECTED', status: 400 });
  });

  it('is refused a larger page, another token, and anything that is not signed', async () => {
    const { api } = await start(100);
    const ask = (body: object) => api({ method: 'POST', url: '/ListUsers', body: { UserPoolId: STAFF, Limit: 60, ...body } });
    const { body } = await ask({});
    const { PaginationToken } = body as { PaginationToken: string };
    expect(await ask({ PaginationToken })).toMatchObject({ status: 200 });
    for (const wrong of [
      { Limit: 61 },
      { PaginationToken: 'x' },
      { PaginationToken, Limit: 30 },
      { PaginationToken, UserPoolId: GUESTS },
    ])
      await expect(ask(wrong)).rejects.toMatchObject({ code: 'UNEXPECTED', status: 400 });
    const headers = {
      'x-amz-target': 'AWSCognitoIdentityProviderService.ListUsers',
      'content-type': 'application/x-amz-json-1.1',
    };
    const unsigned = await fetch(`${server.baseOf('cognito')}/`, { method: 'POST', headers, body: `{"UserPoolId":"${STAFF}"}` });
    expect(await unsigned.json()).toMatchObject({ __type: 'MissingAuthenticationTokenException' });
  });

  it('says what is missing where nobody named a pool, and who asks for it without the SDK', async () => {
    const { api, options } = await start(1);
    await expect(listAll(cognito, api, { ...options, settings: {} })).rejects.toThrow('userPools');
    expect(() => directoryOf(cognito).hosts({})).toThrow('resync-cognito');
  });
});
