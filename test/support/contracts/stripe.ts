import { stripeSender } from '../../../functions/sources/stripe.sender.ts';
import { stripe } from '../../../functions/sources/stripe.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const stripeContract: Contract = {
  source: stripe,
  sender: stripeSender,
  settings: { api: 'https://api.stripe.com' },
  signUp: fixture('stripe', 'customer-created'),
  proofs: ['stripe-signature'],
  proves: { sender: true, body: true, time: true },
  userId: ['data', 'object', 'metadata'],
  required: ['created', 'data', 'data.object', 'data.object.id', 'id', 'related_object', 'related_object.id', 'type'],
  planted: [
    ...PHONES,
    '+15555550143',
    'line1',
    'description',
    'balance',
    'pm_invented',
    'previous_attributes',
    'idempotency_key',
    'cancellation_details',
    'invented secret reason',
    'tax_ids',
    'elsewhere.example',
    'private.mara@example.com',
  ],
};
