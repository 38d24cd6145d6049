import type { Context } from 'aws-lambda';
import { createLog } from '../../functions/core/log.ts';
import { createMetrics } from '../../functions/core/metrics.ts';
import { createSecretCache, signingSecretsOf } from '../../functions/core/secrets.ts';
import { SourceSettings } from '../../functions/core/settings.ts';
import { createReceive } from '../../functions/handlers/receive.ts';
import type { HttpAnswer } from '../../functions/middleware/problem.ts';
import { clerk } from '../../functions/sources/clerk.ts';
import { stripe } from '../../functions/sources/stripe.ts';
import { queuesSeenBy } from './deliver-worker.ts';
import type { Process } from './process.ts';
import type { Stage } from './stage.ts';

export const SIGNED_SOURCES = ['clerk', 'stripe'] as const;
export type SignedSource = (typeof SIGNED_SOURCES)[number];

export interface ReceiveWorker {
  readonly process: Process;
  readonly handler: (event: unknown, context: Context) => Promise<HttpAnswer>;
}

const ignore = () => undefined;

/**
 * Each source writes one property that is its own, so that its newest state can be told at Userpilot. What the senders
 * derive from the time of the event is left out: it would make every state a new one.
 */
const SOURCES = {
  clerk: { source: clerk, settings: { properties: { clerk_state: 'first_name' }, omit: ['created_at'] } },
  stripe: {
    source: stripe,
    settings: { properties: { stripe_state: 'name' }, omit: ['stripe_created_at'], companyId: ['metadata.none'] },
  },
} as const;

/** The receive function of a source as functions/entry/receive.ts binds it. */
export const createReceiveWorker = (id: SignedSource, stage: Stage): ReceiveWorker => {
  const process = stage.createProcess(`receive-${id}`);
  const { now } = process;
  const { source, settings } = SOURCES[id];
  const readSecret = stage.vault.seenBy(process);
  const handler = createReceive({
    ...queuesSeenBy(process, stage),
    source,
    settings: SourceSettings.parse(settings),
    secrets: createSecretCache({ read: async () => signingSecretsOf(await readSecret(id), now()), now, onFailure: ignore }),
    log: createLog(ignore, process.name, now),
    metrics: createMetrics(ignore, { namespace: 'Simulated', now }),
    now,
  });
  return { process, handler: async (event, context) => handler(event, context) };
};
