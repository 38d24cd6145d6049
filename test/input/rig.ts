import { createEventQueue, createRejectedQueue } from '../../functions/aws/queue.ts';
import { createSecretCache, signingSecretsOf } from '../../functions/core/secrets.ts';
import { createReceive } from '../../functions/handlers/receive.ts';
import { createReceiveCognito } from '../../functions/handlers/receive-cognito.ts';
import type { HttpAnswer } from '../../functions/middleware/problem.ts';
import { cognito } from '../../functions/sources/cognito.ts';
import { readJwks } from '../../functions/sources/jwt.ts';
import { jwksOf } from '../../functions/sources/token.sender.ts';
import { capturedOutput, contextOf } from '../support/doubles.ts';
import { createSqs, type Kept } from './sqs.ts';
import { NOW, type Target } from './target.ts';

/** What one event left behind. */
export interface Traces {
  readonly queued: readonly Kept[];
  readonly parked: readonly Kept[];
  /** Log and metric lines. */
  readonly lines: readonly string[];
}
/** Everything that one request led to. */
export interface Outcome extends Traces {
  readonly answer: HttpAnswer;
  /** Time on the clock or on the processor, whichever is less: what else the machine does counts for neither. */
  readonly milliseconds: number;
}

const now = () => NOW;
const context = contextOf();

/** Queues and output in memory, emptied by `taken`. */
const createWorld = (queuesAreDown = false) => {
  const [events, rejected] = [createSqs(), createSqs()];
  events.state.down = queuesAreDown;
  rejected.state.down = queuesAreDown;
  const { lines, log, metrics } = capturedOutput(now);
  const ports = {
    settings: {},
    queue: createEventQueue(events.client, 'events'),
    rejected: createRejectedQueue(rejected.client, 'rejected'),
    log,
    metrics,
    now,
  };
  return { ports, taken: (): Traces => ({ queued: events.taken(), parked: rejected.taken(), lines: lines.splice(0) }) };
};

/** The function of one source, built once as on a cold start. Rejects only if the handler does. */
export const createRig = (
  { source, secret, settings = {}, publishesKeys = false }: Pick<Target, 'source' | 'secret' | 'settings' | 'publishesKeys'>,
  queuesAreDown = false,
) => {
  const { ports, taken } = createWorld(queuesAreDown);
  const stored = publishesKeys ? {} : { current: { text: JSON.stringify({ signingSecrets: [secret] }) } };
  const cacheOf = <T>(read: () => T) => createSecretCache({ read: async () => read(), now, onFailure: () => undefined });
  // A hook's one answer would hide what became of a request; test/handlers/receive.test.ts has the hooks.
  const { hook: _, ...unhurried } = source;
  const handler = createReceive({
    ...ports,
    source: unhurried,
    settings,
    secrets: cacheOf(() => signingSecretsOf(stored, NOW)),
    ...(publishesKeys && { keys: cacheOf(() => readJwks(jwksOf([secret]))) }),
    refreshes: ports.queue,
  });
  return async (event: unknown): Promise<Outcome> => {
    const [clock, processor] = [performance.now(), process.cpuUsage()];
    const answer = await handler(event, context);
    const { user, system } = process.cpuUsage(processor);
    const milliseconds = Math.min(performance.now() - clock, (user + system) / 1000);
    return { answer, milliseconds, ...taken() };
  };
};

/** The Cognito trigger: `answer` is what Cognito gets back. */
export const createCognitoRig = () => {
  const { ports, taken } = createWorld();
  const handler = createReceiveCognito({ ...ports, source: cognito });
  return async (event: unknown): Promise<Traces & { readonly answer: unknown }> => {
    const answer: unknown = await handler(event, context);
    return { answer, ...taken() };
  };
};
