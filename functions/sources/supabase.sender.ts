import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const DAY = 86_400_000;

interface Subject {
  readonly who: Invented;
  readonly createdAt: string;
  readonly updatedAt: string;
}

const appData = { provider: 'email', providers: ['email'] };
const userData = ({ who }: Subject) => ({ full_name: `${who.firstName} ${who.lastName}`, company_id: who.companyId });

/** A complete row of `auth.users`, with the columns that must never get through. */
const row = (subject: Subject) => ({
  instance_id: '00000000-0000-0000-0000-000000000000',
  id: subject.who.id,
  aud: 'authenticated',
  role: 'authenticated',
  email: subject.who.email,
  encrypted_password: '$2a$10$inventedhashinventedhash',
  email_confirmed_at: subject.updatedAt,
  invited_at: null,
  confirmation_token: 'invented-secret-confirmation',
  confirmation_sent_at: subject.createdAt,
  recovery_token: 'invented-secret-recovery',
  recovery_sent_at: null,
  email_change_token_new: 'invented-secret-change',
  email_change: 'unconfirmed@example.com',
  email_change_token_current: '',
  email_change_sent_at: null,
  last_sign_in_at: subject.updatedAt,
  raw_app_meta_data: appData,
  raw_user_meta_data: userData(subject),
  is_super_admin: null,
  created_at: subject.createdAt,
  updated_at: subject.updatedAt,
  phone: '+15555550142',
  phone_confirmed_at: null,
  phone_change: '',
  phone_change_token: '',
  phone_change_sent_at: null,
  confirmed_at: subject.updatedAt,
  banned_until: null,
  reauthentication_token: 'invented-secret-reauthentication',
  reauthentication_sent_at: null,
  is_sso_user: false,
  deleted_at: null,
  is_anonymous: false,
});

/** The same user as a hook has them. */
const user = (subject: Subject) => ({
  id: subject.who.id,
  aud: 'authenticated',
  role: 'authenticated',
  email: subject.who.email,
  email_confirmed_at: subject.updatedAt,
  phone: '+15555550142',
  confirmed_at: subject.updatedAt,
  app_metadata: appData,
  user_metadata: userData(subject),
  identities: [{ id: 'invented-provider-id', identity_data: { note: 'invented-profile-data' }, provider: 'email' }],
  created_at: subject.createdAt,
  updated_at: subject.updatedAt,
  is_anonymous: false,
});

const ofRow = (type: string, record: object | null, old_record: object | null) => ({
  type,
  table: 'users',
  schema: 'auth',
  record,
  old_record,
});
const UNSET = '0001-01-01T00:00:00Z';

const EVENTS: Readonly<Record<string, (subject: Subject) => object>> = {
  'auth.users.INSERT': (subject) => ofRow('INSERT', row(subject), null),
  'auth.users.UPDATE': (subject) =>
    ofRow('UPDATE', row(subject), { ...row(subject), email: 'former@example.com', updated_at: subject.createdAt }),
  'auth.users.DELETE': (subject) => ofRow('DELETE', null, row(subject)),
  'after-user-created': (subject) => ({ user: user(subject) }),
  'before-user-created': (subject) => ({ user: { ...user(subject), created_at: UNSET, updated_at: UNSET } }),
};

const isHook = (body: Uint8Array): boolean => Buffer.from(body).includes('-user-created"');

const signatureOf = (secret: string, signed: string, body: Uint8Array): string =>
  createHmac('sha256', Buffer.from(secret.replace(/^whsec_/, ''), 'base64'))
    .update(signed)
    .update(body)
    .digest('base64');

const hookHeaders: Sender['headers'] = (body, secret, { now, eventId }) => {
  const id = `invented-try-of-${eventId}`;
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const signature = `v1,${signatureOf(secret.replace(/^v1,/, ''), `${id}.${timestamp}.`, body)}`;
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signature,
  };
};

// Without `v1,` the hook's secret is taken in `Authorization` too, so that one is enough for both channels.
const rowHeaders: Sender['headers'] = (_body, secret) => ({
  'content-type': 'application/json',
  authorization: `Bearer ${secret.replace(/^v1,/, '')}`,
});

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const supabaseSender: Sender = {
  types: ['auth.users.INSERT', 'auth.users.UPDATE', 'auth.users.DELETE', 'after-user-created', 'before-user-created'],
  body: (type, who, { now, eventId }) => {
    const make = Object.hasOwn(EVENTS, type) ? EVENTS[type] : undefined;
    if (make === undefined) throw new RangeError(`supabase cannot send ${type}`);
    const isNew = type.endsWith('INSERT') || type.endsWith('created');
    const subject = {
      who,
      createdAt: new Date(now.getTime() - (isNew ? 0 : DAY)).toISOString(),
      updatedAt: now.toISOString(),
    };
    const metadata = { uuid: eventId, time: now.toISOString(), name: type, ip_address: '203.0.113.24' };
    return JSON.stringify({ ...(type.endsWith('created') && { metadata }), ...make(subject) });
  },
  headers: (body, secret, moment) => (isHook(body) ? hookHeaders : rowHeaders)(body, secret, moment),
  // Of text, so that as a bearer token it looks like no signature.
  secret: (random) => `v1,whsec_${Buffer.from(Buffer.from(random).toString('base64url')).toString('base64')}`,
};

/** Auth hooks alone, which sign whatever they send. */
export const supabaseHookSender: Sender = {
  ...supabaseSender,
  types: ['after-user-created', 'before-user-created'],
  headers: hookHeaders,
};
