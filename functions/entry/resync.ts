import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { createBulkJobs } from '../aws/bulk-jobs.ts';
import { createBulkLedger } from '../aws/bulk-ledger.ts';
import { createCensus } from '../aws/census.ts';
import { CLIENT_DEFAULTS } from '../aws/clients.ts';
import { createLimiterStore } from '../aws/limiter.ts';
import { createListedKeys } from '../aws/listed-keys.ts';
import { createEventQueue } from '../aws/queue.ts';
import { createRunStore } from '../aws/runs.ts';
import { createReadSecret } from '../aws/secrets.ts';
import { createLimiter } from '../core/limiter.ts';
import { createLog, type Log, type Output } from '../core/log.ts';
import { createMetrics, type Metrics } from '../core/metrics.ts';
import { PACES } from '../core/pacing.ts';
import type { ResyncWork } from '../core/resync.ts';
import {
  apiKeyOf,
  type Credential,
  createSecretCache,
  credentialOf,
  FORMS,
  type SecretCache,
  type StoredSecret,
} from '../core/secrets.ts';
import { SourceSettings } from '../core/settings.ts';
import { createResync } from '../handlers/resync.ts';
import { createResyncWork, type ResyncDeps } from '../handlers/resync-work.ts';
import { ENV, METRICS } from '../manifest.ts';
import { createVendorApi, type VendorApiOptions } from '../outbound/vendor-api.ts';
import type { VendorApi } from '../sources/directory.ts';
import type { Source } from '../sources/source.ts';
import { createUserpilot } from '../userpilot/client.ts';
import { type Env, required, settingsIn, standardOutput } from './environment.ts';

/** A page may wait for its permit as long as it takes: nobody waits for a resync. */
const PATIENCE_MS = 300_000;

/** Makes the API of a source's vendor. */
export type Connect = (options: VendorApiOptions) => VendorApi;

export interface ResyncBinding {
  readonly log: Log;
  readonly metrics: Metrics;
  /** @default false */
  readonly dryRun?: boolean;
  /** @default over HTTP, with the credential in the source's secret */
  readonly connect?: Connect;
}

/** What a resync of one source works with, on AWS or on the embedded engines. */
export const bindResyncWork = (
  source: Source,
  env: Env,
  { log, metrics, dryRun = false, connect = createVendorApi }: ResyncBinding,
): ResyncDeps => {
  const { directory } = source;
  if (directory === undefined) throw new Error(`${source.id} has no list of its users`);
  const now = () => new Date();
  const dynamo = new DynamoDBClient(CLIENT_DEFAULTS);
  const table = required(env, ENV.tableName);
  const readSecret = createReadSecret(new SecretsManagerClient(CLIENT_DEFAULTS));
  const settings = settingsIn(env, ENV.source, SourceSettings);
  const secretCache = <T>(
    name: string,
    form: string,
    valueIn: (stored: StoredSecret, onProblem: (code: string) => void) => T,
  ) => {
    const secretId = required(env, name);
    return createSecretCache({
      read: async () =>
        valueIn(await readSecret(secretId), (code) => {
          metrics.add(METRICS.secretUnavailable, { source: source.id });
          log.error(`nothing can be brought over: put ${form} into the secret`, { source: source.id, secret: secretId, code });
        }),
      now,
      onFailure: (error) => {
        metrics.add(METRICS.secretUnavailable, { source: source.id });
        log.warn('secret not fetched', { source: source.id, secret: secretId, error });
      },
    });
  };
  // Not every source has a secret.
  let credential: SecretCache<Credential | undefined> | undefined;
  const limiter = createLimiter({
    store: createLimiterStore(dynamo, table, source.id),
    now,
    sleep: (milliseconds) => sleep(milliseconds),
    turn: () => turn(),
    paces: { ...PACES, vendor: directory.pace },
  });
  return {
    source,
    settings,
    api: connect({
      directory,
      settings,
      credential: () => {
        credential ??= secretCache(ENV.signingSecretId, FORMS.api, credentialOf);
        return credential.get();
      },
      now,
      permit: () => limiter.take('vendor', now().getTime() + PATIENCE_MS),
      onRateLimit: (seconds) => limiter.pushBack('vendor', seconds),
    }),
    ledger: createBulkLedger(dynamo, table),
    jobs: createBulkJobs(dynamo, table),
    runs: createRunStore(dynamo, table),
    userpilot: createUserpilot(required(env, ENV.userpilotBaseUrl)),
    apiKey: secretCache(ENV.userpilotSecretId, FORMS.apiKey, apiKeyOf),
    queue: createEventQueue(new SQSClient(CLIENT_DEFAULTS), required(env, ENV.eventsQueueUrl)),
    missing: { listed: createListedKeys(dynamo, table, now), census: createCensus(dynamo, table) },
    log,
    metrics,
    now,
    dryRun,
  };
};

/** The durable function that brings all users of one source over. `infra/build.ts` makes one bundle of it per source. */
export const bindResync = (source: Source, env: Env, output: Output = standardOutput, connect: Connect = createVendorApi) => {
  const now = () => new Date();
  const log = createLog(output, `resync-${source.id}`, now);
  const metrics = createMetrics(output, { namespace: METRICS.namespace, now });
  let work: ResyncWork | undefined;
  const bound = () => {
    work ??= createResyncWork(bindResyncWork(source, env, { log, metrics, connect }));
    return work;
  };
  return createResync({ source: source.id, work: bound, log, metrics });
};
