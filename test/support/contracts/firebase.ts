import { firebaseSender } from '../../../functions/sources/firebase.sender.ts';
import { firebase } from '../../../functions/sources/firebase.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const firebaseContract: Contract = {
  source: firebase,
  sender: firebaseSender,
  // Of the relay function, which signs: firebase.test.ts has the tokens of blocking functions.
  signUp: fixture('firebase', 'user-created'),
  settings: {
    issuer: 'https://securetoken.google.com/acme-invented',
    audience: ['https://europe-west1-acme-invented.cloudfunctions.net/beforeSignIn'],
  },
  proofs: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
  proves: { sender: true, body: true, time: true },
  userId: ['data', 'uid'],
  required: ['data', 'event_type', 'type', 'user_record'],
  planted: [
    ...PHONES,
    'photo',
    'passwordHash',
    'password_hash',
    'passwordSalt',
    'ip_address',
    'user_agent',
    'raw_user_info',
    'oauth_access_token',
    'oauth_refresh_token',
    'sign_in_attributes',
    'multi_factor',
    'invented-google-account',
  ],
};
