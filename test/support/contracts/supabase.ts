import { supabaseHookSender, supabaseSender } from '../../../functions/sources/supabase.sender.ts';
import { supabase } from '../../../functions/sources/supabase.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const supabaseContract: Contract = {
  source: supabase,
  sender: supabaseSender,
  // A database webhook. supabase.test.ts has the refusals of the other channel, whose signature proves body and time as well.
  signUp: fixture('supabase', 'user-inserted'),
  proofs: ['authorization'],
  proves: { sender: true, body: false, time: false },
  channels: [
    {
      name: 'hooks',
      sender: supabaseHookSender,
      proofs: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
      proves: { sender: true, body: true, time: true },
      userId: ['user', 'id'],
    },
  ],
  userId: ['record', 'id'],
  required: ['metadata', 'metadata.name', 'metadata.uuid', 'old_record', 'record', 'schema', 'table', 'type', 'user'],
  planted: [
    ...PHONES,
    'encrypted_password',
    '$2a$10$',
    'confirmation_token',
    'recovery_token',
    'email_change',
    'phone_change_token',
    'reauthentication_token',
    'identities',
    'identity_data',
    'ip_address',
    '203.0.113.24',
    '198.51.100.7',
    'unconfirmed@example.com',
  ],
};
