import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const DAY = 86_400_000;

interface Subject {
  readonly who: Invented;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Complete, with the fields that must never get through: github.com/clerk/openapi-specs, webhooks */
const user = ({ who, createdAt, updatedAt }: Subject) => ({
  object: 'user',
  id: who.id,
  external_id: null,
  username: null,
  first_name: who.firstName,
  last_name: who.lastName,
  locale: 'en-GB',
  image_url: 'https://img.clerk.example/invented.png',
  has_image: false,
  primary_email_address_id: 'idn_invented_email',
  primary_phone_number_id: 'idn_invented_phone',
  primary_web3_wallet_id: null,
  email_addresses: [
    { id: 'idn_invented_other', object: 'email_address', email_address: `old.${who.email}`, verification: null, linked_to: [] },
    {
      id: 'idn_invented_email',
      object: 'email_address',
      email_address: who.email,
      reserved: false,
      verification: { object: 'verification_otp', status: 'verified', strategy: 'email_code', attempts: 1, expire_at: updatedAt },
      linked_to: [],
      created_at: createdAt,
      updated_at: updatedAt,
    },
  ],
  phone_numbers: [{ id: 'idn_invented_phone', object: 'phone_number', phone_number: '+15555550142' }],
  web3_wallets: [],
  passkeys: [],
  external_accounts: [{ object: 'external_account', provider: 'oauth_google', provider_user_id: 'invented-google-id' }],
  saml_accounts: [],
  enterprise_accounts: [],
  password_enabled: true,
  two_factor_enabled: false,
  totp_enabled: false,
  backup_code_enabled: false,
  mfa_enabled_at: null,
  mfa_disabled_at: null,
  public_metadata: { plan: 'trial' },
  private_metadata: { risk_note: 'invented-private-note' },
  unsafe_metadata: { typed_by_user: 'invented-unsafe-note' },
  last_sign_in_at: null,
  last_active_at: createdAt,
  legal_accepted_at: null,
  banned: false,
  locked: false,
  lockout_expires_in_seconds: null,
  verification_attempts_remaining: 100,
  created_at: createdAt,
  updated_at: updatedAt,
  delete_self_enabled: true,
  create_organization_enabled: true,
});

const organization = ({ who, createdAt, updatedAt }: Subject) => ({
  object: 'organization',
  id: who.companyId,
  name: who.companyName,
  slug: 'invented-company',
  has_image: false,
  members_count: 1,
  max_allowed_memberships: 20,
  admin_delete_enabled: true,
  public_metadata: {},
  private_metadata: { contract: 'invented-private-note' },
  created_by: who.id,
  created_at: createdAt,
  updated_at: updatedAt,
});

const membership = (subject: Subject) => ({
  object: 'organization_membership',
  id: 'orgmem_invented',
  role: 'org:member',
  role_name: 'Member',
  permissions: ['org:sys_memberships:read'],
  public_metadata: {},
  private_metadata: { desk: 'invented-private-note' },
  organization: organization({ ...subject, updatedAt: subject.createdAt }),
  public_user_data: {
    user_id: subject.who.id,
    first_name: subject.who.firstName,
    last_name: subject.who.lastName,
    image_url: 'https://img.clerk.example/invented.png',
    has_image: false,
    identifier: subject.who.email,
  },
  created_at: subject.createdAt,
  updated_at: subject.updatedAt,
});

const invitation = ({ who, createdAt, updatedAt }: Subject) => ({
  object: 'organization_invitation',
  id: 'orginv_invented',
  email_address: who.email,
  organization_id: who.companyId,
  role: 'org:member',
  status: 'pending',
  created_at: createdAt,
  updated_at: updatedAt,
});

const DATA: Readonly<Record<string, (subject: Subject) => object>> = {
  'user.created': user,
  'user.updated': user,
  'user.deleted': ({ who }) => ({ object: 'user', id: who.id, external_id: null, deleted: true }),
  'organization.created': organization,
  'organization.updated': organization,
  'organization.deleted': ({ who }) => ({ object: 'organization', id: who.companyId, slug: 'invented-company', deleted: true }),
  'organizationMembership.created': membership,
  'organizationMembership.updated': membership,
  'organizationMembership.deleted': membership,
  'organizationInvitation.created': invitation,
};

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const clerkSender: Sender = {
  types: [
    'user.created',
    'user.updated',
    'user.deleted',
    'organization.created',
    'organization.updated',
    'organization.deleted',
    'organizationMembership.created',
    'organizationMembership.updated',
    'organizationMembership.deleted',
    'organizationInvitation.created',
  ],
  body: (type, who, { now }) => {
    const data = Object.hasOwn(DATA, type) ? DATA[type] : undefined;
    if (data === undefined) throw new RangeError(`clerk cannot send ${type}`);
    const updatedAt = now.getTime();
    const createdAt = type.endsWith('.created') ? updatedAt : updatedAt - DAY;
    return JSON.stringify({
      object: 'event',
      type,
      instance_id: 'ins_invented',
      timestamp: updatedAt,
      event_attributes: { http_request: { client_ip: '203.0.113.24', user_agent: 'Invented/1.0' } },
      data: data({ who, createdAt, updatedAt }),
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
