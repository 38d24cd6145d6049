import { createBreaker } from '../../functions/core/breaker.ts';
import { DependencyError } from '../../functions/core/errors.ts';
import { createLimiter } from '../../functions/core/limiter.ts';
import { createLog } from '../../functions/core/log.ts';
import { createMetrics } from '../../functions/core/metrics.ts';
import type { EventQueue, RejectedQueue } from '../../functions/core/ports.ts';
import { apiKeyOf, createSecretCache } from '../../functions/core/secrets.ts';
import { DeletionSettings, RetrySettings } from '../../functions/core/settings.ts';
import { createDeliver } from '../../functions/handlers/deliver.ts';
import { createUserpilot } from '../../functions/userpilot/client.ts';
import { createHttp } from '../../functions/userpilot/http.ts';
import type { Worker } from './mapping.ts';
import type { Process } from './process.ts';
import type { Stage } from './stage.ts';
import { createWire } from './wire.ts';
import { SECOND } from './world.ts';

const BASE_URL = 'https://userpilot.example';
/** Secrets Manager's name of Userpilot's API key. */
export const API_KEY_SECRET = 'userpilot';

const failure = () => new DependencyError('QUEUE');
const ignore = () => undefined;

/** The two queues as one process sees them. */
export const queuesSeenBy = ({ cross }: Process, { queue, rejected }: Stage) => {
  const events: EventQueue = {
    send: (messages) =>
      cross('queue.send', () => queue.send(messages), {
        failure,
        // Some entries of a batch are taken, and our port makes a failure of that.
        partly: () => {
          queue.send(messages.slice(1));
          throw failure();
        },
      }),
    retryIn: (handles, seconds) => {
      const set = (some: readonly string[]) => {
        for (const handle of some) queue.retryIn(handle, seconds * SECOND);
      };
      return cross('queue.retryIn', () => set(handles), { failure, partly: () => set(handles.slice(1)) });
    },
  };
  const parking: RejectedQueue = {
    park: (event) => cross('rejected.park', () => void rejected.push(event), { failure }),
  };
  return { queue: events, rejected: parking };
};

/** The deliver function as functions/entry/deliver.ts binds it, with the stage's doubles in place of AWS and Userpilot. */
export const createDeliverWorker = (process: Process, stage: Stage): Worker => {
  const { world, table, vault, judge, plan, events } = stage;
  const { now, sleep } = process;
  const { ledger, jobs, erasures, limiter, breaker } = table.seenBy(process);
  const readSecret = vault.seenBy(process);
  const retry = RetrySettings.parse({});
  const { fetch, abortAfter } = createWire({ world, process, judge, react: plan.react, wayMs: plan.wayMs });
  const handler = createDeliver({
    ...queuesSeenBy(process, stage),
    ledger,
    jobs,
    erasures,
    deletions: DeletionSettings.parse({}),
    limiter: createLimiter({ store: limiter, now, sleep, turn: () => sleep(0) }),
    breaker: createBreaker({
      store: breaker,
      now,
      sleep,
      openSeconds: retry.openSeconds,
      events: {
        opened: (code, seconds) => events.push(`opened for ${seconds} s: ${code}`),
        tried: () => events.push('tried'),
        closed: () => events.push('closed'),
      },
    }),
    userpilot: createUserpilot(BASE_URL, createHttp(BASE_URL, { now, fetch, abortAfter })),
    apiKey: createSecretCache({ read: async () => apiKeyOf(await readSecret(API_KEY_SECRET)), now, onFailure: ignore }),
    retry,
    log: createLog(ignore, 'deliver', now),
    metrics: createMetrics(ignore, { namespace: 'Simulated', now }),
    now,
    random: () => world.random.next(),
  });
  return { process, handler: async (event, context) => handler(event, context) };
};
