import { orySender } from '../../../functions/sources/ory.sender.ts';
import { ory } from '../../../functions/sources/ory.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const oryContract: Contract = {
  source: ory,
  sender: orySender,
  signUp: fixture('ory', 'registered'),
  settings: { api: 'https://invented-slug.projects.oryapis.example' },
  proofs: ['x-ory-webhook-secret'],
  // A fixed text: neither the body nor the time is under a signature. TLS and the secrecy of the text are all there is.
  proves: { sender: true, body: false, time: false },
  userId: ['identity', 'id'],
  required: ['identity', 'identity.updated_at', 'name', 'type'],
  planted: [...PHONES, 'date_of_birth', 'street', 'Inventedville', 'ClientIP', 'projectId', 'flow_id'],
};
