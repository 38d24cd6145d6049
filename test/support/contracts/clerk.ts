import { clerkSender } from '../../../functions/sources/clerk.sender.ts';
import { clerk } from '../../../functions/sources/clerk.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const clerkContract: Contract = {
  source: clerk,
  sender: clerkSender,
  signUp: fixture('clerk', 'user-created'),
  proofs: ['svix-id', 'svix-timestamp', 'svix-signature'],
  proves: { sender: true, body: true, time: true },
  userId: ['data', 'id'],
  required: ['data', 'data.organization', 'timestamp', 'type'],
  planted: [
    ...PHONES,
    'private_metadata',
    'unsafe_metadata',
    'external_accounts',
    'client_ip',
    'verification_attempts_remaining',
    'mfa_enabled_at',
    'image_url',
    'identifier',
  ],
};
