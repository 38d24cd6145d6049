import type { Invented, Sender } from './sender.ts';

const DAY = 86_400_000;

interface Subject {
  readonly who: Invented;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Complete, with the fields that must never get through: auth0.com/docs/customize/events/event-types */
export const userOf = ({ who, createdAt, updatedAt }: Subject) => ({
  user_id: who.id,
  email: who.email,
  email_verified: false,
  phone_number: '+15555550142',
  phone_verified: true,
  name: `${who.firstName} ${who.lastName}`,
  nickname: who.email.split('@')[0],
  given_name: who.firstName,
  family_name: who.lastName,
  picture: 'https://images.example.com/invented.png',
  created_at: createdAt,
  updated_at: updatedAt,
  identities: [
    {
      connection: 'Username-Password-Authentication',
      provider: 'auth0',
      user_id: 42,
      isSocial: false,
      profileData: { phone_number: '+15555550142', note: 'invented-profile-data' },
    },
  ],
  app_metadata: { plan: 'trial' },
  user_metadata: { team_size: '11-50' },
  multifactor: ['invented-factor'],
  last_ip: '203.0.113.24',
  last_login: updatedAt,
  logins_count: 1,
  blocked: false,
});

const organization = ({ who }: Subject) => ({
  id: who.companyId,
  name: 'invented-company',
  display_name: who.companyName,
  metadata: { tier: 'gold' },
  branding: { logo_url: 'https://images.example.com/invented-logo.png', colors: { primary: '#102030' } },
});

const member = ({ who }: Subject) => ({
  organization: { id: who.companyId, name: 'invented-company' },
  user: { user_id: who.id },
});

const DATA: Readonly<Record<string, (subject: Subject) => object>> = {
  'user.created': (subject) => ({ object: userOf(subject) }),
  'user.updated': (subject) => ({
    object: userOf(subject),
    previous_object: userOf({
      ...subject,
      who: { ...subject.who, email: `old.${subject.who.email}` },
      updatedAt: subject.createdAt,
    }),
  }),
  'user.deleted': (subject) => ({ object: { ...userOf(subject), deleted_at: subject.updatedAt } }),
  'organization.created': (subject) => ({ object: organization(subject) }),
  'organization.updated': (subject) => ({ object: organization(subject) }),
  'organization.deleted': (subject) => ({ object: organization(subject) }),
  'organization.member.added': (subject) => ({ object: member(subject) }),
  'organization.member.deleted': (subject) => ({ object: member(subject) }),
  'organization.member.role.assigned': (subject) => ({
    object: { ...member(subject), role: { id: 'rol_invented', name: 'admin' } },
  }),
};

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const auth0Sender: Sender = {
  types: [
    'user.created',
    'user.updated',
    'user.deleted',
    'organization.created',
    'organization.updated',
    'organization.deleted',
    'organization.member.added',
    'organization.member.deleted',
    'organization.member.role.assigned',
  ],
  body: (type, who, { now, eventId }) => {
    const data = Object.hasOwn(DATA, type) ? DATA[type] : undefined;
    if (data === undefined) throw new RangeError(`auth0 cannot send ${type}`);
    const updatedAt = now.toISOString();
    const createdAt = type.endsWith('.created') ? updatedAt : new Date(now.getTime() - DAY).toISOString();
    return JSON.stringify({
      specversion: '1.0',
      type,
      source: 'urn:auth0:invented.eu.auth0.com',
      id: `evt_${eventId}`,
      time: updatedAt,
      a0tenant: 'invented',
      a0stream: 'est_invented',
      data: {
        ...data({ who, createdAt, updatedAt }),
        context: {
          client: { id: 'invented-client', name: 'Web app', metadata: {} },
          request: { ip: '203.0.113.24', user_agent: 'Invented/1.0', geo: { city_name: 'Inventedville' } },
          tenant: { id: 'invented' },
        },
      },
    });
  },
  headers: (_body, secret) => ({ 'content-type': 'application/json', authorization: `Bearer ${secret}` }),
  secret: (random) => Buffer.from(random).toString('base64url'),
};
