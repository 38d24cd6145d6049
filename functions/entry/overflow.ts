import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { createBacklog } from '../aws/backlog.ts';
import { createBulkJobs } from '../aws/bulk-jobs.ts';
import { createBulkLedger } from '../aws/bulk-ledger.ts';
import { CLIENT_DEFAULTS } from '../aws/clients.ts';
import { createRunStore } from '../aws/runs.ts';
import { createReadSecret } from '../aws/secrets.ts';
import { createLog, type Log, type Output } from '../core/log.ts';
import { createMetrics, type Metrics } from '../core/metrics.ts';
import type { OverflowWork } from '../core/overflow.ts';
import { apiKeyOf, createSecretCache, FORMS } from '../core/secrets.ts';
import { OverflowSettings } from '../core/settings.ts';
import { createOverflow } from '../handlers/overflow.ts';
import { createOverflowWork } from '../handlers/overflow-work.ts';
import { ENV, METRICS } from '../manifest.ts';
import { createUserpilot } from '../userpilot/client.ts';
import { type Env, required, settingsIn, standardOutput } from './environment.ts';

/** The steps of an overflow, on AWS or on the embedded engines. */
export const bindOverflowWork = (env: Env, { log, metrics }: { readonly log: Log; readonly metrics: Metrics }): OverflowWork => {
  const now = () => new Date();
  const dynamo = new DynamoDBClient(CLIENT_DEFAULTS);
  const table = required(env, ENV.tableName);
  const secretId = required(env, ENV.userpilotSecretId);
  const readSecret = createReadSecret(new SecretsManagerClient(CLIENT_DEFAULTS));
  return createOverflowWork({
    backlog: createBacklog(new SQSClient(CLIENT_DEFAULTS), required(env, ENV.eventsQueueUrl)),
    ledger: createBulkLedger(dynamo, table),
    jobs: createBulkJobs(dynamo, table),
    runs: createRunStore(dynamo, table),
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
    settings: settingsIn(env, ENV.overflow, OverflowSettings),
    log,
    metrics,
    now,
  });
};

/** The durable function that drains a backlog by bulk jobs. */
export const bindOverflow = (env: Env, output: Output = standardOutput) => {
  const now = () => new Date();
  const log = createLog(output, 'overflow', now);
  const metrics = createMetrics(output, { namespace: METRICS.namespace, now });
  let work: OverflowWork | undefined;
  const bound = () => {
    work ??= bindOverflowWork(env, { log, metrics });
    return work;
  };
  return createOverflow({ work: bound, log, metrics });
};
