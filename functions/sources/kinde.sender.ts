import type { Invented, Sender } from './sender.ts';
import { privateKeySecret, signToken } from './token.sender.ts';

/** Complete, with the fields that must never get through: github.com/kinde-oss/webhook, lib/types.ts */
const user = (who: Invented) => ({
  user: {
    id: who.id,
    email: who.email,
    first_name: who.firstName,
    last_name: who.lastName,
    username: null,
    phone: '+15555550142',
    is_password_reset_requested: false,
    is_suspended: false,
    organizations: [
      {
        code: who.companyId,
        roles: [{ id: 'role_invented', key: 'owner' }],
        permissions: [{ id: 'perm_invented', key: 'invented-internal-right' }],
      },
    ],
  },
});

const organization = (who: Invented) => ({
  organization: { code: who.companyId, external_id: null, handle: 'invented-company', name: who.companyName },
});

const DATA: Readonly<Record<string, (who: Invented) => object>> = {
  'user.created': user,
  'user.updated': user,
  'user.deleted': ({ id }) => ({ user: { id } }),
  'organization.created': organization,
  'organization.updated': (who) => ({ organization: { ...organization(who).organization, is_allow_registrations: false } }),
  'organization.deleted': ({ companyId }) => ({ organization: { code: companyId } }),
  'user.authenticated': user,
};

/** In Sydney's winter time, with microseconds: the same moment as Kinde may write it. */
const inSydney = (moment: Date): string => new Date(moment.getTime() + 10 * 3_600_000).toISOString().replace('Z', '000+10:00');

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const kindeSender: Sender = {
  types: [
    'user.created',
    'user.updated',
    'user.deleted',
    'organization.created',
    'organization.updated',
    'organization.deleted',
    'user.authenticated',
  ],
  body: (type, who, { now, eventId }) => {
    const data = Object.hasOwn(DATA, type) ? DATA[type] : undefined;
    if (data === undefined) throw new RangeError(`kinde cannot send ${type}`);
    return JSON.stringify({ type, event_id: `event_${eventId}`, source: 'admin', timestamp: inSydney(now), data: data(who) });
  },
  seal: (body, secret) => Buffer.from(signToken(body, secret)),
  headers: (_, __, { eventId }) => ({ 'content-type': 'application/jwt', 'webhook-id': `invented-${eventId}` }),
  secret: privateKeySecret,
};
