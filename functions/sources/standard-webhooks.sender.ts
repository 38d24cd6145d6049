import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const DAY = 86_400_000;

interface Subject {
  readonly who: Invented;
  readonly createdAt: string;
}

/** By the usual names, with what must never get through. */
const user = ({ who, createdAt }: Subject) => ({
  id: who.id,
  email: who.email,
  first_name: who.firstName,
  last_name: who.lastName,
  created_at: createdAt,
  plan: 'trial',
  phone_number: '+15555550142',
  passwordHash: 'invented-private-hash',
  address: { street: 'Invented Street 4' },
  sessions: [{ ipAddress: '203.0.113.24', refreshToken: 'invented-private-token' }],
  organization: { id: who.companyId, name: who.companyName },
});

const organization = ({ who, createdAt }: Subject) => ({
  id: who.companyId,
  name: who.companyName,
  created_at: createdAt,
  billing: { phone: '+15555550187', shippingAddress: 'Invented Lane 5' },
});

const DATA: Readonly<Record<string, (subject: Subject) => object>> = {
  'user.created': user,
  'user.updated': user,
  'user.deleted': ({ who }) => ({ id: who.id }),
  'organization.created': organization,
  'organization.updated': organization,
  'organization.deleted': ({ who }) => ({ id: who.companyId }),
  'session.created': ({ who }) => ({ user_id: who.id, sessionToken: 'invented-private-token' }),
};

/** As the specification's own example, `user.created`, names its type: spec/standard-webhooks.md */
export const standardWebhooksSender: Sender = {
  types: [
    'user.created',
    'user.updated',
    'user.deleted',
    'organization.created',
    'organization.updated',
    'organization.deleted',
    'session.created',
  ],
  body: (type, who, { now }) => {
    const data = Object.hasOwn(DATA, type) ? DATA[type] : undefined;
    if (data === undefined) throw new RangeError(`standard-webhooks cannot send ${type}`);
    const timestamp = now.toISOString();
    const createdAt = type.endsWith('.created') ? timestamp : new Date(now.getTime() - DAY).toISOString();
    return JSON.stringify({ type, timestamp, data: data({ who, createdAt }) });
  },
  headers: (body, secret, { now, eventId }) => {
    const id = `msg_${eventId}`;
    const timestamp = String(Math.floor(now.getTime() / 1000));
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
    return {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    };
  },
  secret: (random) => `whsec_${Buffer.from(random).toString('base64')}`,
};
