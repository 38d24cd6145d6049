import type { Invented, Sender } from './sender.ts';
import { privateKeySecret, signToken } from './token.sender.ts';

const DAY = 86_400_000;

interface Subject {
  readonly who: Invented;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Complete, with the fields that must never get through: github.com/teamhanko/hanko, backend/dto/admin/user.go */
const user = ({ who, createdAt, updatedAt }: Subject) => ({
  id: who.id,
  webauthn_credentials: [{ id: 'invented-credential', name: 'invented-internal-key', public_key: 'invented-public-key' }],
  emails: [
    {
      id: 'c1a2b3d4-0000-4000-8000-000000000001',
      address: `old.${who.email}`,
      is_verified: false,
      is_primary: false,
      created_at: createdAt,
      updated_at: createdAt,
    },
    {
      id: 'c1a2b3d4-0000-4000-8000-000000000002',
      address: who.email,
      is_verified: true,
      is_primary: true,
      created_at: createdAt,
      updated_at: updatedAt,
      identity: { provider: 'invented-provider' },
    },
  ],
  username: { id: 'd2b3c4e5-0000-4000-8000-000000000001', username: 'invented', created_at: createdAt, updated_at: updatedAt },
  created_at: createdAt,
  updated_at: updatedAt,
  password: { id: 'e3c4d5f6-0000-4000-8000-000000000001', created_at: createdAt, updated_at: updatedAt },
  identities: [
    {
      id: 'f4d5e607-0000-4000-8000-000000000001',
      provider_id: 'invented-google-id',
      provider_name: 'google',
      email_id: 'c1a2b3d4-0000-4000-8000-000000000002',
      created_at: createdAt,
      updated_at: updatedAt,
    },
  ],
  otp: { id: 'invented-otp', created_at: createdAt },
  metadata: {
    public_metadata: { plan: 'trial', company_id: who.companyId },
    private_metadata: { risk_note: 'invented-private-note' },
    unsafe_metadata: { typed_by_user: 'invented-unsafe-note' },
  },
  name: `${who.firstName} ${who.lastName}`,
  given_name: who.firstName,
  family_name: who.lastName,
  picture: 'https://images.example.com/invented.png',
  ip_address: '203.0.113.77',
  user_agent: 'Invented/1.0',
});

const mail = ({ who }: Subject) => ({
  subject: 'Use passcode 246810',
  body_plain: 'Use passcode 246810',
  to_email_address: who.email,
  type: 'passcode',
  data: { otp_code: '246810' },
});

const DATA: Readonly<Record<string, (subject: Subject) => object>> = {
  'user.create': user,
  'user.update': user,
  'user.update.email.create': user,
  'user.update.email.delete': user,
  'user.update.email.primary': user,
  'user.update.username.create': user,
  'user.update.username.update': user,
  'user.update.username.delete': user,
  'user.update.password.update': user,
  'user.delete': user,
  'user.login': user,
  'email.send': mail,
};

const eventIn = (claims: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder().decode(claims))?.evt;
  } catch {
    return undefined;
  }
};

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const hankoSender: Sender = {
  types: [
    'user.create',
    'user.update',
    'user.update.email.create',
    'user.update.email.delete',
    'user.update.email.primary',
    'user.update.username.create',
    'user.update.username.update',
    'user.update.username.delete',
    'user.update.password.update',
    'user.delete',
    'email.send',
    'user.login',
  ],
  body: (type, who, { now }) => {
    const data = Object.hasOwn(DATA, type) ? DATA[type] : undefined;
    if (data === undefined) throw new RangeError(`hanko cannot send ${type}`);
    const updatedAt = now.toISOString();
    const createdAt = type === 'user.create' ? updatedAt : new Date(now.getTime() - DAY).toISOString();
    const iat = Math.floor(now.getTime() / 1000);
    return JSON.stringify({
      sub: 'hanko webhooks',
      aud: ['app.example.com'],
      iat,
      exp: iat + 300,
      evt: type,
      data: data({ who, createdAt, updatedAt }),
    });
  },
  seal: (body, secret) => Buffer.from(JSON.stringify({ token: signToken(body, secret), event: eventIn(body) ?? '' })),
  headers: () => ({ 'content-type': 'application/json' }),
  secret: privateKeySecret,
};
