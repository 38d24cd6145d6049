import { afterEach, describe, expect, it } from '@jest/globals';
import { VendorError } from '../../functions/core/errors.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import type { ApiAnswer, ApiRequest } from '../../functions/sources/directory.ts';
import { stripe } from '../../functions/sources/stripe.ts';
import { fakeStripe } from '../../infra/local/fake-vendors/stripe.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { directoryOf, listAll, mapRecord, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer } from '../support/fake-vendor-server.ts';

const NOON = new Date('2031-04-09T12:00:00.750Z');
/** Stripe counts whole seconds. */
const NOON_AT_STRIPE = new Date('2031-04-09T12:00:00Z');
const { fetch, gone, list, hosts } = directoryOf(stripe);

let server: FakeVendorServer | undefined;
afterEach(() => server?.close());
const start = async (users: number, credential: Readonly<Record<string, string>> | undefined = fakeStripe.credential) => {
  const started = await startFakeVendorServer({ vendors: [fakeStripe], users, now: () => NOON });
  server = started;
  const settings: SourceSettings = { api: started.baseOf('stripe') };
  const waits: (number | undefined)[] = [];
  const api = vendorApiOf(stripe, { settings, credential, onRateLimit: (seconds) => waits.push(seconds) });
  return { api, settings, options: { settings, startedAt: NOON }, waits, server: started };
};
const [ada] = inventUsers(1, NOON).map(({ who }) => who);
const refreshOf = (subject: string, id: string, over: object = {}) => ({ subject, id, occurredAt: NOON, ...over });

describe('listing the customers of Stripe', () => {
  it('finds each of them once, a hundred at a time, newest first', async () => {
    const { api, settings, options, server: fake } = await start(250);
    const pages = await listAll(stripe, api, options);
    expect(userIdsOn(stripe, pages, settings, NOON)).toEqual(
      inventUsers(250, NOON)
        .map(({ who }) => who.id)
        .toReversed(),
    );
    expect(fake.requests.map(({ query }) => [query.get('limit'), query.get('created[lte]')])).toEqual(
      Array(3).fill(['100', String(NOON_AT_STRIPE.getTime() / 1000)]),
    );
  });

  it.each([0, 100])('ends at once where there are %d', async (count) => {
    const { api, options } = await start(count);
    const pages = await listAll(stripe, api, options);
    expect(pages.map(({ records }) => records.length)).toEqual([2 * count]);
  });

  it('leaves out who came after the run began, so that nobody is pushed on to the next page', async () => {
    const { api, settings, options, server: fake } = await start(101);
    const first = await list?.(api, undefined, options);
    const [newcomer] = inventUsers(1, new Date(NOON.getTime() + 60_000));
    if (newcomer !== undefined) fake.add({ ...newcomer, who: { ...newcomer.who, id: 'newcomer' } });
    const second = await list?.(api, first?.next, options);
    expect(userIdsOn(stripe, second === undefined ? [] : [second], settings, NOON)).toEqual([ada?.id]);
  });

  it('goes on where the last customer of a page was deleted meanwhile', async () => {
    const { api, settings, options, server: fake } = await start(150);
    const first = await list?.(api, undefined, options);
    fake.remove(first?.next?.replace(/^\d+\.cus_/, '') ?? '');
    const second = await list?.(api, first?.next, options);
    expect(userIdsOn(stripe, second === undefined ? [] : [second], settings, NOON)).toHaveLength(50);
  });

  it('keeps nobody but an id in the cursor', async () => {
    const { api, options } = await start(101);
    expect((await list?.(api, undefined, options))?.next).toMatch(/^\d{10}\.cus_invented-user-000001$/);
  });

  it('maps a customer and its newest subscription as their events are mapped, as of the begin of the run', async () => {
    const { api, options } = await start(1);
    const [page] = await listAll(stripe, api, options);
    const mapped = page?.records.map((record) => mapRecord(stripe, record, {}, NOON));
    expect(mapped).toMatchObject([
      {
        changes: [{ call: { user_id: ada?.id, metadata: { email: ada?.email } }, facet: 'profile', occurredAt: NOON_AT_STRIPE }],
      },
      {
        changes: [
          { call: { user_id: ada?.id, metadata: { plan: 'pro_monthly', subscription_status: 'active' } }, facet: 'subscription' },
        ],
      },
    ]);
    const kept = JSON.stringify(page?.records.map((record) => stripe.schema.parse(record)));
    expect(kept).not.toMatch(/5555550142|Inventedville|invented-internal|invented-private|pm_invented/);
  });

  it('takes what is of a sandbox for a test', async () => {
    const body = { data: [{ id: 'cus_1', created: 1, livemode: false, metadata: { user_id: 'u' } }], has_more: false };
    const page = await list?.(async () => ({ status: 200, headers: {}, body }), undefined, { settings: {}, startedAt: NOON });
    expect(mapRecord(stripe, page?.records[0], {}, NOON)).toEqual({ kind: 'ignored', because: 'TEST_EVENT' });
  });

  it('heeds a 429', async () => {
    const { api, options, waits, server: fake } = await start(1);
    fake.breakNext('stripe', ['429-retry-after']);
    await expect(listAll(stripe, api, options)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 1 });
    expect(waits).toEqual([1]);
  });

  it.each([
    ['the key of somebody else', { key: 'rk_another_invented_key' }, 'UNAUTHORIZED'],
    ['a credential of another form', { token: 'invented' }, 'NO_CREDENTIAL'],
  ])('fails with %s', async (_, given, code) => {
    const { api, options } = await start(1, given);
    await expect(listAll(stripe, api, options)).rejects.toMatchObject({ code });
  });

  it('passes an outage on, on later pages as well', async () => {
    const down = async () => Promise.reject(new VendorError('UNAVAILABLE', { status: 503 }));
    await expect(list?.(down, '1.cus_1', { settings: {}, startedAt: NOON })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const odd = async () => ({ status: 200, headers: {}, body: { object: 'list' } });
    await expect(list?.(odd, undefined, { settings: {}, startedAt: NOON })).rejects.toMatchObject({ code: 'UNEXPECTED' });
  });

  it('asks Stripe itself unless told otherwise', () => {
    expect(hosts({})).toEqual(['https://api.stripe.com']);
  });
});

describe('what a thin event names', () => {
  it('is fetched, and is mapped like its snapshot', async () => {
    const { api, settings, server: fake } = await start(1);
    const record = await fetch?.(api, refreshOf('customer', `cus_${ada?.id}`), settings);
    expect(mapRecord(stripe, record, settings, NOON)).toMatchObject({
      changes: [{ call: { user_id: ada?.id, metadata: { email: ada?.email } }, facet: 'profile', occurredAt: NOON_AT_STRIPE }],
    });
    expect(fake.requests.map(({ path }) => path)).toEqual([`/v1/customers/cus_${ada?.id}`]);
  });

  it('is still one that came to be, where that counts', async () => {
    const { api, settings } = await start(1);
    const record = await fetch?.(api, refreshOf('customer', `cus_${ada?.id}`, { creates: true }), settings);
    expect(mapRecord(stripe, record, { deletions: 'tombstone' }, NOON)).toMatchObject({ changes: [{ creates: true }] });
    expect(mapRecord(stripe, record, {}, NOON)).not.toHaveProperty('changes.0.creates');
  });

  it('may be a subscription, whose user its customer names', async () => {
    const { api, settings } = await start(1);
    const record = await fetch?.(api, refreshOf('subscription', `sub_${ada?.id}`), settings);
    const subscription = { call: { user_id: ada?.id, metadata: { plan: 'pro_monthly' } }, facet: 'subscription' };
    expect(mapRecord(stripe, record, settings, NOON)).toMatchObject({ changes: [subscription] });
    const byCustomer = { ...settings, userId: ['id'] };
    expect(mapRecord(stripe, record, byCustomer, NOON)).toMatchObject({ changes: [{ call: { user_id: `cus_${ada?.id}` } }] });
  });

  it('is not asked for again when its customer names nobody', async () => {
    const body = { id: 'sub_1', livemode: true, metadata: {}, customer: { id: 'cus_1', metadata: {} } };
    const record = await fetch?.(async () => ({ status: 200, headers: {}, body }), refreshOf('subscription', 'sub_1'), {});
    const settings = { api: 'https://api.stripe.com' };
    expect(mapRecord(stripe, record, settings, NOON)).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    const company: SourceSettings = { ...settings, entity: 'company' };
    expect(mapRecord(stripe, record, company, NOON)).toEqual({ kind: 'rejected', because: 'NO_COMPANY_ID' });
  });

  it('is asked for in the account of somebody else, by an id that cannot leave its place', async () => {
    const asked: ApiRequest[] = [];
    const api = async (request: ApiRequest): Promise<ApiAnswer> => {
      asked.push(request);
      return { status: 200, headers: {}, body: { id: 'cus_1' } };
    };
    await fetch?.(api, refreshOf('customer', 'acct_1/cus_1?x#y'), {});
    await fetch?.(api, refreshOf('subscription', 'sub_1'), {});
    expect(asked).toEqual([
      { url: '/v1/customers/cus_1%3Fx%23y', headers: { 'stripe-version': '2026-10-28.endive', 'stripe-account': 'acct_1' } },
      { url: '/v1/subscriptions/sub_1?expand%5B%5D=customer', headers: { 'stripe-version': '2026-10-28.endive' } },
    ]);
  });

  it('may be gone', async () => {
    const { api, settings } = await start(0);
    const refresh = refreshOf('customer', 'acct_1/cus_nobody');
    expect(await fetch?.(api, refresh, settings)).toBeUndefined();
    const ended: SourceSettings = { ...settings, userId: ['id'], deletions: 'tombstone' };
    const deletion = {
      kind: 'changes',
      changes: [{ call: { kind: 'deleteUser', user_id: 'cus_nobody' }, facet: 'profile', occurredAt: NOON_AT_STRIPE }],
    };
    expect(mapRecord(stripe, gone?.(refresh, NOON), ended, NOON)).toEqual(deletion);
    expect(mapRecord(stripe, gone?.(refresh, NOON), settings, NOON)).toEqual({ kind: 'ignored', because: 'DELETION_IGNORED' });
    const stub = async () => ({ status: 200, headers: {}, body: { id: 'cus_nobody', object: 'customer', deleted: true } });
    expect(mapRecord(stripe, await fetch?.(stub, refresh, settings), ended, NOON)).toEqual(deletion);
  });

  it('says nothing of a user when it is a subscription that is gone', async () => {
    const { api, settings } = await start(0);
    const refresh = refreshOf('subscription', 'sub_nobody');
    expect(await fetch?.(api, refresh, settings)).toBeUndefined();
    const ended: SourceSettings = { userId: ['id'], deletions: 'tombstone' };
    expect(mapRecord(stripe, gone?.(refresh, NOON), ended, NOON)).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
  });

  it.each([
    ['something else is not found', { status: 404, headers: {}, body: undefined }],
    [
      'the key is of the other mode',
      {
        status: 404,
        headers: {},
        body: {
          error: {
            code: 'resource_missing',
            message:
              "No such customer: 'cus_1'; a similar object exists in live mode, but a test mode key was used to make this request.",
          },
        },
      },
    ],
    ['the answer has another form', { status: 200, headers: {}, body: { error: {} } }],
  ] satisfies readonly (readonly [string, ApiAnswer])[])('is not gone because %s', async (_, answer) => {
    await expect(fetch?.(async () => answer, refreshOf('customer', 'cus_1'), {})).rejects.toMatchObject({ code: 'UNEXPECTED' });
  });
});
