import { keycloakSender } from '../../../functions/sources/keycloak.sender.ts';
import { keycloak } from '../../../functions/sources/keycloak.ts';
import { type Contract, fixture } from '../sources.ts';

export const keycloakContract: Contract = {
  source: keycloak,
  sender: keycloakSender,
  signUp: fixture('keycloak', 'register'),
  proofs: ['x-keycloak-signature'],
  // No time of delivery is signed. The body's own bounds a replay, as wide as other vendors go on retrying.
  proves: { sender: true, body: true, time: true },
  maxAge: 3 * 86_400,
  parksWithoutSubject: true,
  userId: ['authDetails', 'userId'],
  required: ['representation', 'time', 'type', 'uid'],
  planted: [
    'ipAddress',
    '203.0.113.24',
    'sessionId',
    'invented-private-login',
    'redirect_uri',
    'invented-callback',
    'previous_email',
    'invented.before',
    'clientId',
  ],
};
