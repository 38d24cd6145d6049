import { Duration, Stack } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { ENV, METRICS } from '../../functions/manifest.ts';
import { BundledFunction } from './bundled-function.ts';
import { CountAlarm } from './count-alarm.ts';
import type { EventQueues } from './event-queues.ts';
import { RunbookAlarm } from './runbook-alarm.ts';

export interface CognitoReceiverProps {
  readonly settings: SourceSettings;
  readonly bundle: string;
  readonly queues: EventQueues;
  readonly logRetention: RetentionDays;
}

/** The trigger of Cognito user pools. IAM says who may call: the pools of the settings, and what the owner adds by hand. */
export class CognitoReceiver extends Construct {
  readonly receiver: BundledFunction;

  constructor(scope: Construct, id: string, { settings, bundle, queues, logRetention }: CognitoReceiverProps) {
    super(scope, id);
    this.receiver = new BundledFunction(this, 'Receive', {
      bundle,
      description: 'Cognito user pool triggers into the events queue',
      logRetention,
      // Cognito waits five seconds, not adjustable: .../cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
      timeout: Duration.seconds(4),
      // More than the webhooks get: the person who signs up is waiting, also for a cold start.
      memoryMb: 1769,
      environment: {
        [ENV.source]: JSON.stringify(settings),
        [ENV.eventsQueueUrl]: queues.events.queueUrl,
        [ENV.rejectedQueueUrl]: queues.rejected.queueUrl,
      },
    });
    queues.grantSend(this.receiver.fn);
    const stack = Stack.of(this);
    for (const pool of settings.userPools ?? []) {
      this.receiver.fn.addPermission(`Pool-${pool}`, {
        principal: new ServicePrincipal('cognito-idp.amazonaws.com'),
        sourceArn: stack.formatArn({ service: 'cognito-idp', resource: 'userpool', resourceName: pool }),
        sourceAccount: stack.account,
      });
    }
    new RunbookAlarm(this, 'ErrorsAlarm', {
      metric: this.receiver.fn.metricErrors(),
      says: 'The Cognito trigger crashed or ran out of time. People may see an error while they sign up.',
      section: 'A receive function fails',
    });
    new CountAlarm(this, 'NotQueued', {
      metricName: METRICS.lost,
      logGroups: [this.receiver.logGroup],
      says: 'A Cognito sign-up was let through without being queued. Cognito does not send it again.',
      section: 'A sign-up was not queued',
    });
  }
}
