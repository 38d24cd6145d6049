import { stripeSender } from '../../../functions/sources/stripe.sender.ts';
import { stripe } from '../../../functions/sources/stripe.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const stripeContract: Contract = {
  source: stripe,
  sender: stripeSender,
  signUp: fixture('stripe', 'customer-created'),
  proofs: ['stripe-signature'],
  proves: { sender: true, body: true, time: true },
  userId: ['data', 'object', 'metadata'],
  required: ['created', 'data', 'data.object', 'id', 'type'],
  planted: [
    ...PHONES,
    '+15555550143',
    'line1',
    'description',
    'balance',
    'pm_invented',
    'previous_attributes',
    'idempotency_key',
  ],
};
