import { createHash, createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const DAY = 86_400_000;

interface Subject {
  readonly who: Invented;
  /** Milliseconds. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

const registration = ({ who, createdAt, updatedAt }: Subject) => ({
  id: 'invented-registration',
  applicationId: 'invented-application',
  username: who.email,
  roles: ['member'],
  data: { note: 'invented-private-note' },
  tokens: { google: 'invented-private-token' },
  authenticationToken: 'invented-private-token',
  verified: true,
  insertInstant: createdAt,
  lastUpdateInstant: updatedAt,
});

/** Complete, with the fields that must never get through: github.com/FusionAuth/fusionauth-client-builder */
const user = (subject: Subject) => {
  const { who, createdAt, updatedAt } = subject;
  return {
    id: who.id,
    tenantId: 'invented-tenant',
    connectorId: 'invented-connector',
    email: who.email,
    username: who.email,
    uniqueUsername: who.email,
    usernameStatus: 'ACTIVE',
    firstName: who.firstName,
    lastName: who.lastName,
    fullName: `${who.firstName} ${who.lastName}`,
    active: true,
    verified: true,
    birthDate: '1990-05-17',
    mobilePhone: '+15555550142',
    phoneNumber: '+15555550142',
    parentEmail: 'invented.parent@example.com',
    imageUrl: 'https://images.example.com/invented.png',
    timezone: 'Europe/Berlin',
    preferredLanguages: ['en', 'de'],
    data: { companyId: who.companyId, companyName: who.companyName },
    identities: [
      { type: 'email', value: who.email, displayValue: who.email, primary: true, verified: true },
      { type: 'phoneNumber', value: '+15555550142', displayValue: '+15555550142', primary: false, verified: false },
    ],
    registrations: [registration(subject)],
    memberships: [{ id: 'invented-membership', groupId: 'invented-group', userId: who.id, insertInstant: createdAt }],
    twoFactor: { methods: [], recoveryCodes: ['invented-private-code'] },
    password: 'invented-private-hash',
    salt: 'invented-private-salt',
    encryptionScheme: 'salted-pbkdf2-hmac-sha256',
    factor: 24_000,
    breachedPasswordStatus: 'None',
    cleanSpeakId: 'invented-internal-id',
    insertInstant: createdAt,
    lastUpdateInstant: updatedAt,
    lastLoginInstant: updatedAt,
    passwordLastUpdateInstant: createdAt,
  };
};

const aboutUser = (subject: Subject): object => ({ user: user(subject) });
const aboutChange = (subject: Subject): object => ({ user: user(subject), original: user(subject) });
const aboutRegistration = (subject: Subject): object => ({
  applicationId: 'invented-application',
  registration: registration(subject),
  user: user(subject),
});

const EVENTS: Readonly<Record<string, (subject: Subject) => object>> = {
  'user.create.complete': aboutUser,
  'user.create': aboutUser,
  'user.bulk.create': (subject) => ({ users: [user(subject)] }),
  'user.update.complete': aboutChange,
  'user.update': aboutChange,
  'user.deactivate': aboutUser,
  'user.reactivate': aboutUser,
  'user.email.update': (subject) => ({ ...aboutUser(subject), previousEmail: 'invented.before@example.com' }),
  'user.email.verified': aboutUser,
  'user.identity.update': aboutUser,
  'user.identity.verified': aboutUser,
  'user.registration.create.complete': aboutRegistration,
  'user.registration.create': aboutRegistration,
  'user.registration.update.complete': aboutRegistration,
  'user.registration.update': aboutRegistration,
  'user.registration.delete.complete': aboutRegistration,
  'user.registration.delete': aboutRegistration,
  'user.registration.verified': aboutRegistration,
  'user.delete.complete': aboutUser,
  test: () => ({ message: 'It works!' }),
  'user.login.success': (subject) => ({ applicationId: 'invented-application', ...aboutUser(subject) }),
};

const jsonPart = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signs with a shared secret. Ids are the person's own, so that every source names the same user at Userpilot. */
export const fusionauthSender: Sender = {
  types: [
    'user.create.complete',
    'user.create',
    'user.bulk.create',
    'user.update.complete',
    'user.update',
    'user.deactivate',
    'user.reactivate',
    'user.email.update',
    'user.email.verified',
    'user.identity.update',
    'user.identity.verified',
    'user.registration.create.complete',
    'user.registration.create',
    'user.registration.update.complete',
    'user.registration.update',
    'user.registration.delete.complete',
    'user.registration.delete',
    'user.registration.verified',
    'user.delete.complete',
    'test',
    'user.login.success',
  ],
  body: (type, who, { now, eventId }) => {
    const event = Object.hasOwn(EVENTS, type) ? EVENTS[type] : undefined;
    if (event === undefined) throw new RangeError(`fusionauth cannot send ${type}`);
    const updatedAt = now.getTime();
    const createdAt = type.startsWith('user.create') ? updatedAt : updatedAt - DAY;
    return JSON.stringify({
      event: {
        id: eventId,
        type,
        createInstant: updatedAt,
        tenantId: 'invented-tenant',
        info: { ipAddress: '203.0.113.24', userAgent: 'Invented/1.0', os: 'Invented OS', location: { city: 'Inventedville' } },
        ...event({ who, createdAt, updatedAt }),
      },
    });
  },
  headers: (body, secret) => {
    const claims = { request_body_sha256: createHash('sha256').update(body).digest('base64') };
    const signed = `${jsonPart({ alg: 'HS256', typ: 'JWT', kid: 'invented-key' })}.${jsonPart(claims)}`;
    const signature = createHmac('sha256', secret).update(signed).digest('base64url');
    return { 'content-type': 'application/json', 'x-fusionauth-signature-jwt': `${signed}.${signature}` };
  },
  secret: (random) => Buffer.from(random).toString('base64url'),
};
