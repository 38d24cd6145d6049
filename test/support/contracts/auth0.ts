import { auth0Sender } from '../../../functions/sources/auth0.sender.ts';
import { auth0 } from '../../../functions/sources/auth0.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const auth0Contract: Contract = {
  source: auth0,
  sender: auth0Sender,
  signUp: fixture('auth0', 'user-created'),
  proofs: ['authorization'],
  // A fixed token: neither the body nor the time is under a signature. TLS and the token's secrecy are all there is.
  proves: { sender: true, body: false, time: false },
  userId: ['data', 'object', 'user_id'],
  required: ['data', 'data.object', 'data.object.organization', 'id', 'time', 'type'],
  planted: [...PHONES, 'profileData', 'multifactor', 'last_ip', 'last_login', 'user_agent', 'picture'],
};
