import { fusionauthSender } from '../../../functions/sources/fusionauth.sender.ts';
import { fusionauth } from '../../../functions/sources/fusionauth.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const fusionauthContract: Contract = {
  source: fusionauth,
  sender: fusionauthSender,
  signUp: fixture('fusionauth', 'user-create-complete'),
  proofs: ['x-fusionauth-signature-jwt'],
  // The token has no times. The body's own bounds a replay, as wide as other vendors go on retrying.
  proves: { sender: true, body: true, time: true },
  maxAge: 3 * 86_400,
  unknownWith: (data) => ({ event: { id: 'invented', type: 'invented.type', createInstant: data, user: data } }),
  userId: ['event', 'user', 'id'],
  required: ['event', 'event.createInstant', 'event.id', 'event.type', 'event.user'],
  planted: [
    ...PHONES,
    'birthDate',
    'parentEmail',
    'invented.parent',
    'identities',
    'twoFactor',
    'recoveryCodes',
    'password',
    'salt',
    'encryptionScheme',
    'factor',
    'breachedPassword',
    'cleanSpeakId',
    'authenticationToken',
    'tokens',
    'previousEmail',
    'original',
    'info',
    'ipAddress',
    '203.0.113.24',
    'Inventedville',
  ],
};
