import { hankoSender } from '../../../functions/sources/hanko.sender.ts';
import { hanko } from '../../../functions/sources/hanko.ts';
import { type Contract, fixture } from '../sources.ts';

export const hankoContract: Contract = {
  source: hanko,
  sender: hankoSender,
  signUp: fixture('hanko', 'user-created'),
  settings: { audience: ['app.example.com'] },
  publishesKeys: true,
  proofs: [],
  proofInBody: true,
  proves: { sender: true, body: true, time: true },
  provesContent: true,
  unknownWith: (data) => ({ evt: 'invented.type', iat: 1_795_166_221, data }),
  userId: ['data', 'id'],
  required: ['data', 'evt', 'iat'],
  planted: [
    'private_metadata',
    'unsafe_metadata',
    'webauthn_credentials',
    'invented-public-key',
    // Beginnings of the ids of password and e-mail; the word itself stands in the name of an event.
    'e3c4d5f6',
    'c1a2b3d4',
    'otp',
    'ip_address',
    'user_agent',
    '203.0.113.77',
    'Invented/1.0',
    'passcode',
    '246810',
    'hanko webhooks',
    'app.example.com',
  ],
};
