import type { Invented, Moment, Sender } from './sender.ts';

const user = ({ id, email, firstName, lastName }: Invented) => ({
  id,
  type: 'User',
  alternateId: email,
  displayName: `${firstName} ${lastName}`,
  detailEntry: null,
});

/** What a user event says before it names the user, in the words of the system log. */
const TYPES = {
  'user.lifecycle.create': 'Create okta user',
  'user.account.update_profile': 'Update user profile for Okta',
  'user.lifecycle.activate': 'Activate Okta user',
  'user.lifecycle.reactivate': 'Reactivate Okta user',
  'user.lifecycle.suspend': 'Suspend Okta user',
  'user.lifecycle.unsuspend': 'Unsuspend Okta user',
  'user.lifecycle.deactivate': 'Deactivate Okta user',
  'user.lifecycle.delete.initiated': 'Delete Okta user initiated',
  'group.user_membership.add': 'Add user to group membership',
} as const;
const isType = (type: string): type is keyof typeof TYPES => Object.hasOwn(TYPES, type);

/** Complete, with the parts that must never get through: developer.okta.com/docs/reference/api/system-log */
const logEvent = (type: keyof typeof TYPES, who: Invented, { now, eventId }: Moment) => ({
  uuid: eventId,
  published: now.toISOString(),
  eventType: type,
  version: '0',
  displayMessage: TYPES[type],
  severity: 'INFO',
  client: {
    userAgent: { rawUserAgent: 'Invented/1.0', os: 'Linux', browser: 'FIREFOX' },
    zone: 'null',
    device: 'Computer',
    id: null,
    ipAddress: '203.0.113.24',
    geographicalContext: { city: 'Inventedville', country: 'Inventedland', postalCode: '00000' },
  },
  actor: {
    id: '00uInventedAdmin0001',
    type: 'User',
    alternateId: 'invented.admin@example.com',
    displayName: 'Invented Admin',
    detailEntry: null,
  },
  outcome: { result: 'SUCCESS', reason: null },
  target: [
    ...(type === 'group.user_membership.add'
      ? [
          {
            id: '00gInventedGroup0001',
            type: 'UserGroup',
            alternateId: 'unknown',
            displayName: who.companyName,
            detailEntry: null,
          },
        ]
      : []),
    user(who),
  ],
  transaction: { type: 'WEB', id: 'invented-internal-transaction', detail: {} },
  debugContext: { debugData: { requestUri: '/api/v1/users', dtHash: 'invented-internal-hash' } },
  legacyEventType: 'invented-internal.legacy',
  authenticationContext: { authenticationStep: 0, externalSessionId: 'invented-private-session' },
  securityContext: { asNumber: null, asOrg: null, isp: null, domain: null, isProxy: null },
  request: { ipChain: [{ ip: '203.0.113.24', geographicalContext: null, version: 'V4', source: null }] },
});

/** Ids are the person's own, so that every source names the same user at Userpilot. */
export const oktaSender: Sender = {
  types: [
    'user.lifecycle.create',
    'user.account.update_profile',
    'user.lifecycle.activate',
    'user.lifecycle.reactivate',
    'user.lifecycle.suspend',
    'user.lifecycle.unsuspend',
    'user.lifecycle.deactivate',
    'user.lifecycle.delete.initiated',
    'group.user_membership.add',
  ],
  body: (type, who, moment) => {
    if (!isType(type)) throw new RangeError(`okta cannot send ${type}`);
    return JSON.stringify({
      eventType: 'com.okta.event_hook',
      eventTypeVersion: '1.0',
      cloudEventsVersion: '0.1',
      source: 'https://acme.okta.example/api/v1/eventHooks/whoInvented0001',
      eventId: `hook-${moment.eventId}`,
      data: { events: [logEvent(type, who, moment)] },
      eventTime: moment.now.toISOString(),
      contentType: 'application/json',
    });
  },
  headers: (_body, secret) => ({
    'content-type': 'application/json',
    accept: 'application/json',
    authorization: secret,
  }),
  secret: (random) => Buffer.from(random).toString('base64url'),
};
