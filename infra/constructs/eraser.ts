import { Duration, type RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Grant, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { DeletionSettings } from '../../functions/core/settings.ts';
import { ENV, ERASE_AT, ERASE_TIMEOUT_SECONDS, METRICS } from '../../functions/manifest.ts';
import { BundledFunction } from './bundled-function.ts';
import { CountAlarm } from './count-alarm.ts';
import type { EmptySecret } from './empty-secret.ts';
import type { LedgerTable } from './ledger-table.ts';
import { RunbookAlarm } from './runbook-alarm.ts';

export interface EraserProps {
  readonly bundle: string;
  readonly ledger: LedgerTable;
  /** Of Userpilot. */
  readonly secret: EmptySecret;
  /** Base URL of Userpilot's API. */
  readonly userpilot: string;
  readonly deletions: DeletionSettings;
  readonly logRetention: RetentionDays;
  readonly removalPolicy: RemovalPolicy;
}

/**
 * Passes deletions on, once a day. It is there in every mode: one that sends nothing still forgets the ids that an earlier
 * setting of the stage noted.
 */
export class Eraser extends Construct {
  readonly erase: BundledFunction;

  constructor(
    scope: Construct,
    id: string,
    { bundle, ledger, secret, userpilot, deletions, logRetention, removalPolicy }: EraserProps,
  ) {
    super(scope, id);
    this.erase = new BundledFunction(this, 'Erase', {
      bundle,
      description: 'Deletions that are due into Userpilot, once a day',
      logRetention,
      timeout: Duration.seconds(ERASE_TIMEOUT_SECONDS),
      memoryMb: 512,
      environment: {
        [ENV.tableName]: ledger.table.tableName,
        [ENV.userpilotSecretId]: secret.arn,
        [ENV.userpilotBaseUrl]: userpilot,
        [ENV.deletions]: JSON.stringify(deletions),
      },
    });
    const { fn, logGroup } = this.erase;
    ledger.grantUse(fn);
    ledger.grantErase(fn);
    secret.grantRead(fn);

    const missed = new Queue(this, 'Missed', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      removalPolicy,
    });
    Validations.of(missed).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'Holds starts of the function that did not happen; it is a dead letter queue itself.',
    });
    const role = new Role(this, 'ScheduleRole', { assumedBy: new ServicePrincipal('scheduler.amazonaws.com') });
    // Not fn.grantInvoke, which adds every version and alias by a wildcard.
    Grant.addToPrincipal({ grantee: role, actions: ['lambda:InvokeFunction'], resourceArns: [fn.functionArn] });
    missed.grant(role, 'sqs:SendMessage');
    const schedule = new CfnSchedule(this, 'Schedule', {
      description: 'Shortly before Userpilot carries out deletions, at 02:00 UTC',
      scheduleExpression: `cron(${ERASE_AT.minute} ${ERASE_AT.hour} * * ? *)`,
      scheduleExpressionTimezone: 'UTC',
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: fn.functionArn,
        roleArn: role.roleArn,
        input: '{}',
        // A start that comes later than this would come too late for the night.
        retryPolicy: { maximumEventAgeInSeconds: 900, maximumRetryAttempts: 10 },
        deadLetterConfig: { arn: missed.queueArn },
      },
    });
    // The scheduler checks at once whether it may do what it shall.
    schedule.node.addDependency(role);

    const fails = {
      says: 'Deletions that are due could not be passed on to Userpilot, or not all of them. They stay due, and the next run tries again.',
      section: 'Deletions are not passed on',
    };
    new RunbookAlarm(this, 'ErrorsAlarm', { metric: fn.metricErrors(), ...fails });
    new RunbookAlarm(this, 'MissedAlarm', {
      metric: missed.metricApproximateNumberOfMessagesVisible(),
      statistic: 'Maximum',
      ...fails,
    });
    new CountAlarm(this, 'MassDeletion', {
      metricName: METRICS.massDeletion,
      logGroups: [logGroup],
      says: 'More deletions are due on one day than the stage lets through. Nothing is sent before a person says so.',
      section: 'A mass deletion waits for you',
    });
  }
}
