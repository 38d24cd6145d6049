import { Duration, type RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { DeduplicationScope, FifoThroughputLimit, Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { DELIVER_VISIBILITY_SECONDS, MAX_RECEIVE_COUNT } from '../../functions/manifest.ts';
import { RunbookAlarm } from './runbook-alarm.ts';

export interface EventQueuesProps {
  readonly removalPolicy: RemovalPolicy;
}

/** Everything acknowledged and not yet delivered: the queue, where it gives up, and what can never be delivered. */
export class EventQueues extends Construct {
  /** In order per user and per company. */
  readonly events: Queue;
  /** Tried MAX_RECEIVE_COUNT times without success. */
  readonly deadLetters: Queue;
  /** Authentic events that cannot be mapped, and calls that Userpilot refuses for good. */
  readonly rejected: Queue;
  private readonly kept: QueueProps;

  constructor(scope: Construct, id: string, { removalPolicy }: EventQueuesProps) {
    super(scope, id);
    // SQS_MANAGED costs no call to KMS, which would stand between a vendor and its acknowledgement.
    // 14 days is the longest that SQS keeps a message.
    this.kept = {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      removalPolicy,
    };

    this.deadLetters = new Queue(this, 'DeadLetters', { ...this.kept, fifo: true });
    this.events = this.addOrdered(this, 'Events', DELIVER_VISIBILITY_SECONDS);
    this.rejected = this.addLast(this, 'Rejected');

    new RunbookAlarm(this, 'DeadLettersAlarm', {
      metric: this.deadLetters.metricApproximateNumberOfMessagesVisible(),
      statistic: 'Maximum',
      says: 'Events were given up after days of trying. They are kept for 14 days.',
      section: 'Dead letters',
    });
    new RunbookAlarm(this, 'RejectedAlarm', {
      metric: this.rejected.metricApproximateNumberOfMessagesVisible(),
      statistic: 'Maximum',
      says: 'Events arrived that cannot become a Userpilot call. They are kept for 14 days.',
      section: 'Rejected events',
    });
    new RunbookAlarm(this, 'OldestEventAlarm', {
      metric: this.events.metricApproximateAgeOfOldestMessage(),
      statistic: 'Maximum',
      above: Duration.minutes(15).toSeconds(),
      periods: 3,
      says: 'An acknowledged event has not reached Userpilot for more than 15 minutes.',
      section: 'Events wait too long',
    });
  }

  /** A queue in order per message group, tried for days: what fails MAX_RECEIVE_COUNT times goes to the dead letters. */
  addOrdered(scope: Construct, id: string, visibilitySeconds: number): Queue {
    return new Queue(scope, id, {
      ...this.kept,
      fifo: true,
      // Together these lift the limit of 300 calls a second: .../SQSDeveloperGuide/high-throughput-fifo.html
      deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
      fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
      visibilityTimeout: Duration.seconds(visibilitySeconds),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVE_COUNT },
    });
  }

  /** A queue in which messages end. */
  addLast(scope: Construct, id: string): Queue {
    const queue = new Queue(scope, id, this.kept);
    Validations.of(queue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'Messages end here and wait for an operator. Nothing consumes the queue, so nothing can fail into a further one.',
    });
    return queue;
  }

  /** Covers SendMessageBatch too. Not grantSendMessages, which adds two actions that the functions do not call. */
  grantSend(grantee: IGrantable): void {
    this.events.grant(grantee, 'sqs:SendMessage');
    this.grantReject(grantee);
  }

  grantReject(grantee: IGrantable): void {
    this.rejected.grant(grantee, 'sqs:SendMessage');
  }
}
