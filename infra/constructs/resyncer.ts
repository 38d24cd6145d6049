import { Duration, Stack, TimeZone } from 'aws-cdk-lib';
import { Grant } from 'aws-cdk-lib/aws-iam';
import { ScheduleExpression, TimeWindow } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import type { ResyncSettings, SourceSettings } from '../../functions/core/settings.ts';
import { ENV, type SourceId } from '../../functions/manifest.ts';
import type { EmptySecret } from './empty-secret.ts';
import { type BulkRunProps, ScheduledRun } from './scheduled-run.ts';

export interface ResyncerProps extends BulkRunProps {
  readonly source: SourceId;
  readonly settings: SourceSettings;
  /** Those of the settings: when a run is started, and of what. */
  readonly resync: ResyncSettings;
  /** Of the source; holds the credential for the vendor's API. @default - the role of the function is the credential */
  readonly secret?: EmptySecret;
  /** Ids of the Cognito pools whose users may be listed. @default - none */
  readonly userPools?: readonly string[];
}

/** Brings all users of one source over, by a schedule if the settings have one. */
export class Resyncer extends ScheduledRun {
  constructor(scope: Construct, id: string, { source, settings, resync, secret, userPools = [], ...props }: ResyncerProps) {
    super(scope, id, {
      ...props,
      does: `brings all users of ${source} over`,
      environment: {
        [ENV.source]: JSON.stringify(settings),
        ...(secret !== undefined && { [ENV.signingSecretId]: secret.arn }),
      },
      ...(resync.schedule !== undefined && {
        schedule: ScheduleExpression.expression(resync.schedule, TimeZone.of(resync.timeZone ?? 'Etc/UTC')),
      }),
      timeWindow: TimeWindow.flexible(Duration.minutes(15)),
      input: { full: resync.full ?? false },
      startWithin: Duration.hours(6),
      historyDays: 30,
      sections: { failed: 'A resync fails', notStarted: 'A scheduled resync does not start' },
    });
    const { fn } = this.run;
    secret?.grantRead(fn);
    props.queues.events.grant(fn, 'sqs:SendMessage');
    props.ledger.grantCensus(fn);
    const stack = Stack.of(this);
    const resourceArns = userPools.map((pool) =>
      stack.formatArn({ service: 'cognito-idp', resource: 'userpool', resourceName: pool }),
    );
    if (resourceArns.length > 0) Grant.addToPrincipal({ grantee: fn, actions: ['cognito-idp:ListUsers'], resourceArns });
  }
}
