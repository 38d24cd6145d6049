import { standardWebhooksSender } from '../../../functions/sources/standard-webhooks.sender.ts';
import { standardWebhooks } from '../../../functions/sources/standard-webhooks.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const standardWebhooksContract: Contract = {
  source: standardWebhooks,
  sender: standardWebhooksSender,
  signUp: fixture('standard-webhooks', 'user-created'),
  proofs: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
  proves: { sender: true, body: true, time: true },
  parksWithoutSubject: true,
  userId: ['data', 'id'],
  required: ['event', 'event.name', 'type'],
  planted: [...PHONES, '203.0.113.24', 'Invented Street', 'Invented Lane', 'passwordHash', 'refreshToken', 'recoveryEmail'],
};
