import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';

export interface RunbookAlarmProps {
  readonly metric: Metric;
  /** @default 'Sum' */
  readonly statistic?: 'Sum' | 'Maximum';
  /** The alarm goes off above it. @default 0 */
  readonly above?: number;
  /** Periods of five minutes in a row. @default 1 */
  readonly periods?: number;
  /** What happened, for whoever is woken. */
  readonly says: string;
  /** Heading in infra/RUNBOOK.md. */
  readonly section: string;
}

/** GitHub's anchor of a heading. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');

/** An alarm that says in words what happened and where the way out is written. */
export class RunbookAlarm extends Alarm {
  constructor(
    scope: Construct,
    id: string,
    { metric, statistic = 'Sum', above = 0, periods = 1, says, section }: RunbookAlarmProps,
  ) {
    super(scope, id, {
      metric: metric.with({ statistic, period: Duration.minutes(5) }),
      threshold: above,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods,
      // Sign-ups are sparse: an hour without any is an hour without data, not a failure.
      treatMissingData: TreatMissingData.NOT_BREACHING,
      alarmDescription: `${says} What to do: infra/RUNBOOK.md#${anchorOf(section)}`,
    });
  }
}
