import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

/** Complete, with what must never get through: github.com/zitadel/zitadel, internal/repository/user/human.go */
const human = ({ email, firstName, lastName }: Invented) => ({
  userName: email,
  firstName,
  lastName,
  nickName: 'invented-private-nickname',
  displayName: `${firstName} ${lastName}`,
  preferredLanguage: 'en',
  gender: 1,
  email,
  phone: '+15555550142',
  country: 'Inventedland',
  locality: 'Inventedville',
  postalCode: '00000',
  region: 'Inventedshire',
  streetAddress: 'Invented Street 4',
  secret: { CryptoType: 1, Algorithm: 'bcrypt', KeyID: '', Crypted: 'invented-private-secret' },
  encodedHash: '$2y$invented-private-hash',
  changeRequired: false,
});

const PAYLOADS: Readonly<Record<string, (who: Invented) => object | null>> = {
  'user.human.added': human,
  'user.human.selfregistered': human,
  'user.human.profile.changed': ({ firstName, lastName }) => ({ firstName, displayName: `${firstName} ${lastName}` }),
  'user.human.email.changed': ({ email }) => ({ email }),
  'user.human.email.verified': () => null,
  'user.username.changed': ({ email }) => ({ userName: email }),
  'user.domain.claimed': ({ email }) => ({ userName: email, triggeredAtOrigin: 'https://acme.zitadel.example' }),
  'user.deactivated': () => null,
  'user.reactivated': () => null,
  'user.locked': () => null,
  'user.unlocked': () => null,
  'user.removed': () => null,
  'org.added': ({ companyName }) => ({ name: companyName }),
  'org.changed': ({ companyName }) => ({ name: companyName }),
  'org.removed': () => null,
  'user.machine.added': () => ({ userName: 'invented-machine', name: 'Invented machine' }),
};

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const zitadelSender: Sender = {
  types: [
    'user.human.added',
    'user.human.selfregistered',
    'user.human.profile.changed',
    'user.human.email.changed',
    'user.human.email.verified',
    'user.username.changed',
    'user.domain.claimed',
    'user.deactivated',
    'user.reactivated',
    'user.locked',
    'user.unlocked',
    'user.removed',
    'org.added',
    'org.changed',
    'org.removed',
    'user.machine.added',
  ],
  body: (type, who, { now }) => {
    const payload = Object.hasOwn(PAYLOADS, type) ? PAYLOADS[type] : undefined;
    if (payload === undefined) throw new RangeError(`zitadel cannot send ${type}`);
    const isUser = type.startsWith('user.');
    return JSON.stringify({
      aggregateID: isUser ? who.id : who.companyId,
      aggregateType: isUser ? 'user' : 'org',
      resourceOwner: who.companyId,
      instanceID: 'invented-internal-instance',
      version: 'v2',
      sequence: now.getTime(),
      event_type: type,
      created_at: now.toISOString().replace('Z', '044Z'),
      userID: 'invented-internal-admin',
      event_payload: payload(who),
    });
  },
  headers: (body, secret, { now }) => {
    const seconds = Math.floor(now.getTime() / 1000);
    const signature = createHmac('sha256', secret).update(`${seconds}.`).update(body).digest('hex');
    return { 'content-type': 'application/json', 'zitadel-signature': `t=${seconds},v1=${signature}` };
  },
  secret: (random) => `zitadel-${Buffer.from(random).toString('base64url')}`,
};
