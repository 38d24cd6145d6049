import { Stack } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { FilterPattern, type LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { METRICS } from '../../functions/manifest.ts';
import { RunbookAlarm } from './runbook-alarm.ts';

export interface CountAlarmProps {
  /** A name from METRICS; functions/core/metrics.ts writes it as an array of values. */
  readonly metricName: string;
  /** Counts only these reasons. @default - all */
  readonly codes?: readonly string[];
  readonly logGroups: readonly LogGroup[];
  readonly says: string;
  readonly section: string;
}

/**
 * Goes off when one of our counts appears in the log of a function of this stack.
 * Not on the count itself: its series differ by dimensions, which an alarm must name one by one,
 * and all stages of an account share them.
 */
export class CountAlarm extends Construct {
  constructor(scope: Construct, id: string, { metricName, codes = [], logGroups, says, section }: CountAlarmProps) {
    super(scope, id);
    const metric = new Metric({ namespace: `${METRICS.namespace}/${Stack.of(this).stackName}`, metricName });
    const counted = FilterPattern.numberValue(`$.${metricName}[0]`, '>', 0);
    const reasons = codes.map((code) => FilterPattern.stringValue('$.code', '=', code));
    const filterPattern = reasons.length > 0 ? FilterPattern.all(counted, FilterPattern.any(...reasons)) : counted;
    for (const logGroup of logGroups) {
      logGroup.addMetricFilter(`${metricName}Filter`, {
        filterPattern,
        metricNamespace: metric.namespace,
        metricName,
      });
    }
    new RunbookAlarm(this, 'Alarm', { metric, says, section });
  }
}
