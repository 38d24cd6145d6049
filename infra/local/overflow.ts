import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { createLog, type Output } from '../../functions/core/log.ts';
import { createMetrics } from '../../functions/core/metrics.ts';
import { type OverflowInput, type OverflowWork, runOverflow } from '../../functions/core/overflow.ts';
import { bindOverflowWork } from '../../functions/entry/overflow.ts';
import { ENV, METRICS } from '../../functions/manifest.ts';
import type { Stage } from '../stages.ts';
import { openFileJournal } from './journal.ts';

export interface LocalOverflowOptions {
  readonly settings: Stage['overflow'];
  /** As the deployed function has it. */
  readonly env: Readonly<Record<string, string>>;
  /** File of the run that is under way: one that was killed goes on. */
  readonly journal: string;
  readonly output: Output;
  readonly onFailure: (error: unknown) => void;
  /** @default a minute */
  readonly everyMs?: number;
  /** Milliseconds to wait for a second of a run's waits. @default 1000 */
  readonly secondMs?: number;
}

/** Looks at the backlog again and again, as EventBridge Scheduler has it looked at on AWS. */
export const startOverflow = ({ settings, env, output, onFailure, everyMs = 60_000, ...options }: LocalOverflowOptions) => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const now = () => new Date();
  const log = createLog(output, 'overflow', now);
  const metrics = createMetrics(output, { namespace: METRICS.namespace, now });

  const runOnce = async (work: OverflowWork): Promise<void> => {
    const { journal: path, secondMs = 1000 } = options;
    const onRetry = (error: unknown, seconds: number) => log.warn('a step failed', { error, seconds });
    const journal = openFileJournal({ path, signal, secondMs, onRetry });
    const runId = await journal.step('run', async () => randomUUID());
    for (let input: OverflowInput = {}; ; ) {
      const end = await runOverflow(journal, work, runId, input);
      if (end.ended !== 'handed over') break;
      input = end.successor;
    }
    rmSync(path, { force: true });
    metrics.flush();
  };
  const loop = async (): Promise<void> => {
    if (settings === false) return;
    const work = bindOverflowWork({ ...env, [ENV.overflow]: JSON.stringify(settings) }, { log, metrics });
    while (!signal.aborted) {
      await runOnce(work).catch((error: unknown) => {
        if (signal.aborted) return;
        rmSync(options.journal, { force: true });
        onFailure(error);
      });
      await pause(everyMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const looping = loop();
  return {
    /** Resolves when nothing runs any more; a run that is under way goes on at the next start. */
    async stop(): Promise<void> {
      stopping.abort();
      await looping;
    },
  };
};
