import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { createBreakerStore } from '../aws/breaker.ts';
import { createBulkJobs } from '../aws/bulk-jobs.ts';
import { CLIENT_DEFAULTS } from '../aws/clients.ts';
import { createErasureNotes } from '../aws/erasure-notes.ts';
import { createLedger } from '../aws/ledger.ts';
import { createLimiterStore } from '../aws/limiter.ts';
import { createEventQueue, createRejectedQueue } from '../aws/queue.ts';
import { createReadSecret } from '../aws/secrets.ts';
import { createBreaker } from '../core/breaker.ts';
import { createLimiter } from '../core/limiter.ts';
import { createLog, type Output } from '../core/log.ts';
import { createMetrics } from '../core/metrics.ts';
import { apiKeyOf, createSecretCache, FORMS } from '../core/secrets.ts';
import { DeletionSettings, RetrySettings } from '../core/settings.ts';
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
    read: async () =>
      apiKeyOf(await readSecret(secretId), (code) => {
        metrics.add(METRICS.secretUnavailable);
        log.error(`nothing can be sent: put ${FORMS.apiKey} into the secret`, { secret: secretId, code });
      }),
    now,
    onFailure: (error) => {
      metrics.add(METRICS.secretUnavailable);
      log.warn('API key not fetched', { error });
    },
  });
  const retry = settingsIn(env, ENV.retry, RetrySettings);
  const wait = (milliseconds: number) => sleep(milliseconds);
  return createDeliver({
    ledger: createLedger(dynamo, table),
    jobs: createBulkJobs(dynamo, table),
    erasures: createErasureNotes(dynamo, table),
    deletions: settingsIn(env, ENV.deletions, DeletionSettings),
    limiter: createLimiter({ store: createLimiterStore(dynamo, table), now, sleep: wait, turn: () => turn() }),
    breaker: createBreaker({
      store: createBreakerStore(dynamo, table),
      now,
      sleep: wait,
      openSeconds: retry.openSeconds,
      events: {
        opened: (code, seconds) => {
          metrics.add(METRICS.breakerOpened, { code });
          log.error('breaker opened: Userpilot is not called', { outcome: 'unavailable', code, seconds });
        },
        tried: () => {
          metrics.add(METRICS.breakerTried);
          log.info('breaker half open: one call as a trial');
        },
        closed: () => {
          metrics.add(METRICS.breakerClosed);
          log.info('breaker closed: Userpilot answers again');
        },
      },
    }),
    userpilot: createUserpilot(required(env, ENV.userpilotBaseUrl)),
    apiKey,
    queue: createEventQueue(sqs, required(env, ENV.eventsQueueUrl)),
    rejected: createRejectedQueue(sqs, required(env, ENV.rejectedQueueUrl)),
    retry,
    log,
    metrics,
    now,
    random: Math.random,
  });
};
