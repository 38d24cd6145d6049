import { descopeSender } from '../../../functions/sources/descope.sender.ts';
import { descope } from '../../../functions/sources/descope.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const descopeContract: Contract = {
  source: descope,
  sender: descopeSender,
  // Its settings name the API, so that it becomes a refresh; other fixtures have the lean user.
  signUp: fixture('descope', 'user-created'),
  proofs: ['x-descope-webhook-s256'],
  // No time of delivery is signed. That of the newest record bounds a replay, as wide as other vendors go on retrying.
  proves: { sender: true, body: true, time: true },
  provesJson: true,
  maxAge: 3 * 86_400,
  userId: ['userId'],
  required: ['action', 'occurred'],
  planted: [
    ...PHONES,
    'remoteAddress',
    '203.0.113.24',
    '198.51.100.7',
    'geo',
    'device',
    'method',
    'occurred_formatted',
    'invented-internal-note',
    'projectId',
  ],
};
