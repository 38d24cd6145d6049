import type { Output } from '../../functions/core/log.ts';
import { bindDeliver } from '../../functions/entry/deliver.ts';
import { bindErase } from '../../functions/entry/erase.ts';
import { bindReceive } from '../../functions/entry/receive.ts';
import { bindReceiveCognito } from '../../functions/entry/receive-cognito.ts';
import { bindRefresh } from '../../functions/entry/refresh.ts';
import {
  DELIVER_TIMEOUT_SECONDS,
  ENV,
  ERASE_TIMEOUT_SECONDS,
  REFRESH_TIMEOUT_SECONDS,
  type SourceId,
  webhookPath,
} from '../../functions/manifest.ts';
import { webhookSources } from '../../functions/sources/index.ts';
import type { Stage } from '../stages.ts';
import { ERASE_PATH } from './defaults.ts';
import { createInvoke, type Handler, type Invoke } from './lambda.ts';

export const COGNITO_PATH = '/triggers/cognito';

/** API Gateway gives up on a function after 30 s, Cognito after 5: apigateway/latest/developerguide/http-api-quotas.html */
const GATEWAY_TIMEOUT_MS = 30_000;
const COGNITO_TIMEOUT_MS = 5000;

export interface Functions {
  readonly webhooks: ReadonlyMap<string, Invoke>;
  readonly triggers: ReadonlyMap<string, Invoke>;
  readonly deliver: Invoke;
  readonly erase: Invoke;
  readonly refreshes: readonly { readonly source: SourceId; readonly queueUrl: string; readonly invoke: Invoke }[];
}

export interface FunctionsOptions {
  readonly stage: Stage;
  readonly eventsQueueUrl: string;
  readonly rejectedQueueUrl: string;
  /** By source; a source that is not among them fetches nothing. */
  readonly refreshQueueUrls: Readonly<Record<string, string>>;
  readonly tableName: string;
  readonly userpilotBaseUrl: string;
  readonly output: Output;
}

type QueueFunction = ReturnType<typeof bindDeliver>;
/** The mapping makes SQS events only; the entries are typed by what Lambda hands them. */
const behindQueue = (name: string, entry: QueueFunction, timeoutSeconds: number): Invoke =>
  createInvoke(name, (event, context) => entry(event as Parameters<QueueFunction>[0], context), timeoutSeconds * 1000);

/** Binds `functions/entry` as the deployed Lambdas do, to the settings of a stage. The SDK's own variables must be set before. */
export const bindFunctions = ({ stage, output, ...options }: FunctionsOptions): Functions => {
  const shared = {
    [ENV.eventsQueueUrl]: options.eventsQueueUrl,
    [ENV.rejectedQueueUrl]: options.rejectedQueueUrl,
    [ENV.tableName]: options.tableName,
    [ENV.userpilotSecretId]: 'userpilot',
    [ENV.userpilotBaseUrl]: options.userpilotBaseUrl,
    [ENV.retry]: JSON.stringify(stage.retry),
    [ENV.deletions]: JSON.stringify(stage.deletions),
  };
  const webhooks = new Map<string, Invoke>();
  const refreshes: Functions['refreshes'][number][] = [];
  for (const source of webhookSources) {
    const settings = stage.sources[source.id];
    if (settings === undefined) continue;
    const refreshQueueUrl = options.refreshQueueUrls[source.id];
    const env = {
      ...shared,
      [ENV.source]: JSON.stringify(settings),
      [ENV.signingSecretId]: source.id,
      [ENV.refreshQueueUrl]: refreshQueueUrl,
    };
    const handler: Handler = bindReceive(source, env, output);
    webhooks.set(webhookPath(source.id), createInvoke(`receive-${source.id}`, handler, GATEWAY_TIMEOUT_MS));
    if (refreshQueueUrl === undefined) continue;
    const invoke = behindQueue(`refresh-${source.id}`, bindRefresh(source, env, output), REFRESH_TIMEOUT_SECONDS);
    refreshes.push({ source: source.id, queueUrl: refreshQueueUrl, invoke });
  }
  const triggers = new Map<string, Invoke>();
  if (stage.sources.cognito !== undefined) {
    const handler: Handler = bindReceiveCognito({ ...shared, [ENV.source]: JSON.stringify(stage.sources.cognito) }, output);
    triggers.set(COGNITO_PATH, createInvoke('receive-cognito', handler, COGNITO_TIMEOUT_MS));
  }
  const deliver = behindQueue('deliver', bindDeliver(shared, output), DELIVER_TIMEOUT_SECONDS);
  const erase = createInvoke('erase', bindErase(shared, output), ERASE_TIMEOUT_SECONDS * 1000);
  triggers.set(ERASE_PATH, erase);
  return { webhooks, triggers, deliver, erase, refreshes };
};
