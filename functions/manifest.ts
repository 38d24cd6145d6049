/** What the functions and their infrastructure must agree on. Imports nothing, so that `infra/` may read it. */

/** Sources whose vendor posts to `POST /webhooks/{source}`. */
export const WEBHOOK_SOURCES = [
  'auth0',
  'clerk',
  'descope',
  'entra-external-id',
  'firebase',
  'frontegg',
  'fusionauth',
  'hanko',
  'keycloak',
  'kinde',
  'logto',
  'okta',
  'ory',
  'propelauth',
  'standard-webhooks',
  'stripe',
  'stytch',
  'supabase',
  'workos',
  'zitadel',
] as const;
/** Sources that AWS invokes directly. */
export const TRIGGER_SOURCES = ['cognito'] as const;
export const SOURCE_IDS = [...WEBHOOK_SOURCES, ...TRIGGER_SOURCES] as const;
export type WebhookSourceId = (typeof WEBHOOK_SOURCES)[number];
export type SourceId = (typeof SOURCE_IDS)[number];

/** Sources whose events may carry no profile: a function of their own fetches it from the vendor, where the stage names its `api`. */
export const REFRESH_SOURCES = [
  'descope',
  'entra-external-id',
  'firebase',
  'keycloak',
  'okta',
  'ory',
  'propelauth',
  'stripe',
  'zitadel',
] as const satisfies readonly WebhookSourceId[];
export type RefreshSourceId = (typeof REFRESH_SOURCES)[number];

/** Sources whose vendor lists its users: a function of their own brings all of them over, where the stage says `resync`. */
export const RESYNC_SOURCES = [
  'auth0',
  'clerk',
  'cognito',
  'descope',
  'entra-external-id',
  'firebase',
  'frontegg',
  'fusionauth',
  'hanko',
  'keycloak',
  'kinde',
  'logto',
  'okta',
  'ory',
  'propelauth',
  'stripe',
  'stytch',
  'supabase',
  'workos',
  'zitadel',
] as const satisfies readonly SourceId[];

/** The alias that a resync or an overflow is started by: a run goes on with the version that it began with, whatever is deployed meanwhile. */
export const RESYNC_ALIAS = 'live';

export const webhookPath = (source: string): string => `/webhooks/${source}`;

/** Environment variables of the functions. None holds a secret: values are names, addresses and settings. */
export const ENV = {
  source: 'SOURCE_SETTINGS',
  eventsQueueUrl: 'EVENTS_QUEUE_URL',
  rejectedQueueUrl: 'REJECTED_QUEUE_URL',
  tableName: 'TABLE_NAME',
  signingSecretId: 'SIGNING_SECRET_ID',
  refreshQueueUrl: 'REFRESH_QUEUE_URL',
  userpilotSecretId: 'USERPILOT_SECRET_ID',
  userpilotBaseUrl: 'USERPILOT_BASE_URL',
  retry: 'RETRY_SETTINGS',
  deletions: 'DELETION_SETTINGS',
  overflow: 'OVERFLOW_SETTINGS',
} as const;

/** CloudWatch namespace and metric names. Dimensions: `source` where one is known, `code` for reasons. */
export const METRICS = {
  namespace: 'UserpilotWebhooks',
  received: 'EventReceived',
  ignored: 'EventIgnored',
  rejected: 'EventRejected',
  refused: 'RequestRefused',
  delivered: 'CallDelivered',
  superseded: 'EventSuperseded',
  retried: 'EventRetried',
  acknowledgeMs: 'AcknowledgeMilliseconds',
  deliveryMs: 'ReceivedToDeliveredMilliseconds',
  keyRefused: 'ApiKeyRefused',
  breakerOpened: 'BreakerOpened',
  breakerTried: 'BreakerTried',
  breakerClosed: 'BreakerClosed',
  secretUnavailable: 'SecretUnavailable',
  keysUnavailable: 'PublicKeysUnavailable',
  refreshed: 'ProfileFetched',
  resyncListed: 'ResyncUsersListed',
  resyncSent: 'ResyncUsersSent',
  resyncFailed: 'ResyncFailed',
  /** Dimension `code`: how they ended. */
  erasures: 'DeletionConcluded',
  massDeletion: 'MassDeletionHeld',
  /** By a bulk job instead of one by one, because too many waited. */
  overflowSent: 'OverflowUsersSent',
  overflowFailed: 'OverflowFailed',
  /** A sign-up that could not be queued within the time that the vendor gives, while the person waits. */
  lost: 'SignUpNotQueued',
} as const;

/** Seconds. A batch window of the deliver function; SQS visibility is six times as long, as AWS asks. */
export const DELIVER_TIMEOUT_SECONDS = 60;
export const DELIVER_VISIBILITY_SECONDS = 6 * DELIVER_TIMEOUT_SECONDS;
/** Workers that may deliver at the same time: SQS maximum concurrency, not reserved concurrency. */
export const DELIVER_CONCURRENCY = 2;
export const DELIVER_BATCH_SIZE = 10;
/** The same for the functions that fetch from a vendor: one worker would wait out the slowest answer of its batch. */
export const REFRESH_TIMEOUT_SECONDS = 60;
export const REFRESH_VISIBILITY_SECONDS = 6 * REFRESH_TIMEOUT_SECONDS;
export const REFRESH_CONCURRENCY = 2;
export const REFRESH_BATCH_SIZE = 10;
/** With a back-off of 30 s doubling to 30 min this is more than 72 h of trying. */
export const MAX_RECEIVE_COUNT = 200;
/** UTC: half an hour before Userpilot carries out what it was told to delete. */
export const ERASE_AT = { hour: 1, minute: 30 } as const;
export const ERASE_TIMEOUT_SECONDS = 900;
/** The partition key of the one table; the sort key does not exist. */
export const TABLE_KEY = 'pk';
/** The attribute that DynamoDB's time to live looks at: epoch seconds. */
export const TABLE_TTL = 'expiresAt';
/** The index of erasures that are to be sent: all under one key, by their day. Items without the two attributes are not in it. */
export const DUE_INDEX = { name: 'due', key: 'pending', sort: 'due' } as const;
