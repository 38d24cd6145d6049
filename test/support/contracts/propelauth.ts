import { propelauthSender } from '../../../functions/sources/propelauth.sender.ts';
import { propelauth } from '../../../functions/sources/propelauth.ts';
import { type Contract, fixture } from '../sources.ts';

export const propelauthContract: Contract = {
  source: propelauth,
  sender: propelauthSender,
  signUp: fixture('propelauth', 'user-created'),
  settings: { api: 'https://propelauth-api.example', issuer: 'https://auth.invented.example' },
  proofs: ['svix-id', 'svix-timestamp', 'svix-signature'],
  proves: { sender: true, body: true, time: true },
  // The event is flat: what stands beside its type is its subject.
  unknownWith: (data) => ({ event_type: 'invented.type', user_id: data, email: data, metadata: data, org_id_to_org_info: data }),
  userId: ['user_id'],
  required: ['event_type'],
  planted: ['picture_url', 'images.example.com', 'active_org_id', 'removed_user_id', 'invented-desk'],
};
