import { Duration, RemovalPolicy, Stack, TimeZone, Validations } from 'aws-cdk-lib';
import { Grant, Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Alias, CfnFunction } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Schedule, ScheduleExpression, ScheduleTargetInput, TimeWindow } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { ResyncSettings, SourceSettings } from '../../functions/core/settings.ts';
import { ENV, RESYNC_ALIAS, type WebhookSourceId } from '../../functions/manifest.ts';
import { BundledFunction } from './bundled-function.ts';
import type { EmptySecret } from './empty-secret.ts';
import type { EventQueues } from './event-queues.ts';
import type { LedgerTable } from './ledger-table.ts';
import { RunbookAlarm } from './runbook-alarm.ts';

export interface ResyncerProps {
  readonly source: WebhookSourceId;
  readonly settings: SourceSettings;
  /** Those of the settings: when a run is started, and of what. */
  readonly schedule: ResyncSettings;
  readonly bundle: string;
  /** Of the source; holds the credential for the vendor's API. */
  readonly secret: EmptySecret;
  readonly userpilotSecret: EmptySecret;
  /** Base URL of Userpilot's API. */
  readonly userpilot: string;
  readonly queues: EventQueues;
  readonly ledger: LedgerTable;
  readonly logRetention: RetentionDays;
}

/** A million users take 14 hours at Userpilot's pace. A run waits for its successor, so all of its parts count. */
const EXECUTION_DAYS = 7;
/** How long what a run did can be read. */
const HISTORY_DAYS = 30;
/** Of the start, not of the run. Scheduler takes up to 185 tries in 24 hours; much later the next one is due. */
const START_RETRIES = { maximumRetryAttempts: 185, maximumEventAgeInSeconds: Duration.hours(6).toSeconds() };

/** Brings all users of one source over, by a schedule. */
export class Resyncer extends Construct {
  readonly resync: BundledFunction;
  /** What starts a run. */
  readonly alias: Alias;

  constructor(scope: Construct, id: string, props: ResyncerProps) {
    super(scope, id);
    const { source, settings, bundle, secret, userpilotSecret, userpilot, queues, ledger, logRetention } = props;
    this.resync = new BundledFunction(this, 'Run', {
      bundle,
      description: `All users of ${source} into Userpilot`,
      logRetention,
      timeout: Duration.minutes(15),
      // 10,000 users and the 40 MB of a bulk job at once.
      memoryMb: 1024,
      environment: {
        [ENV.source]: JSON.stringify(settings),
        [ENV.signingSecretId]: secret.arn,
        [ENV.userpilotSecretId]: userpilotSecret.arn,
        [ENV.userpilotBaseUrl]: userpilot,
        [ENV.eventsQueueUrl]: queues.events.queueUrl,
        [ENV.tableName]: ledger.table.tableName,
      },
      durableConfig: { executionTimeout: Duration.days(EXECUTION_DAYS), retentionPeriod: Duration.days(HISTORY_DAYS) },
      // A run goes on with the version that it began with, which must still be there after a deployment.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
    });
    const { fn } = this.resync;
    this.alias = fn.addAlias(RESYNC_ALIAS);
    secret.grantRead(fn);
    userpilotSecret.grantRead(fn);
    ledger.grantCompare(fn);
    queues.events.grant(fn, 'sqs:SendMessage');
    this.grantOwnExecutions();
    this.startBy(props);
    new RunbookAlarm(this, 'ErrorsAlarm', {
      metric: fn.metricErrors(),
      says: `The function that brings all users of ${source} over crashed or ran out of time. The run goes on from its last step.`,
      section: 'A resync fails',
    });
    new RunbookAlarm(this, 'TimedOutAlarm', {
      metric: fn.metric('DurableExecutionTimedOut'),
      says: `A run that brings all users of ${source} over was not done after ${EXECUTION_DAYS} days, and was stopped.`,
      section: 'A resync fails',
    });
  }

  /** Not in the policy of the role, which the function waits for: these name the function. */
  private grantOwnExecutions(): void {
    const { fn } = this.resync;
    const policy = new Policy(this, 'OwnExecutions', {
      statements: [
        // An execution is a part of a version: lambda/latest/dg/durable-security.html
        new PolicyStatement({
          actions: ['lambda:CheckpointDurableExecution', 'lambda:GetDurableExecutionState'],
          resources: [`${fn.functionArn}:*`],
        }),
        new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [this.alias.functionArn] }),
      ],
    });
    const logicalId = Stack.of(this).getLogicalId(fn.node.defaultChild as CfnFunction); // the library makes one of it
    Validations.of(policy).acknowledge({
      id: `AwsSolutions-IAM5[Resource::<${logicalId}.Arn>:*]`,
      reason: 'A run writes its steps down under the version that it began with: the wildcard is the version of this function.',
    });
    fn.role?.attachInlinePolicy(policy);
  }

  private startBy({ source, queues, schedule: { schedule, timeZone = 'Etc/UTC', full = false } }: ResyncerProps): void {
    const notStarted = queues.addLast(this, 'NotStarted');
    // Not the library's own target for functions, which may call every version as well.
    const role = new Role(this, 'SchedulerRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    Grant.addToPrincipal({ grantee: role, actions: ['lambda:InvokeFunction'], resourceArns: [this.alias.functionArn] });
    notStarted.grant(role, 'sqs:SendMessage');
    const target = {
      arn: this.alias.functionArn,
      role,
      input: ScheduleTargetInput.fromObject({ full }),
      retryPolicy: START_RETRIES,
      deadLetterConfig: { arn: notStarted.queueArn },
    };
    new Schedule(this, 'Schedule', {
      description: `Brings all users of ${source} over`,
      schedule: ScheduleExpression.expression(schedule, TimeZone.of(timeZone)),
      timeWindow: TimeWindow.flexible(Duration.minutes(15)),
      target: { bind: () => target },
    });
    new RunbookAlarm(this, 'NotStartedAlarm', {
      metric: notStarted.metricApproximateNumberOfMessagesVisible(),
      statistic: 'Maximum',
      says: `The schedule could not start the run that brings all users of ${source} over.`,
      section: 'A scheduled resync does not start',
    });
  }
}
