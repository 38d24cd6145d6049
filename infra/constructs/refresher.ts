import { Duration } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { RetrySettings, SourceSettings } from '../../functions/core/settings.ts';
import {
  ENV,
  REFRESH_BATCH_SIZE,
  REFRESH_CONCURRENCY,
  REFRESH_TIMEOUT_SECONDS,
  REFRESH_VISIBILITY_SECONDS,
  type WebhookSourceId,
} from '../../functions/manifest.ts';
import { BundledFunction } from './bundled-function.ts';
import type { EmptySecret } from './empty-secret.ts';
import type { EventQueues } from './event-queues.ts';
import type { LedgerTable } from './ledger-table.ts';
import { RunbookAlarm } from './runbook-alarm.ts';

export interface RefresherProps {
  readonly source: WebhookSourceId;
  readonly settings: SourceSettings;
  readonly bundle: string;
  /** Of the source; holds the credential for the vendor's API. */
  readonly secret: EmptySecret;
  readonly queues: EventQueues;
  /** Its table holds the pace at which the vendor is called. */
  readonly ledger: LedgerTable;
  readonly retry: RetrySettings;
  readonly logRetention: RetentionDays;
}

/**
 * Fetches from one vendor what its events do not carry. A queue and a function of its own, so that a vendor whose API is slow
 * or down holds up no other events.
 */
export class Refresher extends Construct {
  /** Acknowledged, and still to be fetched. In order per subject. */
  readonly queue: Queue;
  readonly refresh: BundledFunction;

  constructor(
    scope: Construct,
    id: string,
    { source, settings, bundle, secret, queues, ledger, retry, logRetention }: RefresherProps,
  ) {
    super(scope, id);
    this.queue = queues.addOrdered(this, 'Queue', REFRESH_VISIBILITY_SECONDS);
    this.refresh = new BundledFunction(this, 'Fetch', {
      bundle,
      description: `Users of ${source} from its API into the events queue`,
      logRetention,
      timeout: Duration.seconds(REFRESH_TIMEOUT_SECONDS),
      // Like deliver: it waits more than it works.
      memoryMb: 512,
      environment: {
        [ENV.source]: JSON.stringify(settings),
        [ENV.signingSecretId]: secret.arn,
        [ENV.eventsQueueUrl]: queues.events.queueUrl,
        [ENV.refreshQueueUrl]: this.queue.queueUrl,
        [ENV.rejectedQueueUrl]: queues.rejected.queueUrl,
        [ENV.tableName]: ledger.table.tableName,
        [ENV.retry]: JSON.stringify(retry),
      },
    });
    const { fn } = this.refresh;
    // As in deliverer.ts, the queue's grant covers the change of visibility.
    fn.addEventSource(
      new SqsEventSource(this.queue, {
        batchSize: REFRESH_BATCH_SIZE,
        reportBatchItemFailures: true,
        maxConcurrency: REFRESH_CONCURRENCY,
      }),
    );
    queues.grantSend(fn);
    ledger.grantUse(fn);
    secret.grantRead(fn);
    new RunbookAlarm(this, 'ErrorsAlarm', {
      metric: fn.metricErrors(),
      says: `The function that fetches users of ${source} crashed or ran out of time. Its messages come back by themselves.`,
      section: 'A refresh function fails',
    });
    new RunbookAlarm(this, 'OldestAlarm', {
      metric: this.queue.metricApproximateAgeOfOldestMessage(),
      statistic: 'Maximum',
      above: Duration.minutes(15).toSeconds(),
      periods: 3,
      says: `A change of a user at ${source} could not be fetched from its API for more than 15 minutes.`,
      section: 'Users wait to be fetched',
    });
  }
}
