import type { Invented, Sender } from './sender.ts';

const CHANGES: Readonly<Record<string, readonly [resource: string, changeType: string]>> = {
  'users.updated': ['Users', 'updated'],
  'users.created': ['Users', 'created'],
  'users.deleted': ['Users', 'deleted'],
  'groups.updated': ['Groups', 'updated'],
};

/** Stands where a subscription's secret goes, until `seal` puts it in. */
const UNSEALED = 'the secret of the subscription';

const item = ([resource, changeType]: readonly [string, string], { id }: Invented, subscriptionId: string) => ({
  subscriptionId,
  subscriptionExpirationDateTime: '2027-01-15T00:00:00.0000000-08:00',
  clientState: UNSEALED,
  changeType,
  resource: `${resource}/${id}`,
  tenantId: '00000000-1111-4222-8333-invented0000',
  resourceData: {
    '@odata.type': `#Microsoft.Graph.${resource.slice(0, -1)}`,
    '@odata.id': `${resource}/${id}`,
    id,
    organizationId: '00000000-1111-4222-8333-invented0000',
    sequenceNumber: 638994852000000,
  },
});

/**
 * Change notifications of Microsoft Graph; a sign-up comes as an update. Authentication extensions, whose token Entra's service
 * signs, are not among them: entra-external-id.test.ts has those.
 */
export const entraExternalIdSender: Sender = {
  types: ['users.updated', 'users.created', 'users.deleted', 'groups.updated'],
  body: (type, who, { eventId }) => {
    const change = Object.hasOwn(CHANGES, type) ? CHANGES[type] : undefined;
    if (change === undefined) throw new RangeError(`entra-external-id cannot send ${type}`);
    return JSON.stringify({ value: [item(change, who, `subscription-${eventId}`)] });
  },
  // Wherever that text stands: the rest of the bytes stays as it is, whether or not they are JSON.
  seal: (body, secret) =>
    Buffer.from(Buffer.from(body).toString('latin1').replaceAll(JSON.stringify(UNSEALED), JSON.stringify(secret)), 'latin1'),
  headers: () => ({ 'content-type': 'application/json' }),
  secret: (random) => Buffer.from(random).toString('base64url'),
};
