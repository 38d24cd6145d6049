import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const DAY = 86_400_000;

interface Subject {
  readonly who: Invented;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Complete, with the fields that must never get through: docs.logto.io/developers/webhooks/webhooks-request */
const user = ({ who, createdAt, updatedAt }: Subject) => ({
  id: who.id,
  username: null,
  primaryEmail: who.email,
  primaryPhone: '+15555550142',
  name: `${who.firstName} ${who.lastName}`,
  avatar: 'https://images.example.com/invented.png',
  customData: { plan: 'trial' },
  identities: { google: { userId: 'invented-google-id', details: { note: 'invented-profile-data' } } },
  lastSignInAt: updatedAt,
  createdAt,
  updatedAt,
  profile: {
    givenName: who.firstName,
    familyName: who.lastName,
    birthdate: '1970-01-01',
    gender: 'invented-gender',
    locale: 'en-GB',
    zoneinfo: 'Europe/London',
    address: { streetAddress: 'Invented Street 4' },
  },
  applicationId: 'invented-app',
  cimdClientId: null,
  isSuspended: false,
});

const organization = ({ who, createdAt }: Subject) => ({
  id: who.companyId,
  name: who.companyName,
  description: 'invented-internal-note',
  customData: { tier: 'gold' },
  isMfaRequired: false,
  createdAt,
});

const interactive = { interactionEvent: 'Register', sessionId: 'invented-session-1' };
/** Of a change that a call of the Management API made. */
const called = (method: string, matchedRoute: string, params: object) => ({ path: '/invented', method, matchedRoute, params });

const DATA: Readonly<Record<string, (subject: Subject) => object>> = {
  'User.Created': (subject) => ({ ...interactive, data: user(subject) }),
  'User.Data.Updated': (subject) => ({
    ...called('PATCH', '/users/:userId', { userId: subject.who.id }),
    data: user(subject),
  }),
  'User.SuspensionStatus.Updated': (subject) => ({
    ...called('PATCH', '/users/:userId/is-suspended', { userId: subject.who.id }),
    data: { ...user(subject), isSuspended: true },
  }),
  'User.Deleted': (subject) => ({ ...called('DELETE', '/users/:userId', { userId: subject.who.id }), data: user(subject) }),
  'Organization.Created': (subject) => ({ ...called('POST', '/organizations', {}), data: organization(subject) }),
  'Organization.Data.Updated': (subject) => ({
    ...called('PATCH', '/organizations/:id', { id: subject.who.companyId }),
    data: organization(subject),
  }),
  'Organization.Deleted': ({ who }) => ({ ...called('DELETE', '/organizations/:id', { id: who.companyId }), data: null }),
  'Organization.Membership.Updated': ({ who }) => ({
    ...called('POST', '/organizations/:id/users', { id: who.companyId }),
    data: null,
    organizationId: who.companyId,
    addedUserIds: [who.id],
  }),
  PostRegister: (subject) => ({ ...interactive, userIp: '203.0.113.24', userId: subject.who.id, user: user(subject) }),
};

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const logtoSender: Sender = {
  types: [
    'User.Created',
    'User.Data.Updated',
    'User.SuspensionStatus.Updated',
    'User.Deleted',
    'Organization.Created',
    'Organization.Data.Updated',
    'Organization.Deleted',
    'Organization.Membership.Updated',
    'PostRegister',
  ],
  body: (type, who, { now }) => {
    const data = Object.hasOwn(DATA, type) ? DATA[type] : undefined;
    if (data === undefined) throw new RangeError(`logto cannot send ${type}`);
    const updatedAt = now.getTime();
    const createdAt = type.endsWith('.Created') ? updatedAt : updatedAt - DAY;
    return JSON.stringify({
      event: type,
      hookId: 'invented-hook',
      createdAt: now.toISOString(),
      ip: '203.0.113.24',
      userAgent: 'Invented/1.0',
      application: { id: 'invented-app', type: 'SPA', name: 'Web app', description: null },
      ...data({ who, createdAt, updatedAt }),
    });
  },
  headers: (body, secret) => ({
    'content-type': 'application/json',
    'user-agent': 'Logto (https://logto.io/)',
    'logto-signature-sha-256': createHmac('sha256', secret).update(body).digest('hex'),
  }),
  secret: (random) => Buffer.from(random).toString('base64url'),
};
