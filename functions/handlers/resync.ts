import type { DurableContext, DurableLambdaHandler } from '@aws/durable-execution-sdk-js';
import middy from '@middy/core';
import { executionModeDurableContext } from '@middy/core/executionModeDurableContext';
import { digest } from '../core/digest.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { type Journal, type ResyncEnd, ResyncInput, type ResyncWork, runResync } from '../core/resync.ts';
import { METRICS, RESYNC_ALIAS } from '../manifest.ts';
import { logInvocation } from '../middleware/invocation.ts';

export interface ResyncHandlerDeps {
  /** Id of the source. */
  readonly source: string;
  /** Throws an Error that names the setting that is missing: no other try would help. */
  readonly work: () => ResyncWork;
  readonly log: Log;
  readonly metrics: Metrics;
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

const journalOf = (context: DurableContext, { source, log, metrics }: ResyncHandlerDeps): Journal => {
  let retries = 0;
  return {
    async step(name, run) {
      const attempted = async ({ attempt }: { readonly attempt: number }) => {
        try {
          return { attempt, result: await run() };
        } catch (error) {
          log.warn('a step of a resync failed', { source, attempt, error });
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

/** The same for every replay of an execution. */
const runIdOf = ({ executionContext }: DurableContext): string => digest(executionContext.durableExecutionArn).slice(0, 16);

/** Through the alias, whatever this invocation was called by: a durable function is not started by its bare name. */
const successorArnOf = ({ lambdaContext }: DurableContext): string =>
  [...lambdaContext.invokedFunctionArn.split(':').slice(0, 7), RESYNC_ALIAS].join(':');

/** A durable execution: starts, waits for bulk jobs at no cost, goes on after a crash, and hands over before its limits. */
export const createResync = (deps: ResyncHandlerDeps): DurableLambdaHandler => {
  const { source, work, log, metrics } = deps;
  const handler = middy<unknown, ResyncEnd, Error, DurableContext>({
    executionMode: executionModeDurableContext,
    // Its timer would outlive an invocation that ends in a wait, and fail a later one. Lambda's own time limit does no harm:
    // the execution goes on from its last step.
    timeoutEarlyInMillis: 0,
    requestEnd: () => metrics.flush(),
  })
    .use(logInvocation(log))
    .onError(() => metrics.add(METRICS.resyncFailed, { source }))
    .handler(async (event, context) => {
      const input = ResyncInput.parse(event ?? {});
      const end = await runResync(journalOf(context, deps), work(), input.runId ?? runIdOf(context), input);
      if (end.ended !== 'handed over') return end;
      return context.invoke<ResyncInput, ResyncEnd>('successor', successorArnOf(context), end.successor);
    });
  // middy's type is that of what its middlewares see; the execution mode makes what Lambda calls of it.
  return handler as unknown as DurableLambdaHandler;
};
