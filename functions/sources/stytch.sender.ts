import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const DAY = 86_400_000;

interface Subject {
  readonly who: Invented;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Complete, with the fields that must never get through: the event catalogue that stytch.com/docs/workspace-management/webhooks links */
export const userOf = ({ who, createdAt }: Subject) => ({
  user_id: who.id,
  name: { first_name: who.firstName, middle_name: '', last_name: who.lastName },
  emails: [
    { email_id: 'email-live-invented-1', email: `old.${who.email}`, verified: false },
    { email_id: 'email-live-invented-2', email: who.email, verified: true },
  ],
  phone_numbers: [{ phone_id: 'phone-number-live-invented', phone_number: '+15555550142', verified: true }],
  providers: [
    {
      provider_type: 'Google',
      provider_subject: 'invented-google-id',
      profile_picture_url: 'https://images.example.com/invented.png',
      locale: 'en',
      oauth_user_registration_id: 'oauth-user-live-invented',
    },
  ],
  webauthn_registrations: [],
  biometric_registrations: [],
  totps: [{ totp_id: 'totp-live-invented', verified: true }],
  crypto_wallets: [{ crypto_wallet_id: 'crypto-wallet-live-invented', crypto_wallet_address: '0xinvented' }],
  password: { password_id: 'password-live-invented', requires_reset: false },
  status: 'active',
  created_at: createdAt,
  external_id: '',
  is_locked: false,
  lock_created_at: null,
  lock_expires_at: null,
  trusted_metadata: { plan: 'starter' },
  untrusted_metadata: { typed_by_user: 'invented-unsafe-note' },
});

export const memberOf = ({ who }: Subject) => ({
  member_id: who.id,
  organization_id: who.companyId,
  email_address: who.email,
  email_address_verified: true,
  name: `${who.firstName} ${who.lastName}`,
  status: 'active',
  is_admin: true,
  is_breakglass: false,
  mfa_enrolled: true,
  mfa_phone_number: '+15555550143',
  mfa_phone_number_verified: true,
  default_mfa_method: 'sms_otp',
  member_password_id: 'member-password-live-invented',
  totp_registration_id: '',
  oauth_registrations: [],
  sso_registrations: [{ connection_id: 'saml-connection-live-invented', external_id: 'invented-sso-id' }],
  roles: [
    { role_id: 'stytch_member', sources: [{ type: 'direct_assignment', details: {} }] },
    { role_id: 'stytch_admin', sources: [{ type: 'direct_assignment', details: {} }] },
  ],
  trusted_metadata: { seat: 'full' },
  untrusted_metadata: { typed_by_user: 'invented-unsafe-note' },
});

export const organizationOf = ({ who, createdAt, updatedAt }: Subject) => ({
  organization_id: who.companyId,
  organization_name: who.companyName,
  organization_slug: 'invented-company',
  organization_logo_url: '',
  email_allowed_domains: ['invented.example.com'],
  auth_methods: 'ALL_ALLOWED',
  mfa_policy: 'OPTIONAL',
  trusted_metadata: { tier: 'gold' },
  created_at: createdAt,
  updated_at: updatedAt,
});

const samlConnection = ({ who }: Subject) => ({ connection_id: 'saml-connection-live-invented', organization_id: who.companyId });

interface Kind {
  readonly vertical: 'CONSUMER' | 'B2B';
  readonly id: (who: Invented) => string;
  readonly object: (subject: Subject) => object;
}
const KINDS: Readonly<Record<string, Kind>> = {
  user: { vertical: 'CONSUMER', id: (who) => who.id, object: userOf },
  member: { vertical: 'B2B', id: (who) => who.id, object: memberOf },
  organization: { vertical: 'B2B', id: (who) => who.companyId, object: organizationOf },
  saml_connection: { vertical: 'B2B', id: () => 'saml-connection-live-invented', object: samlConnection },
};

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const stytchSender: Sender = {
  types: [
    'direct.user.create',
    'direct.user.update',
    'dashboard.user.delete',
    'direct.member.create',
    'scim.member.update',
    'direct.member.delete',
    'direct.organization.create',
    'dashboard.organization.update',
    'direct.organization.delete',
    'direct.saml_connection.create',
  ],
  body: (type, who, { now, eventId }) => {
    const [source = '', objectType = '', action = ''] = type.split('.');
    const kind = stytchSender.types.includes(type) ? KINDS[objectType] : undefined;
    if (kind === undefined) throw new RangeError(`stytch cannot send ${type}`);
    const updatedAt = now.toISOString();
    const createdAt = action === 'create' ? updatedAt : new Date(now.getTime() - DAY).toISOString();
    return JSON.stringify({
      project_id: 'project-live-invented',
      event_id: eventId,
      action: action.toUpperCase(),
      object_type: objectType,
      source: source.toUpperCase(),
      vertical: kind.vertical,
      id: kind.id(who),
      // As many digits as Stytch sends.
      timestamp: updatedAt.replace('Z', '345678Z'),
      ...(action !== 'delete' && { [objectType]: kind.object({ who, createdAt, updatedAt }) }),
    });
  },
  headers: (body, secret, { now, eventId }) => {
    const id = `msg_${eventId}`;
    const timestamp = String(Math.floor(now.getTime() / 1000));
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
    return {
      'content-type': 'application/json',
      'user-agent': 'Svix-Webhooks/1.0',
      'svix-id': id,
      'svix-timestamp': timestamp,
      'svix-signature': `v1,${signature}`,
    };
  },
  secret: (random) => `whsec_${Buffer.from(random).toString('base64')}`,
};
