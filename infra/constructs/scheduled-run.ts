import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Grant, Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Alias, CfnFunction } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Schedule, type ScheduleExpression, ScheduleTargetInput, type TimeWindow } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import { ENV, RESYNC_ALIAS } from '../../functions/manifest.ts';
import { BundledFunction } from './bundled-function.ts';
import type { EmptySecret } from './empty-secret.ts';
import type { EventQueues } from './event-queues.ts';
import type { LedgerTable } from './ledger-table.ts';
import { RunbookAlarm } from './runbook-alarm.ts';

/** What every run that fills bulk jobs works with. */
export interface BulkRunProps {
  readonly bundle: string;
  readonly userpilotSecret: EmptySecret;
  /** Base URL of Userpilot's API. */
  readonly userpilot: string;
  readonly queues: EventQueues;
  readonly ledger: LedgerTable;
  readonly logRetention: RetentionDays;
}

export interface ScheduledRunProps extends BulkRunProps {
  /** What a run does, as a predicate: "brings all users of clerk over". */
  readonly does: string;
  /** Of the function, besides what every run needs. */
  readonly environment: Readonly<Record<string, string>>;
  /** @default - nothing starts a run but a person */
  readonly schedule?: ScheduleExpression;
  readonly timeWindow: TimeWindow;
  /** What a run is started with. */
  readonly input: Readonly<Record<string, unknown>>;
  /** How long a start is tried; soon the next one is due. */
  readonly startWithin: Duration;
  /** How long what a run did can be read. */
  readonly historyDays: number;
  /** Headings in infra/RUNBOOK.md. */
  readonly sections: { readonly failed: string; readonly notStarted: string };
}

/** A million users take 14 hours at Userpilot's pace: test/simulator/resync.test.ts. Successors count into it. */
const EXECUTION_DAYS = 7;
/** Of the start, not of the run: scheduler/latest/APIReference/API_RetryPolicy.html */
const MOST_START_RETRIES = 185;

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/** A durable function that fills bulk jobs, and the schedule that starts it, if there is one. */
export class ScheduledRun extends Construct {
  readonly run: BundledFunction;
  /** What starts a run. */
  readonly alias: Alias;

  constructor(scope: Construct, id: string, props: ScheduledRunProps) {
    super(scope, id);
    const { bundle, does, environment, userpilotSecret, userpilot, queues, ledger, logRetention, historyDays, sections } = props;
    this.run = new BundledFunction(this, 'Run', {
      bundle,
      description: sentence(does),
      logRetention,
      timeout: Duration.minutes(15),
      // 10,000 users and the 40 MB of a bulk job at once.
      memoryMb: 1024,
      environment: {
        ...environment,
        [ENV.userpilotSecretId]: userpilotSecret.arn,
        [ENV.userpilotBaseUrl]: userpilot,
        [ENV.eventsQueueUrl]: queues.events.queueUrl,
        [ENV.tableName]: ledger.table.tableName,
      },
      durableConfig: { executionTimeout: Duration.days(EXECUTION_DAYS), retentionPeriod: Duration.days(historyDays) },
      // A run goes on with the version that it began with, which must still be there after a deployment.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
    });
    const { fn } = this.run;
    this.alias = fn.addAlias(RESYNC_ALIAS);
    userpilotSecret.grantRead(fn);
    ledger.grantCompare(fn);
    this.grantOwnExecutions();
    if (props.schedule !== undefined) this.startBy(props.schedule, props);
    new RunbookAlarm(this, 'ErrorsAlarm', {
      metric: fn.metricErrors(),
      says: `The function that ${does} crashed or ran out of time. The run goes on from its last step.`,
      section: sections.failed,
    });
    new RunbookAlarm(this, 'TimedOutAlarm', {
      metric: fn.metric('DurableExecutionTimedOut'),
      says: `A run that ${does} was not done after ${EXECUTION_DAYS} days, and was stopped.`,
      section: sections.failed,
    });
  }

  /** Not in the policy of the role, which the function waits for: these name the function. */
  private grantOwnExecutions(): void {
    const { fn } = this.run;
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

  private startBy(
    schedule: ScheduleExpression,
    { does, queues, timeWindow, input, startWithin, sections }: ScheduledRunProps,
  ): void {
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
      input: ScheduleTargetInput.fromObject(input),
      retryPolicy: { maximumRetryAttempts: MOST_START_RETRIES, maximumEventAgeInSeconds: startWithin.toSeconds() },
      deadLetterConfig: { arn: notStarted.queueArn },
    };
    new Schedule(this, 'Schedule', {
      description: sentence(does),
      schedule,
      timeWindow,
      target: { bind: () => target },
    });
    new RunbookAlarm(this, 'NotStartedAlarm', {
      metric: notStarted.metricApproximateNumberOfMessagesVisible(),
      statistic: 'Maximum',
      says: `The schedule could not start the run that ${does}.`,
      section: sections.notStarted,
    });
  }
}
