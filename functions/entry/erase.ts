import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { createBulkJobs } from '../aws/bulk-jobs.ts';
import { createBulkLedger } from '../aws/bulk-ledger.ts';
import { CLIENT_DEFAULTS } from '../aws/clients.ts';
import { createErasures } from '../aws/erasures.ts';
import { createLimiterStore } from '../aws/limiter.ts';
import { createReadSecret } from '../aws/secrets.ts';
import { createLimiter } from '../core/limiter.ts';
import { createLog, type Output } from '../core/log.ts';
import { createMetrics } from '../core/metrics.ts';
import { apiKeyOf, createSecretCache, FORMS } from '../core/secrets.ts';
import { DeletionSettings } from '../core/settings.ts';
import { createErase } from '../handlers/erase.ts';
import { ENV, METRICS } from '../manifest.ts';
import { createUserpilot } from '../userpilot/client.ts';
import { type Env, required, settingsIn, standardOutput } from './environment.ts';

/** The function that the daily schedule starts. */
export const bindErase = (env: Env, output: Output = standardOutput) => {
  const now = () => new Date();
  const log = createLog(output, 'erase', now);
  const metrics = createMetrics(output, { namespace: METRICS.namespace, now });
  const dynamo = new DynamoDBClient(CLIENT_DEFAULTS);
  const table = required(env, ENV.tableName);
  const readSecret = createReadSecret(new SecretsManagerClient(CLIENT_DEFAULTS));
  const secretId = required(env, ENV.userpilotSecretId);
  return createErase({
    erasures: createErasures(dynamo, table),
    ledger: createBulkLedger(dynamo, table),
    jobs: createBulkJobs(dynamo, table),
    limiter: createLimiter({
      store: createLimiterStore(dynamo, table),
      now,
      sleep: (milliseconds) => sleep(milliseconds),
      turn: () => turn(),
    }),
    userpilot: createUserpilot(required(env, ENV.userpilotBaseUrl)),
    apiKey: createSecretCache({
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
    }),
    deletions: settingsIn(env, ENV.deletions, DeletionSettings),
    log,
    metrics,
    now,
  });
};
