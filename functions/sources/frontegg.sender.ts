import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const DAY = 86_400_000;

interface Subject {
  readonly who: Invented;
  readonly createdAt: string;
}

/** Complete, with the fields that must never get through: docs.frontegg.com/docs/webhooks */
const user = ({ who, createdAt }: Subject) => ({
  id: who.id,
  email: who.email,
  verified: true,
  name: `${who.firstName} ${who.lastName}`,
  phoneNumber: '+15555550142',
  profilePictureUrl: 'https://images.example.com/invented.png',
  provider: 'local',
  mfaEnrolled: false,
  metadata: '{"plan":"trial"}',
  tenantId: who.companyId,
  tenantIds: [who.companyId],
  roles: [{ id: 'invented-role-id', key: 'invented-role' }],
  permissions: [{ id: 'invented-permission-id', key: 'fe.invented.read' }],
  createdAt,
  lastLogin: null,
  isLocked: false,
  activatedForTenant: true,
});

/** Not documented for events: the form that a tenant has elsewhere. */
const tenant = ({ who, createdAt }: Subject) => ({
  id: 'invented-row-id',
  tenantId: who.companyId,
  name: who.companyName,
  vendorId: 'invented-vendor',
  isReseller: false,
  creatorEmail: who.email,
  metadata: '{"tier":"gold"}',
  createdAt,
  updatedAt: createdAt,
});

const aboutUser = (subject: Subject) => ({ user: user(subject) });
const aboutTenant = (subject: Subject) => ({ tenant: tenant(subject) });

const DATA: Readonly<Record<string, (subject: Subject) => object>> = {
  'frontegg.user.created': aboutUser,
  'frontegg.user.signedUp': aboutUser,
  'frontegg.user.activated': aboutUser,
  'frontegg.user.updated': aboutUser,
  'frontegg.user.deleted': aboutUser,
  'frontegg.user.invitedToTenant': aboutUser,
  'frontegg.user.joinedTenantUsingInvitationLink': aboutUser,
  'frontegg.user.removedFromTenant': aboutUser,
  'frontegg.tenant.created': aboutTenant,
  'frontegg.tenant.updated': aboutTenant,
  'frontegg.tenant.deleted': aboutTenant,
  'frontegg.user.authenticated': aboutUser,
};

const jsonPart = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const fronteggSender: Sender = {
  types: [
    'frontegg.user.created',
    'frontegg.user.signedUp',
    'frontegg.user.activated',
    'frontegg.user.updated',
    'frontegg.user.deleted',
    'frontegg.user.invitedToTenant',
    'frontegg.user.joinedTenantUsingInvitationLink',
    'frontegg.user.removedFromTenant',
    'frontegg.tenant.created',
    'frontegg.tenant.updated',
    'frontegg.tenant.deleted',
    'frontegg.user.authenticated',
  ],
  body: (type, who, { now }) => {
    const data = Object.hasOwn(DATA, type) ? DATA[type] : undefined;
    if (data === undefined) throw new RangeError(`frontegg cannot send ${type}`);
    const createdAt = new Date(type.endsWith('.created') ? now.getTime() : now.getTime() - DAY).toISOString();
    return JSON.stringify({
      eventKey: type,
      eventContext: { vendorId: 'invented-vendor', tenantId: who.companyId, userId: who.id },
      ...data({ who, createdAt }),
    });
  },
  headers: (_body, secret, { now }) => {
    const claims = { iat: Math.floor(now.getTime() / 1000) };
    const signed = `${jsonPart({ alg: 'HS256', typ: 'JWT' })}.${jsonPart(claims)}`;
    const signature = createHmac('sha256', secret).update(signed).digest('base64url');
    return { 'content-type': 'application/json', 'x-webhook-secret': `${signed}.${signature}` };
  },
  secret: (random) => Buffer.from(random).toString('base64url'),
};
