import { SQSClient } from '@aws-sdk/client-sqs';
import { CLIENT_DEFAULTS } from '../aws/clients.ts';
import { createEventQueue, createRejectedQueue } from '../aws/queue.ts';
import { createLog, type Output } from '../core/log.ts';
import { createMetrics } from '../core/metrics.ts';
import { SourceSettings } from '../core/settings.ts';
import { createReceiveCognito } from '../handlers/receive-cognito.ts';
import { ENV, METRICS } from '../manifest.ts';
import { cognito } from '../sources/cognito.ts';
import { type Env, required, settingsIn, standardOutput } from './environment.ts';

/** The function that Cognito user pools invoke after a confirmed sign-up and after each sign-in. */
export const bindReceiveCognito = (env: Env, output: Output = standardOutput) => {
  const now = () => new Date();
  const sqs = new SQSClient(CLIENT_DEFAULTS);
  return createReceiveCognito({
    source: cognito,
    settings: settingsIn(env, ENV.source, SourceSettings),
    queue: createEventQueue(sqs, required(env, ENV.eventsQueueUrl)),
    rejected: createRejectedQueue(sqs, required(env, ENV.rejectedQueueUrl)),
    log: createLog(output, 'receive-cognito', now),
    metrics: createMetrics(output, { namespace: METRICS.namespace, now }),
    now,
  });
};
