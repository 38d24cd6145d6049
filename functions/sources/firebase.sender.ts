import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const DAY = 86_400_000;

/** As the relay function sends it, with the fields that it could send by mistake and that must never get through. */
const user = (who: Invented, createdAt: string) => ({
  uid: who.id,
  email: who.email,
  emailVerified: true,
  displayName: `${who.firstName} ${who.lastName}`,
  photoURL: 'https://images.example.com/invented.png',
  phoneNumber: '+15555550142',
  disabled: false,
  metadata: { creationTime: createdAt, lastSignInTime: createdAt },
  providerData: [
    {
      providerId: 'google.com',
      uid: 'invented-internal-google-id',
      displayName: `${who.firstName} ${who.lastName}`,
      email: who.email,
      photoURL: 'https://images.example.com/invented.png',
      phoneNumber: '+15555550187',
    },
  ],
  customClaims: { plan: 'trial' },
  tenantId: who.companyId,
  passwordHash: 'invented-private-hash',
  passwordSalt: 'invented-private-salt',
  tokensValidAfterTime: null,
});

const TYPES = ['user.created', 'user.updated', 'user.deleted', 'user.reauthenticated'] as const;

/** The requests of the relay function; blocking functions, whose token Google signs, are not among them: firebase.test.ts has those. */
export const firebaseSender: Sender = {
  types: TYPES,
  body: (type, who, { now }) => {
    if (!TYPES.some((known) => known === type)) throw new RangeError(`firebase cannot send ${type}`);
    const createdAt = new Date(type === 'user.created' ? now.getTime() : now.getTime() - DAY).toISOString();
    return JSON.stringify({ type, timestamp: now.toISOString(), data: user(who, createdAt) });
  },
  headers: (body, secret, { now, eventId }) => {
    const timestamp = String(Math.floor(now.getTime() / 1000));
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    const signature = createHmac('sha256', key).update(`${eventId}.${timestamp}.`).update(body).digest('base64');
    return {
      'content-type': 'application/json',
      'webhook-id': eventId,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    };
  },
  secret: (random) => `whsec_${Buffer.from(random).toString('base64')}`,
};
