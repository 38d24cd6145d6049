import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const DAY = 86_400_000;

interface Subject {
  readonly who: Invented;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Complete, with the fields that must never get through: github.com/workos/openapi-spec */
const user = ({ who, createdAt, updatedAt }: Subject) => ({
  object: 'user',
  id: who.id,
  email: who.email,
  email_verified: true,
  first_name: who.firstName,
  last_name: who.lastName,
  name: `${who.firstName} ${who.lastName}`,
  profile_picture_url: 'https://images.example.com/invented.png',
  external_id: null,
  metadata: { plan: 'trial' },
  last_sign_in_at: null,
  locale: 'en-GB',
  created_at: createdAt,
  updated_at: updatedAt,
});

const organization = ({ who, createdAt, updatedAt }: Subject) => ({
  object: 'organization',
  id: who.companyId,
  name: who.companyName,
  domains: [
    {
      object: 'organization_domain',
      id: 'org_domain_invented',
      organization_id: who.companyId,
      domain: 'invented.example.com',
      state: 'pending',
      verification_token: 'invented-private-token',
      created_at: createdAt,
      updated_at: updatedAt,
    },
  ],
  metadata: { tier: 'gold' },
  external_id: null,
  created_at: createdAt,
  updated_at: updatedAt,
});

const membership = ({ who, createdAt, updatedAt }: Subject) => ({
  object: 'organization_membership',
  id: 'om_invented',
  user_id: who.id,
  organization_id: who.companyId,
  status: 'active',
  role: { slug: 'member' },
  roles: [{ slug: 'member' }],
  custom_attributes: { desk: 'invented-private-note' },
  directory_managed: false,
  created_at: createdAt,
  updated_at: updatedAt,
});

/** Of a customer's directory, and not a user that signed up. */
const directoryUser = ({ who, createdAt, updatedAt }: Subject) => ({
  object: 'directory_user',
  id: 'directory_user_invented',
  directory_id: 'directory_invented',
  organization_id: who.companyId,
  email: who.email,
  first_name: who.firstName,
  last_name: who.lastName,
  state: 'active',
  created_at: createdAt,
  updated_at: updatedAt,
});

const DATA: Readonly<Record<string, (subject: Subject) => object>> = {
  'user.created': user,
  'user.updated': user,
  'user.deleted': user,
  'organization.created': organization,
  'organization.updated': organization,
  'organization.deleted': organization,
  'organization_membership.created': membership,
  'organization_membership.updated': membership,
  'organization_membership.deleted': membership,
  'dsync.user.created': directoryUser,
};

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const workosSender: Sender = {
  types: [
    'user.created',
    'user.updated',
    'user.deleted',
    'organization.created',
    'organization.updated',
    'organization.deleted',
    'organization_membership.created',
    'organization_membership.updated',
    'organization_membership.deleted',
    'dsync.user.created',
  ],
  body: (type, who, { now, eventId }) => {
    const data = Object.hasOwn(DATA, type) ? DATA[type] : undefined;
    if (data === undefined) throw new RangeError(`workos cannot send ${type}`);
    const updatedAt = now.toISOString();
    const createdAt = type.endsWith('.created') ? updatedAt : new Date(now.getTime() - DAY).toISOString();
    return JSON.stringify({
      object: 'event',
      id: `event_${eventId}`,
      event: type,
      created_at: updatedAt,
      data: data({ who, createdAt, updatedAt }),
      context: {
        client_id: 'client_invented',
        actor: { id: who.id, source: 'api', name: null },
        google_analytics_client_id: 'invented-internal-analytics',
      },
    });
  },
  headers: (body, secret, { now }) => {
    const timestamp = now.getTime();
    const signature = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
    return { 'content-type': 'application/json', 'workos-signature': `t=${timestamp}, v1=${signature}` };
  },
  secret: (random) => `wh_secret_${Buffer.from(random).toString('base64url')}`,
};
