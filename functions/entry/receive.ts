import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { CLIENT_DEFAULTS } from '../aws/clients.ts';
import { createEventQueue, createRejectedQueue } from '../aws/queue.ts';
import { createReadSecret } from '../aws/secrets.ts';
import { createLog, type Output } from '../core/log.ts';
import { createMetrics } from '../core/metrics.ts';
import { createSecretCache, FORMS, signingSecretsOf } from '../core/secrets.ts';
import { SourceSettings } from '../core/settings.ts';
import { createReceive } from '../handlers/receive.ts';
import { ENV, METRICS } from '../manifest.ts';
import type { Source } from '../sources/source.ts';
import { type Env, required, settingsIn, standardOutput } from './environment.ts';

/** The webhook function of one source. `infra/build.ts` makes one bundle of it per source. */
export const bindReceive = (source: Source, env: Env, output: Output = standardOutput) => {
  const now = () => new Date();
  const log = createLog(output, `receive-${source.id}`, now);
  const metrics = createMetrics(output, { namespace: METRICS.namespace, now });
  const sqs = new SQSClient(CLIENT_DEFAULTS);
  const readSecret = createReadSecret(new SecretsManagerClient(CLIENT_DEFAULTS));
  const secretId = required(env, ENV.signingSecretId);
  const secrets = createSecretCache({
    read: async () =>
      signingSecretsOf(await readSecret(secretId), now(), (code) => {
        metrics.add(METRICS.secretUnavailable, { source: source.id });
        log.error(`nothing can be verified: put ${FORMS.signing} into the secret`, { source: source.id, secret: secretId, code });
      }),
    now,
    onFailure: (error) => {
      metrics.add(METRICS.secretUnavailable, { source: source.id });
      log.warn('signing secret not fetched', { source: source.id, error });
    },
  });
  return createReceive({
    source,
    settings: settingsIn(env, ENV.source, SourceSettings),
    secrets,
    queue: createEventQueue(sqs, required(env, ENV.eventsQueueUrl)),
    rejected: createRejectedQueue(sqs, required(env, ENV.rejectedQueueUrl)),
    log,
    metrics,
    now,
  });
};
