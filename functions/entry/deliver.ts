import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { CLIENT_DEFAULTS } from '../aws/clients.ts';
import { createLedger } from '../aws/ledger.ts';
import { createLimiter } from '../aws/limiter.ts';
import { createEventQueue, createRejectedQueue } from '../aws/queue.ts';
import { createReadSecret } from '../aws/secrets.ts';
import { createLog, type Output } from '../core/log.ts';
import { createMetrics } from '../core/metrics.ts';
import { apiKeyOf, createSecretCache } from '../core/secrets.ts';
import { RetrySettings } from '../core/settings.ts';
import { createDeliver } from '../handlers/deliver.ts';
import { ENV, METRICS } from '../manifest.ts';
import { createUserpilot } from '../userpilot/client.ts';
import { type Env, required, settingsIn, standardOutput } from './environment.ts';

/** The function behind the queue of events. */
export const bindDeliver = (env: Env, output: Output = standardOutput) => {
  const now = () => new Date();
  const log = createLog(output, 'deliver', now);
  const metrics = createMetrics(output, { namespace: METRICS.namespace, now });
  const sqs = new SQSClient(CLIENT_DEFAULTS);
  const dynamo = new DynamoDBClient(CLIENT_DEFAULTS);
  const readSecret = createReadSecret(new SecretsManagerClient(CLIENT_DEFAULTS));
  const table = required(env, ENV.tableName);
  const secretId = required(env, ENV.userpilotSecretId);
  const apiKey = createSecretCache({
    read: async () => apiKeyOf(await readSecret(secretId)),
    now,
    onFailure: (error) => {
      metrics.add(METRICS.secretUnavailable);
      log.warn('API key not fetched', { error });
    },
  });
  return createDeliver({
    ledger: createLedger(dynamo, table),
    limiter: createLimiter(dynamo, { table, now, sleep: (milliseconds) => sleep(milliseconds) }),
    userpilot: createUserpilot(required(env, ENV.userpilotBaseUrl)),
    apiKey,
    queue: createEventQueue(sqs, required(env, ENV.eventsQueueUrl)),
    rejected: createRejectedQueue(sqs, required(env, ENV.rejectedQueueUrl)),
    retry: settingsIn(env, ENV.retry, RetrySettings),
    log,
    metrics,
    now,
    random: Math.random,
  });
};
