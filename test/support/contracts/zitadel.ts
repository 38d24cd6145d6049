import { zitadelSender } from '../../../functions/sources/zitadel.sender.ts';
import { zitadel } from '../../../functions/sources/zitadel.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const zitadelContract: Contract = {
  source: zitadel,
  sender: zitadelSender,
  signUp: fixture('zitadel', 'user-created'),
  // Without it events that hold only what changed are parked: zitadel.test.ts has them.
  settings: { api: 'https://acme.zitadel.example' },
  proofs: ['zitadel-signature'],
  proves: { sender: true, body: true, time: true },
  userId: ['aggregateID'],
  required: ['created_at', 'event_payload', 'event_type'],
  planted: [
    ...PHONES,
    'userID',
    'instanceID',
    'nickName',
    'gender',
    'streetAddress',
    'postalCode',
    'encodedHash',
    'Crypted',
    'changeRequired',
  ],
};
