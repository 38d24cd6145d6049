import type { Invented, Sender } from './sender.ts';

const DAY = 86_400_000;

interface Subject {
  readonly who: Invented;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** As our template has it, with traits that must never get through. */
const identity = ({ who, createdAt, updatedAt }: Subject) => ({
  id: who.id,
  external_id: null,
  schema_id: 'preset://email',
  state: 'active',
  traits: {
    email: who.email,
    name: { first: who.firstName, last: who.lastName },
    phone_number: '+15555550142',
    date_of_birth: 'invented-private-date',
    address: { street: 'invented-private-street', city: 'Inventedville' },
  },
  metadata_public: { plan: 'trial' },
  organization_id: who.companyId,
  verifiable_addresses: [
    { via: 'sms', value: '+15555550142', verified: true },
    { via: 'email', value: who.email, verified: true },
  ],
  created_at: createdAt.toISOString(),
  updated_at: updatedAt.toISOString(),
});

const FLOWS = ['registration.after', 'settings.after', 'verification.after', 'login.after'];
const LIVE = ['IdentityCreated', 'IdentityUpdated', 'IdentityDeleted'];
const LAST = 'recovery.after';

/** An action carries the text of an API key, a live stream a whole `Basic …`; which of them the secret is, its form tells. */
const proof = (secret: string) => (secret.startsWith('Basic ') ? { authorization: secret } : { 'x-ory-webhook-secret': secret });

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const orySender: Sender = {
  types: ['registration.after', ...FLOWS.slice(1), ...LIVE, LAST],
  body: (type, who, { now, eventId }) => {
    if (LIVE.includes(type)) {
      const timestamp = now.toISOString().slice(0, 19).replace('T', ' ');
      const eventAttributes = { IdentityID: who.id, ClientIP: '203.0.113.24', UserAgent: 'Invented/1.0' };
      return JSON.stringify({ name: type, version: '1', timestamp, projectId: 'invented-project', eventAttributes });
    }
    if (!FLOWS.includes(type) && type !== LAST) throw new RangeError(`ory cannot send ${type}`);
    const createdAt = type === 'registration.after' ? now : new Date(now.getTime() - DAY);
    return JSON.stringify({ type, flow_id: `flow-${eventId}`, identity: identity({ who, createdAt, updatedAt: now }) });
  },
  headers: (_body, secret, { eventId }) => ({
    'content-type': 'application/json',
    'ory-webhook-trigger-id': `trigger-${eventId}`,
    'ory-webhook-request-id': `request-${eventId}`,
    ...proof(secret),
  }),
  secret: (random) => Buffer.from(random).toString('base64url'),
};
