import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const member = ({ id, companyId }: Invented) => ({ user_id: id, org_id: companyId });

/** Complete, with the field that must never get through: docs.propelauth.com/sso-and-integrations/webhooks */
const EVENTS: Readonly<Record<string, (who: Invented) => object>> = {
  'user.created': (who) => ({
    user_id: who.id,
    email: who.email,
    email_confirmed: true,
    first_name: who.firstName,
    last_name: who.lastName,
    username: null,
    picture_url: 'https://images.example.com/invented.png',
  }),
  'user.updated': ({ id }) => ({ user_id: id }),
  'user.enabled': ({ id }) => ({ user_id: id }),
  'user.disabled': ({ id }) => ({ user_id: id }),
  'user.locked': ({ id }) => ({ user_id: id }),
  'user.deleted': ({ id }) => ({ user_id: id }),
  'user.added_to_org': (who) => ({ ...member(who), role: 'Member' }),
  'user.role_changed_within_org': (who) => ({ ...member(who), new_role: 'Admin' }),
  'user.removed_from_org': ({ id, companyId }) => ({ removed_user_id: id, org_id: companyId }),
  'org.created': ({ companyId, companyName }) => ({ org_id: companyId, name: companyName }),
  'org.updated': ({ companyId }) => ({ org_id: companyId }),
  'org.deleted': ({ companyId }) => ({ org_id: companyId }),
  'user.login': ({ id, companyId }) => ({ user_id: id, active_org_id: companyId }),
};

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const propelauthSender: Sender = {
  types: ['user.created', ...Object.keys(EVENTS).slice(1)],
  body: (type, who) => {
    const event = Object.hasOwn(EVENTS, type) ? EVENTS[type] : undefined;
    if (event === undefined) throw new RangeError(`propelauth cannot send ${type}`);
    return JSON.stringify({ event_type: type, ...event(who) });
  },
  headers: (body, secret, { now, eventId }) => {
    const id = `msg_${eventId}`;
    const timestamp = String(Math.floor(now.getTime() / 1000));
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
    return {
      'content-type': 'application/json',
      'user-agent': 'Svix-Webhooks/1.0',
      'svix-id': id,
      'svix-timestamp': timestamp,
      'svix-signature': `v1,${signature}`,
    };
  },
  secret: (random) => `whsec_${Buffer.from(random).toString('base64')}`,
};
