import { Duration } from 'aws-cdk-lib';
import { ScheduleExpression, TimeWindow } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import type { OverflowSettings } from '../../functions/core/settings.ts';
import { ENV, METRICS } from '../../functions/manifest.ts';
import { CountAlarm } from './count-alarm.ts';
import { type BulkRunProps, ScheduledRun } from './scheduled-run.ts';

export interface OverflowerProps extends BulkRunProps {
  readonly settings: OverflowSettings;
}

/** Single calls drain some 2,700 events in that time. */
const EVERY = Duration.minutes(5);

/** Drains a backlog through Userpilot's bulk endpoint. It may take messages and put them off, never delete or send one. */
export class Overflower extends ScheduledRun {
  constructor(scope: Construct, id: string, { settings, ...props }: OverflowerProps) {
    super(scope, id, {
      ...props,
      does: 'drains a backlog of events in bulk',
      environment: { [ENV.overflow]: JSON.stringify(settings) },
      schedule: ScheduleExpression.rate(EVERY),
      timeWindow: TimeWindow.off(),
      input: {},
      startWithin: EVERY,
      // A look every five minutes leaves a short history of its own.
      historyDays: 1,
      sections: { failed: 'The overflow fails', notStarted: 'The overflow fails' },
    });
    const { fn, logGroup } = this.run;
    props.queues.events.grant(fn, 'sqs:ReceiveMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes');
    new CountAlarm(this, 'Failed', {
      metricName: METRICS.overflowFailed,
      logGroups: [logGroup],
      says: 'A bulk job that was to drain a backlog failed. Its events are sent one by one.',
      section: 'The overflow fails',
    });
  }
}
