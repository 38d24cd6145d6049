import { describe, expect, it } from '@jest/globals';
import Stripe from 'stripe';
import type { RawRequest } from '../../functions/core/request.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { stripeSender } from '../../functions/sources/stripe.sender.ts';
import { stripe } from '../../functions/sources/stripe.ts';
import { fixturesOf, mapBody, momentAt, NO_TRUST, requestOf, sentBy } from '../support/sources.ts';

/** Signatures over two bodies under two secrets, checked with Stripe's library; secrets, ids and people are invented. */
const T = 1764158400;
const A = 'whsec_Zx7tR1mQkLp0VbN4cD9eHs2Yw6UaJf3G';
const B = 'whsec_nE5wQ8rT2yU4iO7pA1sD3fG6hJ9kL0zX';
const BODY_1 = Buffer.from(
  '{"id":"evt_1SampleHarbor01","object":"event","type":"customer.created","created":1764158395,"livemode":false,"data":{"object":{"id":"cus_HarborLane77","object":"customer","email":"noor@harborlane.example"}}}',
);
const BODY_2 = Buffer.from(
  'ewogICJpZCI6ICJldnRfMVNhbXBsZUhhcmJvcjAyIiwKICAib2JqZWN0IjogImV2ZW50IiwKICAidHlwZSI6ICJjdXN0b21lci51cGRhdGVkIiwKICAiZGF0YSI6IHsib2JqZWN0IjogeyJpZCI6ICJjdXNfSGFyYm9yTGFuZTc3IiwgIm9iamVjdCI6ICJjdXN0b21lciIsICJuYW1lIjogIlpvw6sg4oCUIEhhcmJvciBMYW5lIPCfmqIifX0KfQo=',
  'base64',
);
const ONE_BY_A = 'ff660093b6eded15dec01cbd45e3ce05aff6d69b2fbea45ba7a697666a00570f';
const ONE_BY_B = 'f1c1cfd7034ccdf0ef338f77d129e31b33fea9b6e10c2815f15e9222fdc8ddfe';
const TWO_BY_A = 'e966fa69dd1782af03304f021eec6d8537f9876ade00fada9de2e7cc555ecf5e';
const TWO_BY_B = 'c085ea088384e124d02a330e773afbd01e8ad49340674bf74c0760f8b42e772c';
const ONE_BY_A_DECODED = 'fe6c861e0828576484092c3862f155bac9e45905ad7fe00072a64d6cdf21fb56';
const ONE_BY_A_CUT = 'c422e23bfa36b9fc978fe83b68230c9a1da65a4b96931b054e1b25d456aff459';

const requestWith = (header: string, body: Uint8Array = BODY_1, offsetSeconds = 0): RawRequest => ({
  headers: { 'stripe-signature': header },
  body,
  receivedAt: new Date((T + offsetSeconds) * 1000),
});
const verify = (header: string, secrets: readonly string[] = [A], body: Uint8Array = BODY_1) =>
  stripe.verify(requestWith(header, body), secrets, NO_TRUST);
const ok = { ok: true };
const mismatch = { ok: false, code: 'SIGNATURE_MISMATCH' };
const malformed = { ok: false, code: 'SIGNATURE_MALFORMED' };

describe('signatures of Stripe', () => {
  it('accepts the known signatures, each under its own secret only', () => {
    expect([BODY_1.length, BODY_2.length]).toEqual([207, 194]);
    for (const [body, byA, byB] of [
      [BODY_1, ONE_BY_A, ONE_BY_B],
      [BODY_2, TWO_BY_A, TWO_BY_B],
    ] as const) {
      expect([verify(`t=${T},v1=${byA}`, [A], body), verify(`t=${T},v1=${byB}`, [B], body)]).toEqual([ok, ok]);
      expect([verify(`t=${T},v1=${byA}`, [B], body), verify(`t=${T},v1=${byB}`, [A], body)]).toEqual([mismatch, mismatch]);
      expect(verify(`t=${T},v1=${byA}`, [B, A], body)).toEqual(ok);
    }
  });

  it('refuses what the two usual mistakes with the secret would sign', () => {
    expect(verify(`t=${T},v1=${ONE_BY_A_DECODED}`)).toEqual(mismatch);
    expect(verify(`t=${T},v1=${ONE_BY_A_CUT}`)).toEqual(mismatch);
  });

  it.each([[[A]], [[B]], [[A, B]]])('accepts a delivery that was signed twice while a secret is rolled, by %j', (secrets) => {
    expect(verify(`t=${T},v1=${TWO_BY_B},v1=${TWO_BY_A}`, secrets, BODY_2)).toEqual(ok);
  });

  it.each([
    ['an extra v0', `t=${T},v1=${ONE_BY_A},v0=${ONE_BY_B}`, ok],
    ['signatures before the time', `v1=${ONE_BY_A},t=${T}`, ok],
    ['parts that mean nothing', `,x,=,v2=1,t=${T},,v1=${ONE_BY_A}`, ok],
    ['v0 only', `t=${T},v0=${ONE_BY_A}`, malformed],
    ['a space after the comma', `t=${T}, v1=${ONE_BY_A}`, malformed],
    ['a space in front', ` t=${T},v1=${ONE_BY_A}`, malformed],
    ['upper-case hex', `t=${T},v1=${ONE_BY_A.toUpperCase()}`, malformed],
    ['a short signature', `t=${T},v1=${ONE_BY_A.slice(2)}`, malformed],
    ['a long signature', `t=${T},v1=${ONE_BY_A}00`, malformed],
    ['no time', `v1=${ONE_BY_A}`, malformed],
    ['a time twice', `t=${T},t=${T},v1=${ONE_BY_A}`, malformed],
    ['a header twice, joined by the gateway', `t=${T},v1=${ONE_BY_A},t=${T},v1=${ONE_BY_A}`, malformed],
    ['a time that is no number', `t=${T}x,v1=${ONE_BY_A}`, malformed],
    ['an endless header', `t=${T},v1=${ONE_BY_A},${'x'.repeat(5000)}`, malformed],
  ])('answers %s', (_, header, verdict) => {
    expect(verify(header)).toEqual(verdict);
  });

  it('looks at ten signatures at most', () => {
    const others = (count: number) => `v1=${ONE_BY_B},`.repeat(count);
    expect(verify(`t=${T},${others(9)}v1=${ONE_BY_A}`)).toEqual(ok);
    expect(verify(`t=${T},${others(10)}v1=${ONE_BY_A}`)).toEqual(mismatch);
  });

  it.each(['', ' ', '\n', `${A}\n`, ` ${A}`])('does not repair the secret %j', (secret) => {
    expect(verify(`t=${T},v1=${ONE_BY_A}`, [secret])).toEqual(mismatch);
  });

  it('counts 300 seconds both ways, unlike the library', () => {
    const at = (offset: number) => stripe.verify(requestWith(`t=${T},v1=${ONE_BY_A}`, BODY_1, offset), [A], NO_TRUST);
    const outside = { ok: false, code: 'TIMESTAMP_OUTSIDE_TOLERANCE' };
    expect([at(300), at(-300), at(301), at(-301)]).toEqual([ok, ok, outside, outside]);
  });

  it('keeps accepting while more secrets pass by than keys are remembered', () => {
    const many = Array.from({ length: 40 }, (_, index) => `whsec_other${index}`);
    expect(verify(`t=${T},v1=${ONE_BY_A}`, [...many, A])).toEqual(ok);
    expect(verify(`t=${T},v1=${ONE_BY_A}`, many)).toEqual(mismatch);
  });

  it('agrees with the library on what either of them signs', () => {
    const now = new Date();
    const made = sentBy(stripeSender, 'customer.created', { secret: A, moment: momentAt(now) });
    const text = Buffer.from(made.body).toString('utf8');
    expect(Stripe.webhooks.constructEvent(text, made.headers['stripe-signature'] ?? '', A)).toMatchObject({
      type: 'customer.created',
    });
    const theirs = Stripe.webhooks.generateTestHeaderString({ payload: text, secret: A, timestamp: now.getTime() / 1000 });
    expect(stripe.verify({ ...made, headers: { 'stripe-signature': theirs } }, [A], NO_TRUST)).toEqual(ok);
  });
});

describe('mapping of Stripe', () => {
  const map = (object: object, settings: SourceSettings = {}, more: object = {}) =>
    mapBody(
      stripe,
      { id: 'evt_1', object: 'event', type: 'customer.updated', created: 1793000000, livemode: true, data: { object }, ...more },
      {
        receivedAt: '2026-10-26T07:33:20.000Z',
        settings,
      },
    );
  const ids = { metadata: { user_id: 'u-1', company_id: 'c-1' } };

  it.each([
    [{ metadata: { user_id: 'a', userId: 'b' }, client_reference_id: 'c' }, 'a'],
    [{ metadata: { userId: 'b' }, client_reference_id: 'c' }, 'b'],
    [{ metadata: {}, client_reference_id: 'c' }, 'c'],
  ])('finds the user id of %j', (customer, user_id) => {
    expect(map(customer)).toMatchObject({ changes: [{ call: { user_id } }] });
  });

  it.each([
    [{ company_id: 'a', companyId: 'b', org_id: 'c' }, 'a'],
    [{ companyId: 'b', org_id: 'c' }, 'b'],
    [{ org_id: 'c' }, 'c'],
  ])('finds the company id of %j', (metadata, id) => {
    expect(map({ metadata: { user_id: 'u-1', ...metadata } })).toMatchObject({ changes: [{ call: { company: { id } } }] });
    expect(map({ metadata }, { entity: 'company' })).toMatchObject({ changes: [{ call: { company_id: id } }] });
  });

  it('never takes the e-mail address or the customer id for a user id', () => {
    const customer = { id: 'cus_1', email: 'ada@example.com', metadata: {} };
    expect(map(customer)).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    expect(map(customer, { entity: 'company' })).toEqual({ kind: 'rejected', because: 'NO_COMPANY_ID' });
    expect(map(customer, { userId: ['id'] })).toMatchObject({ changes: [{ call: { user_id: 'cus_1' } }] });
  });

  it('takes a test clock for a test, also in live mode', () => {
    expect(map({ ...ids, test_clock: 'clock_1' })).toEqual({ kind: 'ignored', because: 'TEST_EVENT' });
    expect(map({ ...ids, test_clock: { id: 'clock_1' } })).toEqual({ kind: 'ignored', because: 'TEST_EVENT' });
    expect(map({ ...ids, test_clock: 'clock_1' }, { testEvents: 'deliver' })).toMatchObject({ kind: 'changes' });
  });

  it('marks or buries a deleted company, and ignores it by default', () => {
    const deleted = (settings: SourceSettings) => map(ids, { entity: 'company', ...settings }, { type: 'customer.deleted' });
    const marked = { call: { kind: 'identifyCompany', company_id: 'c-1', metadata: { stripe_deleted: true } } };
    expect(deleted({})).toEqual({ kind: 'ignored', because: 'DELETION_IGNORED' });
    expect(deleted({ deletions: 'mark' })).toMatchObject({ changes: [marked] });
    expect(deleted({ deletions: 'tombstone' })).toMatchObject({
      changes: [{ call: { kind: 'deleteCompany', company_id: 'c-1' } }],
    });
  });

  it('cannot name the deleted customer from the stub, unless by its own id', () => {
    const deleted = (settings: SourceSettings) =>
      map({ id: 'cus_1', deleted: true }, { deletions: 'tombstone', ...settings }, { type: 'customer.deleted' });
    expect(deleted({ entity: 'company' })).toEqual({ kind: 'rejected', because: 'NO_COMPANY_ID' });
    expect(deleted({ userId: ['metadata.app_id', 'id'] })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    expect(deleted({ userId: ['id'] })).toMatchObject({ changes: [{ call: { kind: 'deleteUser', user_id: 'cus_1' } }] });
  });

  const subscription = (object: object, settings: SourceSettings = {}, more: object = {}) =>
    map({ id: 'sub_1', customer: 'cus_1', ...object }, settings, { type: 'customer.subscription.updated', ...more });
  const api = 'https://api.stripe.com';

  it('names the user of a subscription by its own metadata, or asks for its customer where it may', () => {
    expect(subscription({ metadata: { userId: 'u' } })).toMatchObject({ changes: [{ call: { user_id: 'u' } }] });
    expect(subscription({ metadata: {} })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    expect(subscription({}, { entity: 'company' })).toEqual({ kind: 'rejected', because: 'NO_COMPANY_ID' });
    for (const settings of [{ api }, { api, entity: 'company' }] satisfies readonly SourceSettings[])
      expect(subscription({}, settings)).toMatchObject({ refreshes: [{ subject: 'subscription', id: 'sub_1' }] });
    expect(subscription({ customer: null }, { api })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
  });

  it('never takes the id of a subscription for that of its customer, nor the second choice for the first', () => {
    expect(subscription({ metadata: {} }, { userId: ['id'] })).toMatchObject({ changes: [{ call: { user_id: 'cus_1' } }] });
    const settings: SourceSettings = { userId: ['metadata.app_id', 'id'] };
    expect(subscription({ metadata: {} }, settings)).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    expect(subscription({ metadata: { app_id: '' } }, settings)).toMatchObject({ changes: [{ call: { user_id: 'cus_1' } }] });
  });

  it('takes what Stripe says is none from Userpilot, and leaves what it does not say', () => {
    const said = subscription({ metadata: { user_id: 'u' }, trial_end: null, cancel_at: null, items: { data: [] } });
    expect(said).toMatchObject({ changes: [{ call: { metadata: { trial_end_at: null, cancel_at: null, plan_count: 0 } } }] });
    expect(JSON.stringify(said)).not.toMatch(/"plan"|current_period_end_at|subscription_status/);
    expect(subscription({ metadata: { user_id: 'u' } })).not.toHaveProperty('changes.0.call.metadata');
  });

  it('sends of a subscription what the settings do not omit', () => {
    const settings: SourceSettings = { omit: ['cancel_at'], properties: { id: 'id' } };
    const sent = subscription({ metadata: { user_id: 'u' }, status: 'active', cancel_at: 1793000000 }, settings);
    expect(sent).toMatchObject({ changes: [{ call: { metadata: { subscription_status: 'active' } }, facet: 'subscription' }] });
    expect(JSON.stringify(sent)).not.toMatch(/cancel_at|sub_1/);
  });

  it.each(['customer.subscription.pending_update_applied', 'customer.subscription.', 'customer.subscription.missing'])(
    'ignores %s',
    (type) => {
      expect(subscription(ids, {}, { type })).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
    },
  );

  const checkout = (object: object, settings: SourceSettings = {}) =>
    map({ status: 'complete', customer: 'cus_1', ...object }, settings, { type: 'checkout.session.completed' });

  it.each([
    [{}, { metadata: { user_id: 'a' }, client_reference_id: 'b' }, 'a'],
    [{}, { client_reference_id: 'b' }, 'b'],
    [{ userId: ['metadata.app_id', 'client_reference_id'] }, { client_reference_id: 'b' }, 'b'],
    [{ userId: ['client_reference_id', 'id'] }, { client_reference_id: 'b' }, 'b'],
    [{ userId: ['client_reference_id', 'id'] }, { client_reference_id: null }, 'cus_1'],
  ] as const)('with the settings %j knows the user of the session %j', (settings, session, user_id) => {
    expect(checkout(session, { ...settings } as SourceSettings)).toMatchObject({
      changes: [{ call: { user_id, metadata: { stripe_customer_id: 'cus_1' } } }],
    });
  });

  it('takes no other id for that of the user of a session', () => {
    expect(checkout({})).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    expect(checkout({ client_reference_id: 'b' }, { userId: ['metadata.app_id'] })).toEqual({
      kind: 'rejected',
      because: 'NO_USER_ID',
    });
    expect(checkout({ client_reference_id: 'b' }, { entity: 'company' })).toEqual({ kind: 'rejected', because: 'NO_COMPANY_ID' });
    expect(checkout({}, { api })).toMatchObject({ refreshes: [{ subject: 'customer', id: 'cus_1' }] });
    expect(checkout({ customer: null }, { api })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
  });

  it('dates a session by its beginning, behind whatever its customer tells', () => {
    const session = { client_reference_id: 'b', created: 1792990000 };
    expect(checkout(session)).toMatchObject({ changes: [{ occurredAt: '2026-10-26T04:46:40.000Z' }] });
    expect(checkout({ ...session, created: null })).toMatchObject({ changes: [{ occurredAt: '2026-10-26T07:33:20.000Z' }] });
  });

  it('links a company by a session', () => {
    const details = { customer_details: { email: 'billing@example.com', name: 'Harbour' }, metadata: { company_id: 'c-1' } };
    expect(checkout(details, { entity: 'company' })).toMatchObject({
      changes: [{ call: { company_id: 'c-1', metadata: { billing_email: 'billing@example.com', name: 'Harbour' } } }],
    });
  });

  const thin = (type: string, settings: SourceSettings = {}, more: object = {}) =>
    map({}, settings, {
      object: 'v2.core.event',
      type,
      created: '2026-10-26T07:33:20.900Z',
      data: undefined,
      related_object: { id: 'cus_1' },
      ...more,
    });

  it('parks thin events where it may not ask, and ignores those that tell of parts', () => {
    expect(thin('v1.customer.updated')).toEqual({ kind: 'rejected', because: 'NO_VENDOR_API' });
    expect(thin('v1.customer.updated', { api })).toMatchObject({ refreshes: [{ occurredAt: '2026-10-26T07:33:20.000Z' }] });
    for (const type of [
      'v1.customer.subscription.trialing',
      'v1.checkout.session.completed',
      'customer.updated',
      'v2.core.account.updated',
    ])
      expect(thin(type, { api })).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
    expect(thin('v1.customer.updated', { api }, { livemode: false })).toEqual({ kind: 'ignored', because: 'TEST_EVENT' });
    expect(() => thin('v1.customer.updated', { api }, { related_object: { id: 'acct_1/cus_1' } })).toThrow();
  });

  it('cannot name the customer of a thin deletion, unless by its own id', () => {
    expect(thin('v1.customer.deleted')).toEqual({ kind: 'ignored', because: 'DELETION_IGNORED' });
    expect(thin('v1.customer.deleted', { deletions: 'tombstone' })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    expect(thin('v1.customer.deleted', { deletions: 'tombstone', userId: ['id'] })).toMatchObject({
      changes: [{ call: { kind: 'deleteUser', user_id: 'cus_1' } }],
    });
  });

  it('counts a change once that comes as a thin event and as its twin', () => {
    const idOf = (event: object) =>
      stripe.head(stripe.schema.parse({ type: 't', ...event }) as never, {
        headers: {},
        body: new Uint8Array(),
        receivedAt: new Date(),
      }).eventId;
    expect(idOf({ id: 'evt_thin', snapshot_event: 'evt_1' })).toBe(idOf({ id: 'evt_1' }));
    for (const snapshot_event of [null, '', {}]) expect(idOf({ id: 'evt_thin', snapshot_event })).toBe('evt_thin');
  });

  it.each([{ account: 'acct_1' }, { context: 'acct_1' }, { account: { id: 'acct_1' } }, { account: '' }])(
    'ignores what happened at %j, unless it is named',
    (where) => {
      expect(map(ids, {}, where)).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
      expect(map(ids, { accounts: ['acct_2'] }, where)).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
      const isNamed = Object.values(where).includes('acct_1');
      expect(map(ids, { accounts: ['acct_1'] }, where)).toMatchObject({ kind: isNamed ? 'changes' : 'ignored' });
    },
  );

  it('keeps the billing address off the list of what is sent when told to', () => {
    const sent = JSON.stringify(map({ ...ids, email: 'billing@example.com' }, { entity: 'company', omit: ['billing_email'] }));
    expect(sent).not.toContain('billing@example.com');
  });

  it('maps each fixture like the event that the library reads from it', () => {
    for (const recorded of fixturesOf('stripe').filter(({ type }) => !type.startsWith('v1.'))) {
      const { headers, receivedAt } = requestOf(recorded);
      const event = Stripe.webhooks.constructEvent(
        recorded.body,
        headers['stripe-signature'] ?? '',
        recorded.secret,
        300,
        undefined,
        receivedAt.getTime(),
      );
      expect(mapBody(stripe, event, recorded)).toEqual(recorded.expected);
    }
  });
});

it('lets a new customer bring a deleted user back only where the end of a customer is the end of the user', () => {
  const { body, receivedAt } = fixturesOf('stripe').find(({ type }) => type === 'customer.created') ?? {};
  if (body === undefined || receivedAt === undefined) throw new Error('no fixture of a created customer');
  const mapped = (settings: SourceSettings) =>
    stripe.map(stripe.schema.parse(JSON.parse(body)) as never, { settings, receivedAt: new Date(receivedAt) });
  expect(mapped({})).toMatchObject({ changes: [expect.not.objectContaining({ creates: true })] });
  expect(mapped({ deletions: 'mark' })).toMatchObject({ changes: [expect.not.objectContaining({ creates: true })] });
  expect(mapped({ deletions: 'tombstone' })).toMatchObject({ changes: [{ creates: true }] });
});
