import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const DAY = 86_400_000;

interface Subject {
  readonly who: Invented;
  /** Milliseconds. */
  readonly now: number;
}

/** What the user did: `userId` is theirs. */
const access =
  (details: (who: Invented) => Readonly<Record<string, string>>) =>
  ({ who }: Subject): object => ({
    authDetails: {
      realmId: 'local',
      clientId: 'invented-web',
      userId: who.id,
      username: who.email,
      ipAddress: '203.0.113.24',
      sessionId: 'invented-private-login',
    },
    details: { auth_method: 'openid-connect', redirect_uri: 'https://app.example.com/invented-callback', ...details(who) },
  });

/** What an administrator did: `userId` is not the user's. */
const admin = (path: string, representation?: object | string): object => ({
  authDetails: {
    realmId: 'master',
    clientId: 'security-admin-console',
    userId: 'invented-internal-administrator',
    username: 'ops',
    ipAddress: '203.0.113.25',
  },
  resourcePath: path,
  ...(representation !== undefined && { representation: JSON.stringify(representation) }),
});

/** Complete, with the fields that must never get through: npm @keycloak/keycloak-admin-client, UserRepresentation */
const user = ({ who, now }: Subject, created: boolean) => ({
  username: who.email,
  email: who.email,
  firstName: who.firstName,
  lastName: who.lastName,
  enabled: true,
  emailVerified: false,
  ...(!created && { id: who.id, createdTimestamp: now - DAY }),
  attributes: { companyId: [who.companyId], phoneNumber: ['+15555550142'], birthdate: ['1990-05-17'] },
  groups: ['/invented-group'],
  requiredActions: ['VERIFY_EMAIL'],
  federatedIdentities: [{ identityProvider: 'google', userId: 'invented-private-id', userName: 'invented-private-name' }],
  credentials: [{ type: 'password', value: 'invented-private-hash', temporary: false }],
});

const adminOnUser = (subject: Subject, created: boolean): object => ({
  ...admin(`users/${subject.who.id}`, user(subject, created)),
  details: { userId: subject.who.id, username: subject.who.email },
  resourceId: subject.who.id,
});

const organization = ({ who }: Subject) => ({
  id: who.companyId,
  name: 'invented-company',
  displayName: who.companyName,
  url: 'https://company.example.com',
  realm: 'local',
  domains: ['company.example.com'],
  attributes: { tier: ['gold'] },
});

const DATA: Readonly<Record<string, (subject: Subject) => object>> = {
  'access.REGISTER': access(({ email, firstName, lastName }) => ({
    register_method: 'form',
    username: email,
    email,
    first_name: firstName,
    last_name: lastName,
  })),
  'access.UPDATE_PROFILE': access(({ firstName, lastName }) => ({
    context: 'ACCOUNT',
    previous_first_name: 'Invented',
    updated_first_name: firstName,
    previous_last_name: 'Before',
    updated_last_name: lastName,
  })),
  'access.UPDATE_EMAIL': access(({ email }) => ({ previous_email: 'invented.before@example.com', updated_email: email })),
  'access.VERIFY_EMAIL': access(({ email }) => ({ username: email, email })),
  'access.DELETE_ACCOUNT': access(({ email }) => ({ username: email })),
  'admin.USER-CREATE': (subject) => adminOnUser(subject, true),
  'admin.USER-UPDATE': (subject) => adminOnUser(subject, false),
  'admin.USER-DELETE': ({ who }) => ({ ...admin(`users/${who.id}`), resourceId: who.id }),
  'admin.ORGANIZATION-CREATE': (subject) => admin(`orgs/${subject.who.companyId}`, organization(subject)),
  'admin.ORGANIZATION-UPDATE': (subject) =>
    admin(`orgs/${subject.who.companyId}/${subject.who.companyId}`, organization(subject)),
  'admin.ORGANIZATION-DELETE': ({ who }) => admin(`orgs/${who.companyId}`),
  'admin.ORGANIZATION_MEMBERSHIP-CREATE': ({ who }) => admin(`orgs/${who.companyId}/members/${who.id}`, who.id),
  'admin.ORGANIZATION_MEMBERSHIP-DELETE': ({ who }) => admin(`orgs/${who.companyId}/members/${who.id}`, who.id),
  'access.LOGOUT': access(() => ({})),
};

/** Signs with a shared secret. Ids are the person's own, so that every source names the same user at Userpilot. */
export const keycloakSender: Sender = {
  types: [
    'access.REGISTER',
    'access.UPDATE_PROFILE',
    'access.UPDATE_EMAIL',
    'access.VERIFY_EMAIL',
    'access.DELETE_ACCOUNT',
    'admin.USER-CREATE',
    'admin.USER-UPDATE',
    'admin.USER-DELETE',
    'admin.ORGANIZATION-CREATE',
    'admin.ORGANIZATION-UPDATE',
    'admin.ORGANIZATION-DELETE',
    'admin.ORGANIZATION_MEMBERSHIP-CREATE',
    'admin.ORGANIZATION_MEMBERSHIP-DELETE',
    'access.LOGOUT',
  ],
  body: (type, who, { now, eventId }) => {
    const data = Object.hasOwn(DATA, type) ? DATA[type] : undefined;
    if (data === undefined) throw new RangeError(`keycloak cannot send ${type}`);
    const [, resourceType, operationType] = /^admin\.(\w+)-(\w+)$/.exec(type) ?? [];
    return JSON.stringify({
      uid: eventId,
      id: `event-of-${eventId}`,
      time: now.getTime(),
      realmId: 'invented-realm-id',
      realmName: 'local',
      type,
      ...(resourceType !== undefined && { resourceType, operationType }),
      ...data({ who, now: now.getTime() }),
    });
  },
  headers: (body, secret) => ({
    'content-type': 'application/json; charset=UTF-8',
    'x-keycloak-signature': createHmac('sha256', secret).update(body).digest('hex'),
  }),
  secret: (random) => Buffer.from(random).toString('base64url'),
};
