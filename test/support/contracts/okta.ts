import { oktaSender } from '../../../functions/sources/okta.sender.ts';
import { okta } from '../../../functions/sources/okta.ts';
import { type Contract, fixture } from '../sources.ts';

export const oktaContract: Contract = {
  source: okta,
  sender: oktaSender,
  signUp: fixture('okta', 'user-created'),
  proofs: ['authorization'],
  // A fixed secret says nothing of the body, and the time in the body is worth no more than the rest of it.
  proves: { sender: true, body: false, time: false },
  parksWithoutSubject: true,
  userId: ['target', '0', 'id'],
  required: ['eventType', 'published', 'uuid'],
  planted: [
    'actor',
    'invented.admin@',
    'client',
    'rawUserAgent',
    'geographicalContext',
    'ipChain',
    '203.0.113.24',
    '198.51.100.7',
    'externalSessionId',
    'debugData',
    'transaction',
  ],
};
