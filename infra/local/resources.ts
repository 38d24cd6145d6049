import { DELIVER_VISIBILITY_SECONDS, MAX_RECEIVE_COUNT } from '../../functions/manifest.ts';
import { type QueueSpec, queueArn } from './engines/sqs.ts';

/** The ledger and the limiter share it. */
export const TABLE_NAME = 'userpilot-webhooks';

/** The three queues by the names that they have here; deployed ones have names that CloudFormation makes. */
export const QUEUES = { events: 'events.fifo', deadLetters: 'events-dead.fifo', rejected: 'rejected' } as const;

/** 14 days, the longest that SQS keeps a message. The engine keeps them for longer: it never expires one. */
const kept = { MessageRetentionPeriod: '1209600' };

/** As infra/constructs/event-queues.ts has them. */
export const queueSpecs: readonly QueueSpec[] = [
  { name: QUEUES.deadLetters, attributes: { ...kept, FifoQueue: 'true' } },
  {
    name: QUEUES.events,
    attributes: {
      ...kept,
      FifoQueue: 'true',
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
      VisibilityTimeout: String(DELIVER_VISIBILITY_SECONDS),
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn(QUEUES.deadLetters), maxReceiveCount: MAX_RECEIVE_COUNT }),
    },
  },
  { name: QUEUES.rejected, attributes: kept },
];
