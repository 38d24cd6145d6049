import { workosSender } from '../../../functions/sources/workos.sender.ts';
import { workos } from '../../../functions/sources/workos.ts';
import { type Contract, fixture } from '../sources.ts';

export const workosContract: Contract = {
  source: workos,
  sender: workosSender,
  signUp: fixture('workos', 'user-created'),
  proofs: ['workos-signature'],
  proves: { sender: true, body: true, time: true },
  userId: ['data', 'id'],
  required: ['created_at', 'data', 'event', 'id'],
  planted: [
    '+15555550187',
    'profile_picture_url',
    'custom_attributes',
    'invented secret desk',
    'verification_token',
    'domains',
    'context',
    'actor',
    'previous_attributes',
    'last_sign_in_at',
  ],
};
