import { createHmac } from 'node:crypto';
import type { Invented, Moment, Sender } from './sender.ts';

const DAY_SECONDS = 86_400;

interface Subject {
  readonly who: Invented;
  readonly created: number;
}

const customerId = (who: Invented): string => `cus_${who.id}`;

/** Complete, with the fields that must never get through: docs.stripe.com/api/customers/object */
export const customerOf = ({ who, created }: Subject) => ({
  id: customerId(who),
  object: 'customer',
  address: { city: 'Inventedville', country: 'DE', line1: 'Invented Street 4', line2: null, postal_code: '00000', state: null },
  balance: -1500,
  created,
  currency: 'eur',
  default_source: null,
  delinquent: false,
  description: 'invented-internal-note',
  discount: null,
  email: who.email,
  invoice_prefix: 'INVENT01',
  invoice_settings: { custom_fields: null, default_payment_method: 'pm_invented', footer: null, rendering_options: null },
  livemode: true,
  metadata: { user_id: who.id, company_id: who.companyId },
  name: `${who.firstName} ${who.lastName}`,
  next_invoice_sequence: 3,
  phone: '+15555550142',
  preferred_locales: ['de', 'en'],
  shipping: { name: 'invented-recipient', phone: '+15555550143', address: { line1: 'Invented Lane 5' } },
  tax_exempt: 'none',
  test_clock: null,
});

/** docs.stripe.com/api/subscriptions/object */
export const subscriptionOf = ({ who, created }: Subject, status: string) => ({
  id: `sub_${who.id}`,
  object: 'subscription',
  cancel_at: null,
  cancel_at_period_end: false,
  canceled_at: status === 'canceled' ? created : null,
  cancellation_details: { comment: 'invented-private-comment', feedback: 'unused', reason: null },
  collection_method: 'charge_automatically',
  created,
  currency: 'eur',
  customer: customerId(who),
  default_payment_method: 'pm_invented',
  description: 'invented-internal-note',
  items: {
    object: 'list',
    data: [
      {
        id: 'si_invented',
        object: 'subscription_item',
        created,
        current_period_end: created + 30 * DAY_SECONDS,
        current_period_start: created,
        metadata: {},
        price: {
          id: 'price_invented',
          object: 'price',
          currency: 'eur',
          lookup_key: 'pro_monthly',
          nickname: null,
          product: 'prod_invented',
          recurring: { interval: 'month', interval_count: 1, usage_type: 'licensed' },
          unit_amount: 4900,
        },
        quantity: 3,
      },
    ],
    has_more: false,
  },
  latest_invoice: 'in_invented',
  livemode: true,
  metadata: { user_id: who.id, company_id: who.companyId },
  start_date: created,
  status,
  test_clock: null,
  trial_end: status === 'trialing' ? created + 14 * DAY_SECONDS : null,
  trial_start: status === 'trialing' ? created : null,
});

/** docs.stripe.com/api/checkout/sessions/object */
const session = ({ who, created }: Subject) => ({
  id: 'cs_invented',
  object: 'checkout.session',
  client_reference_id: who.id,
  created,
  customer: customerId(who),
  customer_details: {
    address: { city: 'Inventedville', country: 'DE', line1: 'Invented Street 4', line2: null, postal_code: '00000', state: null },
    email: who.email,
    name: `${who.firstName} ${who.lastName}`,
    phone: '+15555550142',
    tax_ids: [{ type: 'eu_vat', value: 'DE000000000' }],
  },
  customer_email: null,
  livemode: true,
  metadata: {},
  mode: 'subscription',
  payment_status: 'paid',
  status: 'complete',
  subscription: `sub_${who.id}`,
  url: null,
});

const taxId = ({ who, created }: Subject) => ({
  id: 'txi_invented',
  object: 'tax_id',
  country: 'DE',
  created,
  customer: customerId(who),
  livemode: true,
  type: 'eu_vat',
  value: 'DE000000000',
});

const withStatus = (status: string) => (subject: Subject) => ({ object: subscriptionOf(subject, status) });

const DATA: Readonly<Record<string, (subject: Subject) => object>> = {
  'customer.created': (subject) => ({ object: customerOf(subject) }),
  'customer.updated': (subject) => ({
    object: customerOf(subject),
    previous_attributes: { email: `old.${subject.who.email}`, phone: '+15555550144' },
  }),
  'customer.deleted': (subject) => ({ object: customerOf(subject) }),
  'customer.subscription.created': withStatus('trialing'),
  'customer.subscription.updated': withStatus('active'),
  'customer.subscription.deleted': withStatus('canceled'),
  'customer.subscription.paused': withStatus('paused'),
  'customer.subscription.resumed': withStatus('active'),
  'customer.subscription.trial_will_end': withStatus('trialing'),
  'checkout.session.completed': (subject) => ({ object: session(subject) }),
  'checkout.session.async_payment_succeeded': (subject) => ({ object: session(subject) }),
  'customer.tax_id.created': (subject) => ({ object: taxId(subject) }),
};

/** By what a thin event names. Of `v1.customer.deleted` that is not enough to tell whose end it is. */
const RELATED: Readonly<Record<string, readonly [type: string, place: string, prefix: string]>> = {
  'v1.customer.created': ['customer', 'customers', 'cus_'],
  'v1.customer.updated': ['customer', 'customers', 'cus_'],
  'v1.customer.subscription.updated': ['subscription', 'subscriptions', 'sub_'],
};

/** docs.stripe.com/webhooks/migrate-snapshot-to-thin-events */
const thin = (
  [kind, place, prefix]: readonly [string, string, string],
  type: string,
  who: Invented,
  { now, eventId }: Moment,
) => ({
  id: `evt_${eventId}`,
  object: 'v2.core.event',
  type,
  created: now.toISOString(),
  livemode: true,
  reason: { type: 'request', request: { id: 'req_invented', idempotency_key: 'invented-idempotency-key' } },
  related_object: { id: `${prefix}${who.id}`, type: kind, url: `/v1/${place}/${prefix}${who.id}` },
});

const snapshot = (data: object, type: string, { now, eventId }: Moment) => ({
  id: `evt_${eventId}`,
  object: 'event',
  api_version: '2026-10-28.endive',
  created: Math.floor(now.getTime() / 1000),
  data,
  livemode: true,
  pending_webhooks: 1,
  request: { id: 'req_invented', idempotency_key: 'invented-idempotency-key' },
  type,
});

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const stripeSender: Sender = {
  types: [
    'customer.created',
    'customer.updated',
    'customer.deleted',
    'customer.subscription.created',
    'customer.subscription.updated',
    'customer.subscription.deleted',
    'customer.subscription.paused',
    'customer.subscription.resumed',
    'customer.subscription.trial_will_end',
    'checkout.session.completed',
    'checkout.session.async_payment_succeeded',
    'v1.customer.created',
    'v1.customer.updated',
    'v1.customer.subscription.updated',
    'customer.tax_id.created',
  ],
  body: (type, who, moment) => {
    const related = Object.hasOwn(RELATED, type) ? RELATED[type] : undefined;
    if (related !== undefined) return JSON.stringify(thin(related, type, who, moment), null, 2);
    const data = Object.hasOwn(DATA, type) ? DATA[type] : undefined;
    if (data === undefined) throw new RangeError(`stripe cannot send ${type}`);
    const seconds = Math.floor(moment.now.getTime() / 1000);
    const created = type.endsWith('.created') ? seconds : seconds - DAY_SECONDS;
    return JSON.stringify(snapshot(data({ who, created }), type, moment), null, 2);
  },
  headers: (body, secret, { now }) => {
    const seconds = Math.floor(now.getTime() / 1000);
    const signature = createHmac('sha256', secret).update(`${seconds}.`).update(body).digest('hex');
    return {
      'content-type': 'application/json; charset=utf-8',
      'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
      'stripe-signature': `t=${seconds},v1=${signature},v0=${'0'.repeat(64)}`,
    };
  },
  secret: (random) => `whsec_${Buffer.from(random).toString('hex')}`,
};
