import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import { type RunnerProcess, startRunnerProcess } from '../support/runner-process.ts';

/** One identify call as the fake Userpilot logged it. */
export interface CallSeen {
  /** Epoch milliseconds. */
  readonly at: number;
  /** `user:…` or `company:…` */
  readonly entity: string;
}

/** The stack from one start to its end. */
export interface Life {
  readonly runner: RunnerProcess;
  readonly startedAt: number;
  readonly sqs: string;
  readonly queues: { readonly events: string; readonly rejected: string; readonly deadLetters: string };
}
/** What can be asked only while it runs. */
export interface LastWords {
  readonly calls: readonly CallSeen[];
  readonly maxIdentifyPerMinute: number;
  readonly endedAt: number;
}

const Health = z.object({
  sqs: z.string(),
  queues: z.object({ events: z.string(), rejected: z.string(), deadLetters: z.string() }),
});
const Stats = z.object({ maxIdentifyPerMinute: z.number() });
const Body = z.object({ user_id: z.string().optional(), company_id: z.string().optional() });
const Requests = z.array(z.object({ at: z.number(), path: z.string(), keyOk: z.boolean(), body: Body.optional() }));

export const ask = async <T>(url: string, form: z.ZodType<T>): Promise<T> => form.parse(await (await fetch(url)).json());

const IDENTIFY = new Set(['/v1/identify', '/v1/companies/identify']);

/** @throws Error with what the runner wrote when it does not come up. */
export const beginLife = async (dataDir: string): Promise<Life> => {
  const runner = await startRunnerProcess(dataDir);
  return { runner, startedAt: Date.now(), ...(await ask(`${runner.url}/health`, Health)) };
};

/** Calls and figures of this life so far. */
export const lastWordsOf = async ({ runner }: Life): Promise<LastWords> => {
  const [requests, stats] = await Promise.all([
    ask(`${runner.userpilotUrl}/_/requests`, Requests),
    ask(`${runner.userpilotUrl}/_/stats`, Stats),
  ]);
  const calls = requests
    .filter(({ path, keyOk }) => keyOk && IDENTIFY.has(path))
    .map(({ at, body }) => ({
      at,
      entity: body?.user_id === undefined ? `company:${body?.company_id}` : `user:${body.user_id}`,
    }));
  return { calls, maxIdentifyPerMinute: stats.maxIdentifyPerMinute, endedAt: Date.now() };
};

/** Lets it live for a while, then SIGKILL. */
export const endLife = async (life: Life, afterMs: number): Promise<LastWords> => {
  await pause(afterMs);
  const words = await lastWordsOf(life);
  await life.runner.kill();
  return { ...words, endedAt: Date.now() };
};
