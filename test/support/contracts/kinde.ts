import { kindeSender } from '../../../functions/sources/kinde.sender.ts';
import { kinde } from '../../../functions/sources/kinde.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const kindeContract: Contract = {
  source: kinde,
  sender: kindeSender,
  signUp: fixture('kinde', 'user-created'),
  publishesKeys: true,
  proofs: [],
  proofInBody: true,
  proves: { sender: true, body: true, time: true },
  provesContent: true,
  maxAge: 48 * 3600,
  userId: ['data', 'user', 'id'],
  required: ['data', 'data.organization', 'data.user', 'event_id', 'timestamp', 'type'],
  planted: [
    ...PHONES,
    'permissions',
    'invented-internal-right',
    'is_password_reset_requested',
    'is_allow_registrations',
    'phone',
  ],
};
