import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import Stripe from 'stripe';
import { Webhook } from 'svix';
import { type Running, startEndToEnd } from '../support/end-to-end.ts';
import { person } from '../support/people.ts';
import { until } from '../support/until.ts';

let running: Running;
let seen: number;
let ended: number;
beforeAll(async () => {
  running = await startEndToEnd();
});
afterAll(() => running.close());
beforeEach(async () => {
  await running.idle();
  seen = running.userpilot.requests().length;
  ended = running.events.length;
});
const calls = () =>
  running.userpilot
    .requests()
    .slice(seen)
    .map(({ path, body, status }) => ({ path, body, status }));
const arrived = (count: number) =>
  until(() => calls().length >= count, { deadlineMs: 10_000, description: `${count} calls at Userpilot` });
const outcomes = () =>
  running.events
    .slice(ended)
    .filter(({ outcome }) => outcome !== 'accepted')
    .map(({ outcome, code }) => (code === undefined ? outcome : `${outcome} ${code}`));
const settled = (count: number) =>
  until(() => outcomes().length >= count, { deadlineMs: 10_000, description: `${count} outcomes` });

const CREATED = Date.parse('2026-11-20T09:14:58.300Z');
const clerkUser = {
  object: 'event',
  type: 'user.created',
  instance_id: 'ins_invented',
  timestamp: CREATED + 100,
  data: {
    object: 'user',
    id: 'user_clerk_1',
    first_name: 'Noor',
    last_name: 'Haddad',
    primary_email_address_id: 'idn_1',
    email_addresses: [{ id: 'idn_1', email_address: 'noor@harbour.example', verification: { status: 'verified' } }],
    phone_numbers: [{ phone_number: '+15555550142' }],
    locale: 'en-GB',
    created_at: CREATED,
    updated_at: CREATED + 90,
  },
};

/** Signed by the vendor's own package. */
const svixHeaders = (body: string, id: string) => {
  const now = new Date();
  const signature = new Webhook(running.secretOf('clerk')).sign(id, now, body);
  return { 'svix-id': id, 'svix-timestamp': String(Math.floor(now.getTime() / 1000)), 'svix-signature': signature };
};

describe('one event of each source, from its vendor to Userpilot', () => {
  it('Clerk: a sign-up, signed by svix', async () => {
    const body = JSON.stringify(clerkUser);
    expect(await running.post('clerk', body, svixHeaders(body, 'msg_1'))).toEqual({ status: 202, body: { status: 'accepted' } });
    await arrived(1);
    expect(calls()).toEqual([
      {
        path: '/v1/identify',
        status: 202,
        body: {
          user_id: 'user_clerk_1',
          metadata: {
            email: 'noor@harbour.example',
            name: 'Noor Haddad',
            created_at: '2026-11-20T09:14:58.300Z',
            email_verified: true,
            locale: 'en-GB',
          },
        },
      },
    ]);
  });

  it('Clerk: a membership brings the company, and the user into it', async () => {
    const body = JSON.stringify({
      object: 'event',
      type: 'organizationMembership.created',
      timestamp: CREATED,
      data: {
        id: 'orgmem_1',
        organization: { id: 'org_clerk_1', name: 'Harbour Lane', created_at: CREATED, updated_at: CREATED },
        public_user_data: { user_id: 'user_clerk_1', identifier: 'noor@harbour.example' },
        created_at: CREATED,
        updated_at: CREATED,
      },
    });
    await running.post('clerk', body, svixHeaders(body, 'msg_2'));
    await arrived(2);
    expect(calls()).toEqual(
      expect.arrayContaining([
        {
          path: '/v1/companies/identify',
          status: 202,
          body: { company_id: 'org_clerk_1', metadata: { name: 'Harbour Lane', created_at: '2026-11-20T09:14:58.300Z' } },
        },
        { path: '/v1/identify', status: 202, body: { user_id: 'user_clerk_1', company: { id: 'org_clerk_1' } } },
      ]),
    );
    expect(running.userpilot.store.user('user_clerk_1')).toMatchObject({
      company_id: 'org_clerk_1',
      metadata: { name: 'Noor Haddad' },
    });
  });

  it('Stripe: a customer, signed by the stripe package', async () => {
    const body = JSON.stringify({
      id: 'evt_1',
      object: 'event',
      type: 'customer.created',
      created: 1795166098,
      livemode: true,
      data: {
        object: {
          id: 'cus_1',
          object: 'customer',
          email: 'billing@harbour.example',
          name: 'Noor Haddad',
          phone: '+15555550142',
          created: 1763000000,
          currency: 'eur',
          delinquent: false,
          livemode: true,
          preferred_locales: ['de'],
          metadata: { user_id: 'u_48213', company_id: 'org_977' },
        },
      },
    });
    const header = Stripe.webhooks.generateTestHeaderString({ payload: body, secret: running.secretOf('stripe') });
    expect(await running.post('stripe', body, { 'stripe-signature': header })).toMatchObject({ status: 202 });
    await arrived(1);
    expect(calls()).toEqual([
      {
        path: '/v1/identify',
        status: 202,
        body: {
          user_id: 'u_48213',
          metadata: {
            email: 'billing@harbour.example',
            name: 'Noor Haddad',
            stripe_customer_id: 'cus_1',
            stripe_created_at: '2025-11-13T02:13:20.000Z',
            stripe_currency: 'eur',
            stripe_delinquent: false,
            stripe_livemode: true,
            stripe_locale: 'de',
          },
          company: { id: 'org_977' },
        },
      },
    ]);
  });

  it('Auth0: an event of a stream, with its bearer token', async () => {
    const body = JSON.stringify({
      specversion: '1.0',
      type: 'user.created',
      source: 'urn:auth0:harbour.eu.auth0.com',
      id: 'evt_a1',
      time: '2026-10-26T07:33:20.114Z',
      a0tenant: 'harbour',
      a0stream: 'est_1',
      data: {
        object: {
          user_id: 'auth0|68fd01',
          email: 'noor@harbour.example',
          email_verified: false,
          name: 'Noor Haddad',
          created_at: '2026-10-26T07:33:20.101Z',
          updated_at: '2026-10-26T07:33:20.101Z',
          last_ip: '203.0.113.24',
          identities: [{ connection: 'db', provider: 'auth0', user_id: 68, isSocial: false }],
        },
      },
    });
    expect(await running.post('auth0', body, { authorization: `Bearer ${running.secretOf('auth0')}` })).toMatchObject({
      status: 202,
    });
    await arrived(1);
    expect(calls()).toEqual([
      {
        path: '/v1/identify',
        status: 202,
        body: {
          user_id: 'auth0|68fd01',
          metadata: {
            email: 'noor@harbour.example',
            name: 'Noor Haddad',
            created_at: '2026-10-26T07:33:20.101Z',
            email_verified: false,
          },
        },
      },
    ]);
  });

  it('Cognito: a confirmed sign-up, which gets its event back', async () => {
    const before = Date.now();
    const event = {
      version: '1',
      region: 'eu-west-1',
      userPoolId: 'eu-west-1_Invented1',
      triggerSource: 'PostConfirmation_ConfirmSignUp',
      userName: 'noor',
      callerContext: { awsSdkVersion: 'x', clientId: 'invented' },
      request: {
        userAttributes: {
          sub: '5c1d9f0a-0000-4000-8000-000000000001',
          email: 'noor@harbour.example',
          email_verified: 'true',
          given_name: 'Noor',
          family_name: 'Haddad',
          phone_number: '+15555550142',
          'custom:company_id': 'acme-7',
        },
      },
      response: {},
    };
    expect(await running.trigger(event)).toEqual(event);
    await arrived(1);
    expect(calls()).toEqual([
      {
        path: '/v1/identify',
        status: 202,
        body: {
          user_id: '5c1d9f0a-0000-4000-8000-000000000001',
          metadata: { email: 'noor@harbour.example', name: 'Noor Haddad', created_at: expect.any(String), email_verified: true },
          company: { id: 'acme-7' },
        },
      },
    ]);
    const createdAt = running.userpilot.store.user('5c1d9f0a-0000-4000-8000-000000000001')?.metadata.created_at;
    expect(Date.parse(String(createdAt))).toBeGreaterThanOrEqual(before);
    expect(new Date(String(createdAt)).toISOString()).toBe(createdAt);
  });
});

describe('duplicates and order', () => {
  it('makes one call of the same event five times', async () => {
    const who = person('twice');
    const answers = [];
    for (let index = 0; index < 5; index += 1)
      answers.push(await running.send('clerk', 'user.created', who, { eventId: 'same', now: new Date(CREATED) }));
    expect(answers.map(({ body }) => body.status)).toEqual(Array.from({ length: 5 }, () => 'accepted'));
    await running.idle();
    expect(outcomes()).toEqual(['delivered']);
    expect(calls()).toHaveLength(1);
  });

  it('keeps the newer state when the older event comes later', async () => {
    const who = person('ordered');
    await running.send('clerk', 'user.updated', { ...who, firstName: 'Newer' }, { now: new Date(CREATED + 2000) });
    await settled(1);
    await running.send('clerk', 'user.updated', { ...who, firstName: 'Older' }, { now: new Date(CREATED + 1000) });
    await settled(2);
    expect(outcomes()).toEqual(['delivered', 'superseded STALE']);
    expect(running.userpilot.store.user('ordered')?.metadata.name).toContain('Newer');
  });

  it('calls nobody for an update after a deletion', async () => {
    const who = person('gone');
    await running.send('clerk', 'user.deleted', who, { now: new Date(CREATED) });
    await settled(1);
    await running.send('clerk', 'user.updated', who, { now: new Date(CREATED + 60_000) });
    await settled(2);
    expect(outcomes()).toEqual(['tombstone', 'superseded TOMBSTONED']);
    expect(calls()).toEqual([]);
  });

  it('makes few calls of ten updates of a user that are queued at once, and ends with the newest', async () => {
    const who = person('busy');
    running.userpilot.faults.next(1, { kind: 'delay', ms: 300 });
    for (let index = 0; index < 10; index += 1) {
      await running.send(
        'clerk',
        'user.updated',
        { ...who, firstName: `State${index}` },
        { now: new Date(CREATED + index * 1000) },
      );
    }
    await settled(10);
    expect(running.userpilot.store.user('busy')?.metadata.name).toContain('State9');
    expect(calls().length).toBeLessThanOrEqual(4);
    expect(outcomes().filter((outcome) => outcome === 'superseded MERGED').length).toBeGreaterThanOrEqual(6);
  });

  it('does not let two sources of one user overwrite the clocks of each other', async () => {
    const who = person('both');
    await running.send('clerk', 'user.updated', who, { now: new Date(CREATED + 60_000) });
    await settled(1);
    // Older than Clerk's event, and news all the same.
    await running.send('stripe', 'customer.created', who, { now: new Date(CREATED) });
    await settled(2);
    await running.send('clerk', 'user.updated', { ...who, firstName: 'Late' }, { now: new Date(CREATED + 30_000) });
    await settled(3);
    expect(outcomes()).toEqual(['delivered', 'delivered', 'superseded STALE']);
    expect(running.userpilot.store.user('both')?.metadata).toMatchObject({
      stripe_customer_id: expect.any(String),
      locale: 'en-GB',
    });
  });
});
