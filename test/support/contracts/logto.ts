import { logtoSender } from '../../../functions/sources/logto.sender.ts';
import { logto } from '../../../functions/sources/logto.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const logtoContract: Contract = {
  source: logto,
  sender: logtoSender,
  signUp: fixture('logto', 'user-created'),
  proofs: ['logto-signature-sha-256'],
  // No time of delivery is signed. The body's own bounds a replay, as wide as other vendors go on retrying.
  proves: { sender: true, body: true, time: true },
  maxAge: 3 * 86_400,
  userId: ['data', 'id'],
  required: ['createdAt', 'data', 'event'],
  planted: [
    ...PHONES,
    'identities',
    'details',
    'birthdate',
    'gender',
    'address',
    'sessionId',
    'userIp',
    'userAgent',
    '203.0.113.24',
    '198.51.100.7',
    'description',
    'fake-user@',
  ],
};
