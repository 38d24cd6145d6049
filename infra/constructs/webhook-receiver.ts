import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { ENV, type WebhookSourceId } from '../../functions/manifest.ts';
import { BundledFunction } from './bundled-function.ts';
import { EmptySecret } from './empty-secret.ts';
import type { EventQueues } from './event-queues.ts';
import { RunbookAlarm } from './runbook-alarm.ts';

export interface WebhookReceiverProps {
  readonly source: WebhookSourceId;
  readonly settings: SourceSettings;
  readonly bundle: string;
  readonly queues: EventQueues;
  readonly logRetention: RetentionDays;
  readonly removalPolicy: RemovalPolicy;
}

/** What to put into the secret of a source. Several signing secrets while one is rotated; none where public keys do. */
export const secretForm = ({ api, resync }: SourceSettings): string =>
  api === undefined && resync === undefined ? '{"signingSecrets": ["..."]}' : '{"signingSecrets": ["..."], "api": {...}}';

/** One vendor's webhooks: a secret of its own, and two queues that it may only write to. */
export class WebhookReceiver extends Construct {
  readonly secret: EmptySecret;
  readonly receiver: BundledFunction;

  constructor(
    scope: Construct,
    id: string,
    { source, settings, bundle, queues, logRetention, removalPolicy }: WebhookReceiverProps,
  ) {
    super(scope, id);
    this.secret = new EmptySecret(this, 'SigningSecret', {
      description: `Secrets of ${source}, as functions/sources/${source}.md shows them: ${secretForm(settings)}`,
      removalPolicy,
    });
    this.receiver = new BundledFunction(this, 'Receive', {
      bundle,
      description: `Webhooks of ${source} into the events queue`,
      logRetention,
      timeout: Duration.seconds(10),
      // Lambda hands out CPU in proportion to memory, and most sign-ups meet a cold function, whose time is CPU.
      memoryMb: 1024,
      environment: {
        [ENV.source]: JSON.stringify(settings),
        [ENV.signingSecretId]: this.secret.arn,
        [ENV.eventsQueueUrl]: queues.events.queueUrl,
        [ENV.rejectedQueueUrl]: queues.rejected.queueUrl,
      },
    });
    this.secret.grantRead(this.receiver.fn);
    queues.grantSend(this.receiver.fn);
    new RunbookAlarm(this, 'ErrorsAlarm', {
      metric: this.receiver.fn.metricErrors(),
      says: `The function that receives webhooks of ${source} crashed or ran out of time.`,
      section: 'A receive function fails',
    });
  }

  /** Events without a profile go there, to be completed. */
  sendRefreshesTo(queue: Queue): void {
    this.receiver.fn.addEnvironment(ENV.refreshQueueUrl, queue.queueUrl);
    queue.grant(this.receiver.fn, 'sqs:SendMessage');
  }
}
