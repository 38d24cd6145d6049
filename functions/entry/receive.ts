import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { CLIENT_DEFAULTS } from '../aws/clients.ts';
import { createEventQueue, createRejectedQueue } from '../aws/queue.ts';
import { createReadSecret } from '../aws/secrets.ts';
import { createLog, type Log, type Output } from '../core/log.ts';
import { createMetrics, type Metrics } from '../core/metrics.ts';
import { createSecretCache, FORMS, signingSecretsOf } from '../core/secrets.ts';
import { SourceSettings } from '../core/settings.ts';
import { createReceive } from '../handlers/receive.ts';
import { ENV, METRICS } from '../manifest.ts';
import { fetchKeyPage } from '../outbound/public-keys.ts';
import type { KeyRing, Source } from '../sources/source.ts';
import { type Env, required, settingsIn, standardOutput } from './environment.ts';

const createKeyCache = (
  { id }: Source,
  keys: KeyRing,
  page: string,
  { log, metrics, now }: { readonly log: Log; readonly metrics: Metrics; readonly now: () => Date },
) =>
  createSecretCache({
    read: async () => keys.read(await fetchKeyPage(page)),
    now,
    onFailure: (error) => {
      metrics.add(METRICS.keysUnavailable, { source: id });
      log.warn('public keys not fetched', { source: id, error });
    },
    dependency: 'KEYS',
  });

/** The webhook function of one source. `infra/build.ts` makes one bundle of it per source. */
export const bindReceive = (source: Source, env: Env, output: Output = standardOutput) => {
  const now = () => new Date();
  const log = createLog(output, `receive-${source.id}`, now);
  const metrics = createMetrics(output, { namespace: METRICS.namespace, now });
  const sqs = new SQSClient(CLIENT_DEFAULTS);
  const readSecret = createReadSecret(new SecretsManagerClient(CLIENT_DEFAULTS));
  const secretId = required(env, ENV.signingSecretId);
  const settings = settingsIn(env, ENV.source, SourceSettings);
  const keyPage = source.keys?.url(settings);
  const secrets = createSecretCache({
    read: async () =>
      signingSecretsOf(await readSecret(secretId), now(), (code) => {
        // Public keys may be all that a vendor needs.
        if (keyPage !== undefined && code === 'SECRET_EMPTY') return;
        metrics.add(METRICS.secretUnavailable, { source: source.id });
        log.error(`nothing can be verified: put ${FORMS.signing} into the secret`, { source: source.id, secret: secretId, code });
      }),
    now,
    onFailure: (error) => {
      metrics.add(METRICS.secretUnavailable, { source: source.id });
      log.warn('signing secret not fetched', { source: source.id, error });
    },
  });
  const keys =
    source.keys === undefined || keyPage === undefined
      ? undefined
      : createKeyCache(source, source.keys, keyPage, { log, metrics, now });
  const refreshQueueUrl = env[ENV.refreshQueueUrl];
  return createReceive({
    source,
    settings,
    secrets,
    ...(keys !== undefined && { keys }),
    queue: createEventQueue(sqs, required(env, ENV.eventsQueueUrl)),
    ...(refreshQueueUrl !== undefined && { refreshes: createEventQueue(sqs, refreshQueueUrl) }),
    rejected: createRejectedQueue(sqs, required(env, ENV.rejectedQueueUrl)),
    log,
    metrics,
    now,
  });
};
