import { join } from 'node:path';
import { CfnOutput, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { METRICS, REFRESH_SOURCES, type SourceId, WEBHOOK_SOURCES, type WebhookSourceId } from '../../functions/manifest.ts';
import { DELIVER_BUNDLE, ERASE_BUNDLE, OVERFLOW_BUNDLE, receiveBundle, refreshBundle, resyncBundle } from '../build.ts';
import { AlarmMail } from '../constructs/alarm-mail.ts';
import type { BundledFunction } from '../constructs/bundled-function.ts';
import { CognitoReceiver } from '../constructs/cognito-receiver.ts';
import { CountAlarm } from '../constructs/count-alarm.ts';
import { Deliverer } from '../constructs/deliverer.ts';
import type { EmptySecret } from '../constructs/empty-secret.ts';
import { Eraser } from '../constructs/eraser.ts';
import { EventQueues } from '../constructs/event-queues.ts';
import { LedgerTable } from '../constructs/ledger-table.ts';
import { Overflower } from '../constructs/overflower.ts';
import { Refresher } from '../constructs/refresher.ts';
import { Resyncer, type ResyncerProps } from '../constructs/resyncer.ts';
import { RunbookAlarm } from '../constructs/runbook-alarm.ts';
import { WebhookApi } from '../constructs/webhook-api.ts';
import { secretForm, WebhookReceiver } from '../constructs/webhook-receiver.ts';
import type { Stage } from '../stages.ts';

export interface WebhooksStackProps extends StackProps {
  readonly stage: Stage;
  /** Folder with one folder per function, made by infra/build.ts. */
  readonly bundles: string;
  /** Sources that can fetch what their events do not carry. @default REFRESH_SOURCES */
  readonly refreshSources?: readonly WebhookSourceId[];
}

const pascalCase = (id: string): string => id.replace(/(^|-)([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase());

/**
 * One deployment: everything, in one stack.
 *
 * Two stacks (state, functions) would be tied by exports, and then a source could not be removed in one
 * deployment: the state stack goes first and may not drop what the other still imports. What two stacks
 * would protect is protected here by deletion protection, retained resources and pinned logical ids.
 */
export class WebhooksStack extends Stack {
  private readonly stage: Stage;
  private readonly bundles: string;
  private readonly queues: EventQueues;
  private readonly ledger: LedgerTable;
  private readonly removalPolicy: RemovalPolicy;

  constructor(scope: Construct, id: string, { stage, bundles, refreshSources = REFRESH_SOURCES, ...props }: WebhooksStackProps) {
    super(scope, id, { ...props, terminationProtection: stage.retain });
    this.stage = stage;
    this.bundles = bundles;
    this.removalPolicy = stage.retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    this.queues = new EventQueues(this, 'Queues', { removalPolicy: this.removalPolicy });
    this.print('EventsQueueUrl', this.queues.events.queueUrl, 'Acknowledged, not yet delivered');
    this.print('DeadLettersQueueUrl', this.queues.deadLetters.queueUrl, 'Given up after days of trying');
    this.print('RejectedQueueUrl', this.queues.rejected.queueUrl, 'Cannot be delivered as they are');
    this.ledger = new LedgerTable(this, 'Ledger', { removalPolicy: this.removalPolicy });
    this.print('TableName', this.ledger.table.tableName, 'What was delivered when, and at which pace');

    const { deliver, secret: userpilotSecret } = this.addDeliver();
    const erase = this.addErase(userpilotSecret);
    const receivers = this.addWebhooks(WEBHOOK_SOURCES.filter((source) => stage.sources[source] !== undefined));
    const refreshes = [...receivers]
      .filter(([source]) => refreshSources.includes(source) && stage.sources[source]?.api !== undefined)
      .map(([source, receiver]) => this.addRefresh(source, receiver));
    const overflows = this.addOverflow(userpilotSecret);
    const resyncs = this.addResyncs(receivers, userpilotSecret);
    new CountAlarm(this, 'SecretUnavailable', {
      metricName: METRICS.secretUnavailable,
      logGroups: [
        deliver,
        erase,
        ...[...receivers.values()].map(({ receiver }) => receiver),
        ...refreshes,
        ...resyncs,
        ...overflows,
      ].map(({ logGroup }) => logGroup),
      says: 'A function cannot read its secret, or finds something else in it than expected.',
      section: 'A secret cannot be read',
    });
    if (stage.sources.cognito !== undefined) this.addCognito(stage.sources.cognito);
    this.sendAlarms();
  }

  private addDeliver(): Deliverer {
    const deliverer = new Deliverer(this, 'Deliver', {
      bundle: join(this.bundles, DELIVER_BUNDLE),
      queues: this.queues,
      ledger: this.ledger,
      userpilot: this.stage.userpilot,
      retry: this.stage.retry,
      deletions: this.stage.deletions,
      logRetention: this.stage.logRetentionDays,
      removalPolicy: this.removalPolicy,
    });
    const { secret } = deliverer;
    this.print('UserpilotSecretArn', secret.arn, 'Server-side API key of the Userpilot environment');
    this.print('UserpilotSecretCommand', secret.putCommand, 'Run it, paste {"apiKey": "..."}, press Ctrl-D');
    return deliverer;
  }

  private addErase(secret: EmptySecret): BundledFunction {
    const { erase } = new Eraser(this, 'Eraser', {
      bundle: join(this.bundles, ERASE_BUNDLE),
      ledger: this.ledger,
      secret,
      userpilot: this.stage.userpilot,
      deletions: this.stage.deletions,
      logRetention: this.stage.logRetentionDays,
      removalPolicy: this.removalPolicy,
    });
    this.print('EraseFunctionName', erase.fn.functionName, 'Passes deletions on; npm run erasures starts it');
    return erase;
  }

  private addWebhooks(sources: readonly WebhookSourceId[]): ReadonlyMap<WebhookSourceId, WebhookReceiver> {
    const receivers = new Map<WebhookSourceId, WebhookReceiver>();
    if (sources.length === 0) return receivers;
    const logRetention = this.stage.logRetentionDays;
    const api = new WebhookApi(this, 'Api', { logRetention, throttle: this.stage.httpThrottle });
    for (const source of sources) {
      const name = pascalCase(source);
      const settings = this.settingsOf(source);
      const webhook = new WebhookReceiver(this, name, {
        source,
        settings,
        bundle: join(this.bundles, receiveBundle(source)),
        queues: this.queues,
        logRetention,
        removalPolicy: this.removalPolicy,
      });
      const { secret, receiver } = webhook;
      this.print(`${name}WebhookUrl`, api.addSource(source, receiver.fn), `Enter it as the endpoint at ${source}`);
      this.print(`${name}SecretArn`, secret.arn, `Secrets of ${source}`);
      this.print(`${name}SecretCommand`, secret.putCommand, `Run it, paste ${secretForm(settings)}, press Ctrl-D`);
      receivers.set(source, webhook);
    }
    const logGroups = [...receivers.values()].map(({ receiver }) => receiver.logGroup);
    new CountAlarm(this, 'SignatureMismatch', {
      metricName: METRICS.refused,
      codes: ['SIGNATURE_MISMATCH', 'NO_SECRET_CONFIGURED', 'KEY_UNKNOWN', 'TOKEN_NOT_FOR_US'],
      logGroups,
      says: 'A webhook was refused because its signature fits no secret or key that we know: one is wrong, or someone forges requests.',
      section: 'Signatures do not match',
    });
    new CountAlarm(this, 'KeysUnavailable', {
      metricName: METRICS.keysUnavailable,
      logGroups,
      says: "A vendor's page of public keys did not answer. Without a key that is known, its webhooks get 503 and are sent again.",
      section: 'Public keys cannot be fetched',
    });
    new CountAlarm(this, 'SignUpNotQueued', {
      metricName: METRICS.lost,
      logGroups,
      says: 'A sign-up that waited for our answer was let through without being queued. The vendor does not send it again.',
      section: 'A sign-up was not queued',
    });
    return receivers;
  }

  private addRefresh(source: WebhookSourceId, webhook: WebhookReceiver): BundledFunction {
    const name = pascalCase(source);
    const { queue, refresh } = new Refresher(this, `${name}Refresh`, {
      source,
      settings: this.settingsOf(source),
      bundle: join(this.bundles, refreshBundle(source)),
      secret: webhook.secret,
      queues: this.queues,
      ledger: this.ledger,
      retry: this.stage.retry,
      logRetention: this.stage.logRetentionDays,
    });
    webhook.sendRefreshesTo(queue);
    this.print(`${name}RefreshQueueUrl`, queue.queueUrl, `Acknowledged, to be fetched from the API of ${source}`);
    return refresh;
  }

  private addResyncs(
    receivers: ReadonlyMap<WebhookSourceId, WebhookReceiver>,
    userpilotSecret: EmptySecret,
  ): readonly BundledFunction[] {
    const { cognito } = this.stage.sources;
    const sources: readonly Pick<ResyncerProps, 'source' | 'secret' | 'userPools'>[] = [
      ...[...receivers].map(([source, { secret }]) => ({ source, secret })),
      ...(cognito === undefined ? [] : [{ source: 'cognito', userPools: cognito.userPools ?? [] } as const]),
    ];
    const resyncs = sources.flatMap(({ source, ...access }) => {
      const settings = this.settingsOf(source);
      if (settings.resync === undefined) return [];
      const name = pascalCase(source);
      const { run: resync, alias } = new Resyncer(this, `${name}Resync`, {
        source,
        settings,
        resync: settings.resync,
        ...access,
        bundle: join(this.bundles, resyncBundle(source)),
        userpilotSecret,
        userpilot: this.stage.userpilot,
        queues: this.queues,
        ledger: this.ledger,
        logRetention: this.stage.logRetentionDays,
      });
      this.print(`${name}ResyncFunctionArn`, alias.functionArn, `Brings all users of ${source} over when it is invoked`);
      return [resync];
    });
    if (resyncs.length === 0) return [];
    new CountAlarm(this, 'ResyncFailed', {
      metricName: METRICS.resyncFailed,
      logGroups: resyncs.map(({ logGroup }) => logGroup),
      says: 'A run that brings all users of a vendor over was given up. Sign-ups arrive all the same.',
      section: 'A resync fails',
    });
    return resyncs;
  }

  private addOverflow(userpilotSecret: EmptySecret): readonly BundledFunction[] {
    const { overflow: settings, userpilot, logRetentionDays: logRetention } = this.stage;
    if (settings === false) return [];
    const bundle = join(this.bundles, OVERFLOW_BUNDLE);
    const { queues, ledger } = this;
    const shared = { bundle, userpilotSecret, userpilot, queues, ledger, logRetention };
    const { run, alias } = new Overflower(this, 'Overflow', { ...shared, settings });
    this.print(
      'OverflowFunctionArn',
      alias.functionArn,
      'Drains a backlog of events in bulk; looks every five minutes by itself',
    );
    return [run];
  }

  private settingsOf(source: SourceId): SourceSettings {
    return this.stage.sources[source] ?? {};
  }

  private addCognito(settings: SourceSettings): void {
    const { receiver } = new CognitoReceiver(this, 'Cognito', {
      settings,
      bundle: join(this.bundles, receiveBundle('cognito')),
      queues: this.queues,
      logRetention: this.stage.logRetentionDays,
    });
    // Not a command line: update-user-pool resets every setting of the pool that it is not given.
    const next =
      'Cognito console: the pool, Extensions, Add Lambda trigger: Post confirmation, and Post authentication for people an admin created';
    this.print('CognitoFunctionArn', receiver.fn.functionArn, next);
  }

  private sendAlarms(): void {
    const { alarmEmail, alarmTopicArn } = this.stage;
    const topics: ITopic[] = [];
    if (alarmEmail !== undefined) topics.push(new AlarmMail(this, 'AlarmMail', { email: alarmEmail }).topic);
    if (alarmTopicArn !== undefined) topics.push(Topic.fromTopicArn(this, 'AlarmTopic', alarmTopicArn));
    const alarms = this.node.findAll().filter((construct) => construct instanceof RunbookAlarm);
    for (const topic of topics) for (const alarm of alarms) alarm.addAlarmAction(new SnsAction(topic));
  }

  private print(id: string, value: string, description: string): void {
    new CfnOutput(this, id, { value, description });
  }
}
