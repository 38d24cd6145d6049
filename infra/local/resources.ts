import {
  DELIVER_VISIBILITY_SECONDS,
  MAX_RECEIVE_COUNT,
  REFRESH_SOURCES,
  REFRESH_VISIBILITY_SECONDS,
  type SourceId,
  type WebhookSourceId,
} from '../../functions/manifest.ts';
import type { Stage } from '../stages.ts';
import { type QueueSpec, queueArn } from './engines/sqs.ts';

/** The ledger and the limiter share it. */
export const TABLE_NAME = 'userpilot-webhooks';

/** The queues of every stack by the names that they have here; deployed ones have names that CloudFormation makes. */
export const QUEUES = { events: 'events.fifo', deadLetters: 'events-dead.fifo', rejected: 'rejected' } as const;

/** 14 days, the longest that SQS keeps a message. The engine keeps them for longer: it never expires one. */
const kept = { MessageRetentionPeriod: '1209600' };

/** Of events, or of what is to be fetched: in order by entity, and tried for days. */
const ordered = (name: string, visibilitySeconds: number): QueueSpec => ({
  name,
  attributes: {
    ...kept,
    FifoQueue: 'true',
    DeduplicationScope: 'messageGroup',
    FifoThroughputLimit: 'perMessageGroupId',
    VisibilityTimeout: String(visibilitySeconds),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn(QUEUES.deadLetters), maxReceiveCount: MAX_RECEIVE_COUNT }),
  },
});

const THIN: readonly WebhookSourceId[] = REFRESH_SOURCES;
/** Sources of the stage with thin events and an API to complete them from. */
export const refreshedIn = ({ sources }: Stage): readonly WebhookSourceId[] =>
  THIN.filter((id) => sources[id]?.api !== undefined);

export const refreshQueue = (source: SourceId): string => `refresh-${source}.fifo`;

/** As infra/constructs/event-queues.ts has them. */
export const queueSpecs = (refreshed: readonly WebhookSourceId[]): readonly QueueSpec[] => [
  { name: QUEUES.deadLetters, attributes: { ...kept, FifoQueue: 'true' } },
  ordered(QUEUES.events, DELIVER_VISIBILITY_SECONDS),
  ...refreshed.map((source) => ordered(refreshQueue(source), REFRESH_VISIBILITY_SECONDS)),
  { name: QUEUES.rejected, attributes: kept },
];
