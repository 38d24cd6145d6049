import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const DAY_SECONDS = 86_400;

interface Subject {
  readonly who: Invented;
  readonly created: number;
}

/** Complete, with the fields that must never get through: docs.stripe.com/api/customers/object */
const customer = ({ who, created }: Subject) => ({
  id: 'cus_invented',
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

const taxId = ({ created }: Subject) => ({
  id: 'txi_invented',
  object: 'tax_id',
  country: 'DE',
  created,
  customer: 'cus_invented',
  livemode: true,
  type: 'eu_vat',
  value: 'DE000000000',
});

const DATA: Readonly<Record<string, (subject: Subject) => object>> = {
  'customer.created': (subject) => ({ object: customer(subject) }),
  'customer.updated': (subject) => ({
    object: customer(subject),
    previous_attributes: { email: `old.${subject.who.email}`, phone: '+15555550144' },
  }),
  'customer.deleted': (subject) => ({ object: customer(subject) }),
  'customer.tax_id.created': (subject) => ({ object: taxId(subject) }),
};

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const stripeSender: Sender = {
  types: ['customer.created', 'customer.updated', 'customer.deleted', 'customer.tax_id.created'],
  body: (type, who, { now, eventId }) => {
    const data = Object.hasOwn(DATA, type) ? DATA[type] : undefined;
    if (data === undefined) throw new RangeError(`stripe cannot send ${type}`);
    const seconds = Math.floor(now.getTime() / 1000);
    const event = {
      id: `evt_${eventId}`,
      object: 'event',
      api_version: '2026-10-28.endive',
      created: seconds,
      data: data({ who, created: type.endsWith('.created') ? seconds : seconds - DAY_SECONDS }),
      livemode: true,
      pending_webhooks: 1,
      request: { id: 'req_invented', idempotency_key: 'invented-idempotency-key' },
      type,
    };
    return JSON.stringify(event, null, 2);
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
