import { Duration, TimeZone } from 'aws-cdk-lib';
import { ScheduleExpression, TimeWindow } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import type { ResyncSettings, SourceSettings } from '../../functions/core/settings.ts';
import { ENV, type WebhookSourceId } from '../../functions/manifest.ts';
import type { EmptySecret } from './empty-secret.ts';
import { type BulkRunProps, ScheduledRun } from './scheduled-run.ts';

export interface ResyncerProps extends BulkRunProps {
  readonly source: WebhookSourceId;
  readonly settings: SourceSettings;
  /** Those of the settings: when a run is started, and of what. */
  readonly schedule: ResyncSettings;
  /** Of the source; holds the credential for the vendor's API. */
  readonly secret: EmptySecret;
}

/** Brings all users of one source over, by a schedule. */
export class Resyncer extends ScheduledRun {
  constructor(scope: Construct, id: string, { source, settings, schedule, secret, ...props }: ResyncerProps) {
    super(scope, id, {
      ...props,
      does: `brings all users of ${source} over`,
      environment: { [ENV.source]: JSON.stringify(settings), [ENV.signingSecretId]: secret.arn },
      schedule: ScheduleExpression.expression(schedule.schedule, TimeZone.of(schedule.timeZone ?? 'Etc/UTC')),
      timeWindow: TimeWindow.flexible(Duration.minutes(15)),
      input: { full: schedule.full ?? false },
      startWithin: Duration.hours(6),
      historyDays: 30,
      sections: { failed: 'A resync fails', notStarted: 'A scheduled resync does not start' },
    });
    secret.grantRead(this.run.fn);
    props.queues.events.grant(this.run.fn, 'sqs:SendMessage');
  }
}
