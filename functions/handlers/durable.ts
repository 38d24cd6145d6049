import type { DurableContext, DurableLambdaHandler } from '@aws/durable-execution-sdk-js';
import middy from '@middy/core';
import { executionModeDurableContext } from '@middy/core/executionModeDurableContext';
import { digest } from '../core/digest.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { Journal } from '../core/resync.ts';
import { RESYNC_ALIAS } from '../manifest.ts';
import { logInvocation } from '../middleware/invocation.ts';

/** Near the limits of one execution: another one is to be started with this. */
export interface HandedOver {
  readonly ended: 'handed over';
  readonly successor: unknown;
}

export interface DurableDeps<End> {
  /** Whose run it is, for log and metrics. */
  readonly source: string;
  /** Metric that counts a run that was given up. */
  readonly failed: string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** @param runId the same for every replay of an execution */
  run(journal: Journal, event: unknown, runId: string): Promise<End | HandedOver>;
}

/** Seconds: a vendor or Userpilot that is down is asked less and less often. */
const FIRST_SECONDS = 15;
const LAST_SECONDS = 900;
/** Half a day in all; the next scheduled run begins anew. */
const MOST_TRIES = 50;

const retryStrategy = (error: Error, attempt: number) => ({
  shouldRetry: error.name !== 'Overtaken' && attempt < MOST_TRIES,
  delay: { seconds: Math.min(FIRST_SECONDS * 2 ** (attempt - 1), LAST_SECONDS) },
});

/** Of a failed step its class and code are stored: a message may quote what was read. */
const withoutMessage = (error: unknown): Error => {
  const { name, code } = Error.isError(error) ? (error as Error & { readonly code?: unknown }) : { name: typeof error };
  return Object.assign(new Error(typeof code === 'string' ? code : name), { name });
};

const journalOf = (
  context: DurableContext,
  { source, log, metrics }: Pick<DurableDeps<unknown>, 'source' | 'log' | 'metrics'>,
): Journal => {
  let retries = 0;
  return {
    async step(name, run) {
      const attempted = async ({ attempt }: { readonly attempt: number }) => {
        try {
          return { attempt, result: await run() };
        } catch (error) {
          log.warn('a step failed', { source, attempt, error });
          throw withoutMessage(error);
        } finally {
          // The invocation may end with any step, and then nothing of ours runs any more.
          metrics.flush();
        }
      };
      const { attempt, result } = await context.step(name, attempted, { retryStrategy });
      retries += attempt - 1;
      return result;
    },
    wait: (name, seconds) => context.wait(name, { seconds }),
    retries: () => retries,
  };
};

const runIdOf = ({ executionContext }: DurableContext): string => digest(executionContext.durableExecutionArn).slice(0, 16);

/** Through the alias, whatever this invocation was called by: a durable function is not started by its bare name. */
const successorArnOf = ({ lambdaContext }: DurableContext): string =>
  [...lambdaContext.invokedFunctionArn.split(':').slice(0, 7), RESYNC_ALIAS].join(':');

const isHandedOver = (end: unknown): end is HandedOver =>
  typeof end === 'object' && end !== null && 'ended' in end && end.ended === 'handed over';

/** A durable execution: waits at no cost, goes on after a crash, and hands over before its limits. */
export const createDurable = <End>({ source, failed, log, metrics, run }: DurableDeps<End>): DurableLambdaHandler => {
  const handler = middy<unknown, unknown, Error, DurableContext>({
    executionMode: executionModeDurableContext,
    // Its timer would outlive an invocation that ends in a wait, and fail a later one. Lambda's own time limit does no harm:
    // the execution goes on from its last step.
    timeoutEarlyInMillis: 0,
    requestEnd: () => metrics.flush(),
  })
    .use(logInvocation(log))
    .onError(() => metrics.add(failed, { source }))
    .handler(async (event, context) => {
      const end = await run(journalOf(context, { source, log, metrics }), event, runIdOf(context));
      return isHandedOver(end) ? context.invoke('successor', successorArnOf(context), end.successor) : end;
    });
  // middy's type is that of what its middlewares see; the execution mode makes what Lambda calls of it.
  return handler as unknown as DurableLambdaHandler;
};
