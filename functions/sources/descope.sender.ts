import { createHmac } from 'node:crypto';
import type { Invented, Sender } from './sender.ts';

const ofUser = (who: Invented) => ({ userId: who.id, loginIds: [who.email, '+15555550142'], tenants: [who.companyId] });
const ofTenant = (who: Invented) => ({ tenants: [who.companyId] });

const SUBJECTS: Readonly<Record<string, (who: Invented) => object>> = {
  UserCreated: ofUser,
  UserModified: ofUser,
  UserDeleted: ofUser,
  TenantCreated: ofTenant,
  TenantModified: ofTenant,
  TenantDeleted: ofTenant,
  LoginSucceed: ofUser,
};

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const descopeSender: Sender = {
  types: ['UserCreated', 'UserModified', 'UserDeleted', 'TenantCreated', 'TenantModified', 'TenantDeleted', 'LoginSucceed'],
  body: (type, who, { now }) => {
    const subject = Object.hasOwn(SUBJECTS, type) ? SUBJECTS[type] : undefined;
    if (subject === undefined) throw new RangeError(`descope cannot send ${type}`);
    return JSON.stringify([
      {
        action: type,
        occurred: now.getTime(),
        occurred_formatted: now.toISOString(),
        projectId: 'P2inventedproject',
        actorId: who.id,
        ...subject(who),
        device: 'Invented desktop',
        method: 'otp',
        geo: 'Inventedland',
        remoteAddress: '203.0.113.24',
        data: { note: 'invented-internal-note' },
      },
    ]);
  },
  headers: (body, secret) => ({
    'content-type': 'application/json',
    'x-descope-webhook-s256': createHmac('sha256', secret).update(body).digest('base64'),
  }),
  secret: (random) => Buffer.from(random).toString('base64url'),
};
