import type { DurableContext } from '@aws/durable-execution-sdk-js';
import middy from '@middy/core';
import { executionModeDurableContext } from '@middy/core/executionModeDurableContext';
import { digest } from '../core/digest.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { type Journal, type ResyncEnd, ResyncInput, type ResyncWork, runResync } from '../core/resync.ts';
import { logInvocation } from '../middleware/invocation.ts';

export interface ResyncHandlerDeps {
  readonly work: ResyncWork;
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

const journalOf = (context: DurableContext): Journal => ({
  step: (name, run) => context.step(name, async () => run(), { retryStrategy }),
  wait: (name, seconds) => context.wait(name, { seconds }),
});

/** The same for every replay of an execution. */
const runIdOf = ({ executionContext }: DurableContext): string => digest(executionContext.durableExecutionArn).slice(0, 16);

/** A durable execution: starts, waits for bulk jobs at no cost, goes on after a crash, and hands over before its limits. */
export const createResync = ({ work, log, metrics }: ResyncHandlerDeps) =>
  middy<unknown, ResyncEnd, Error, DurableContext>({
    executionMode: executionModeDurableContext,
    requestEnd: () => metrics.flush(),
  })
    .use(logInvocation(log))
    .handler(async (event, context) => {
      const input = ResyncInput.parse(event ?? {});
      const end = await runResync(journalOf(context), work, input.runId ?? runIdOf(context), input);
      if (end.ended !== 'handed over') return end;
      return context.invoke<ResyncInput, ResyncEnd>('successor', context.lambdaContext.invokedFunctionArn, end.successor);
    });
