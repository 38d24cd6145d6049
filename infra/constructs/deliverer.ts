import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { DeletionSettings, RetrySettings } from '../../functions/core/settings.ts';
import { DELIVER_BATCH_SIZE, DELIVER_CONCURRENCY, DELIVER_TIMEOUT_SECONDS, ENV, METRICS } from '../../functions/manifest.ts';
import { BundledFunction } from './bundled-function.ts';
import { CountAlarm } from './count-alarm.ts';
import { EmptySecret } from './empty-secret.ts';
import type { EventQueues } from './event-queues.ts';
import type { LedgerTable } from './ledger-table.ts';
import { RunbookAlarm } from './runbook-alarm.ts';

export interface DelivererProps {
  readonly bundle: string;
  readonly queues: EventQueues;
  readonly ledger: LedgerTable;
  /** Base URL of Userpilot's API. */
  readonly userpilot: string;
  readonly retry: RetrySettings;
  readonly deletions: DeletionSettings;
  readonly logRetention: RetentionDays;
  readonly removalPolicy: RemovalPolicy;
}

/** The function that brings events to Userpilot, and the secret with Userpilot's key. */
export class Deliverer extends Construct {
  readonly secret: EmptySecret;
  readonly deliver: BundledFunction;

  constructor(
    scope: Construct,
    id: string,
    { bundle, queues, ledger, userpilot, retry, deletions, logRetention, removalPolicy }: DelivererProps,
  ) {
    super(scope, id);
    this.secret = new EmptySecret(this, 'UserpilotSecret', {
      description: 'Server-side API key of the Userpilot environment: {"apiKey": "..."}',
      removalPolicy,
    });
    this.deliver = new BundledFunction(this, 'Deliver', {
      bundle,
      description: 'Events queue into Userpilot',
      logRetention,
      timeout: Duration.seconds(DELIVER_TIMEOUT_SECONDS),
      // It waits more than it works (for permits, for an outage to end), and nobody waits for it: memory is the bill.
      memoryMb: 512,
      environment: {
        [ENV.eventsQueueUrl]: queues.events.queueUrl,
        [ENV.rejectedQueueUrl]: queues.rejected.queueUrl,
        [ENV.tableName]: ledger.table.tableName,
        [ENV.userpilotSecretId]: this.secret.arn,
        [ENV.userpilotBaseUrl]: userpilot,
        [ENV.retry]: JSON.stringify(retry),
        [ENV.deletions]: JSON.stringify(deletions),
      },
    });
    const { fn, logGroup } = this.deliver;
    // Maximum concurrency, not reserved: a throttled poll raises the receive count of messages that nobody tried.
    // No filter: Lambda deletes what a filter does not match. The queue's grant covers the change of visibility.
    fn.addEventSource(
      new SqsEventSource(queues.events, {
        batchSize: DELIVER_BATCH_SIZE,
        reportBatchItemFailures: true,
        maxConcurrency: DELIVER_CONCURRENCY,
      }),
    );
    queues.grantReject(fn);
    ledger.grantUse(fn);
    this.secret.grantRead(fn);
    new RunbookAlarm(this, 'ErrorsAlarm', {
      metric: fn.metricErrors(),
      says: 'The function that calls Userpilot crashed or ran out of time. Its events come back by themselves.',
      section: 'The deliver function fails',
    });
    new CountAlarm(this, 'BreakerOpened', {
      metricName: METRICS.breakerOpened,
      logGroups: [logGroup],
      says: 'Userpilot failed again and again and is called only now and then until it answers. Events wait, for up to 14 days.',
      section: 'Delivery is paused',
    });
    new CountAlarm(this, 'KeyRefused', {
      metricName: METRICS.keyRefused,
      logGroups: [logGroup],
      says: 'Userpilot refuses the API key. Events wait, for up to 14 days.',
      section: 'Userpilot refuses the API key',
    });
  }
}
