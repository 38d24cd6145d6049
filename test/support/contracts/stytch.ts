import { stytchSender } from '../../../functions/sources/stytch.sender.ts';
import { stytch } from '../../../functions/sources/stytch.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const stytchContract: Contract = {
  source: stytch,
  sender: stytchSender,
  signUp: fixture('stytch', 'user-create'),
  proofs: ['svix-id', 'svix-timestamp', 'svix-signature'],
  proves: { sender: true, body: true, time: true },
  userId: ['user', 'user_id'],
  required: ['action', 'member', 'object_type', 'organization', 'source', 'timestamp', 'user'],
  planted: [
    ...PHONES,
    '+15555550143',
    'untrusted_metadata',
    'provider_subject',
    'profile_picture_url',
    'password_id',
    'totp',
    'webauthn_registration_id',
    'crypto_wallet',
    'mfa_phone_number',
    'sso_registrations',
    'oauth_registrations',
    'sources',
    'email_allowed_domains',
    'mfa_policy',
  ],
};
