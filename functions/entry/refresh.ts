import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { CLIENT_DEFAULTS } from '../aws/clients.ts';
import { createLimiterStore } from '../aws/limiter.ts';
import { createEventQueue, createRejectedQueue } from '../aws/queue.ts';
import { createReadSecret } from '../aws/secrets.ts';
import { createLimiter } from '../core/limiter.ts';
import { createLog, type Output } from '../core/log.ts';
import { createMetrics } from '../core/metrics.ts';
import { PACES } from '../core/pacing.ts';
import { createSecretCache, credentialOf, FORMS } from '../core/secrets.ts';
import { RetrySettings, SourceSettings } from '../core/settings.ts';
import { createRefresh } from '../handlers/refresh.ts';
import { ENV, METRICS } from '../manifest.ts';
import { createVendorApi, type Session } from '../outbound/vendor-api.ts';
import type { Source } from '../sources/source.ts';
import { type Env, required, settingsIn, standardOutput } from './environment.ts';

/** The function that fetches what one source's events do not carry. `infra/build.ts` makes one bundle of it per source. */
export const bindRefresh = (source: Source, env: Env, output: Output = standardOutput) => {
  const { directory } = source;
  if (directory === undefined) throw new Error(`${source.id} has no directory to fetch from`);
  const now = () => new Date();
  const log = createLog(output, `refresh-${source.id}`, now);
  const metrics = createMetrics(output, { namespace: METRICS.namespace, now });
  const sqs = new SQSClient(CLIENT_DEFAULTS);
  const store = createLimiterStore(new DynamoDBClient(CLIENT_DEFAULTS), required(env, ENV.tableName), source.id);
  const readSecret = createReadSecret(new SecretsManagerClient(CLIENT_DEFAULTS));
  const secretId = required(env, ENV.signingSecretId);
  const settings = settingsIn(env, ENV.source, SourceSettings);
  const credential = createSecretCache({
    read: async () =>
      credentialOf(await readSecret(secretId), (code) => {
        metrics.add(METRICS.secretUnavailable, { source: source.id });
        log.error(`nothing can be fetched: put ${FORMS.api} into the secret`, { source: source.id, secret: secretId, code });
      }),
    now,
    onFailure: (error) => {
      metrics.add(METRICS.secretUnavailable, { source: source.id });
      log.warn('API credential not fetched', { source: source.id, error });
    },
  });
  const limiter = createLimiter({
    store,
    now,
    sleep: (milliseconds) => sleep(milliseconds),
    turn: () => turn(),
    paces: { ...PACES, vendor: directory.pace },
  });
  const session: Session = {};
  return createRefresh({
    source,
    settings,
    api: (deadline) =>
      createVendorApi({
        directory,
        settings,
        credential: () => credential.get(),
        session,
        now,
        permit: () => limiter.take('vendor', deadline),
        onRateLimit: (seconds) => limiter.pushBack('vendor', seconds),
      }),
    queue: createEventQueue(sqs, required(env, ENV.eventsQueueUrl)),
    refreshes: createEventQueue(sqs, required(env, ENV.refreshQueueUrl)),
    rejected: createRejectedQueue(sqs, required(env, ENV.rejectedQueueUrl)),
    retry: settingsIn(env, ENV.retry, RetrySettings),
    log,
    metrics,
    now,
    random: Math.random,
  });
};
