import { DependencyError } from '../../functions/core/errors.ts';
import { createLog } from '../../functions/core/log.ts';
import { createMetrics } from '../../functions/core/metrics.ts';
import { type OverflowEnd, type OverflowInput, runOverflow } from '../../functions/core/overflow.ts';
import type { Backlog, RunStore } from '../../functions/core/ports.ts';
import type { Journal } from '../../functions/core/resync.ts';
import { createOverflowWork } from '../../functions/handlers/overflow-work.ts';
import { memorySecret } from '../support/doubles.ts';
import type { createBulkEndpoint } from './bulk-endpoint.ts';
import { queuesSeenBy } from './deliver-worker.ts';
import type { Process } from './process.ts';
import { FIRST_KEY, type Stage } from './stage.ts';
import { MINUTE, SECOND } from './world.ts';

export interface OverflowOptions {
  readonly bulk: ReturnType<typeof createBulkEndpoint>;
  /** Messages that are left to single calls. @default 2000 */
  readonly from?: number;
  readonly bulkFrom?: number;
}

/** Lambda starts an execution again so long after its process died. */
const RESTART_MS = 5 * SECOND;
const EVERY_MS = 5 * MINUTE;
const ignore = () => undefined;
const failure = () => new DependencyError('TABLE');

/** The lease of functions/aws/runs.ts in memory, with its times. */
const createLease = () => {
  let lease: { owner: string; until: number } | undefined;
  return ({ cross }: Process): Omit<RunStore, 'read'> => ({
    take: (_, runId, { now, until }) =>
      cross(
        'runs.write',
        () => {
          if (lease !== undefined && lease.owner !== runId && lease.until >= now.getTime()) return undefined;
          lease = { owner: runId, until: until.getTime() };
          return {};
        },
        { failure },
      ),
    renew: (_, runId, until) =>
      cross(
        'runs.write',
        () => {
          if (lease?.owner !== runId) return false;
          lease = { owner: runId, until: until.getTime() };
          return true;
        },
        { failure },
      ),
    finish: (_, runId) =>
      cross(
        'runs.write',
        () => {
          if (lease?.owner === runId) lease = undefined;
        },
        { failure },
      ),
  });
};

/** What a durable execution is given, in virtual time: it survives its processes, and everything outside steps runs again. */
const createJournal = (process: Process, stored: Map<string, string>): Journal => ({
  async step<T>(name: string, run: () => Promise<T>): Promise<T> {
    const known = stored.get(name);
    if (known !== undefined) return JSON.parse(known).result as T; // written below, by the step of that name
    for (let seconds = 15; ; seconds *= 2) {
      try {
        const result = await run();
        stored.set(name, JSON.stringify({ result }));
        return result;
      } catch (error) {
        if (error instanceof Error && error.name === 'Overtaken') throw error;
        await process.sleep(seconds * SECOND);
      }
    }
  },
  async wait(name, seconds) {
    if (stored.has(name)) return;
    await process.sleep(seconds * SECOND);
    stored.set(name, '{}');
  },
});

/** The real overflow over a stage's queue and table, looked after every five minutes as EventBridge Scheduler does. */
export const startOverflow = (stage: Stage, { bulk, from = 2000, bulkFrom }: OverflowOptions) => {
  const { world, queue, table, plan } = stage;
  const leaseSeenBy = createLease();
  const figures = { runs: 0, jobs: 0, deaths: 0, stored: 0 };
  let isOn = true;

  const backlogSeenBy = (process: Process): Backlog => ({
    retryIn: queuesSeenBy(process, stage).queue.retryIn,
    size: () => process.cross('queue.size', () => queue.figures.sizes().waiting, { failure }),
    take: (seconds) =>
      process.cross(
        'queue.take',
        () =>
          queue.receive(10, plan.mostOfAGroup(), seconds * SECOND).map(({ body, handle }) => ({ body, receiptHandle: handle })),
        { failure },
      ),
  });

  const workOf = (process: Process) => {
    const { ledger, jobs } = table.seenBy(process);
    const { now } = process;
    return createOverflowWork({
      backlog: backlogSeenBy(process),
      ledger,
      jobs,
      runs: leaseSeenBy(process),
      userpilot: bulk.seenBy(process),
      apiKey: memorySecret<string | undefined>(FIRST_KEY).cache,
      settings: { from },
      log: createLog(ignore, 'overflow', now),
      metrics: createMetrics(ignore, { namespace: 'Simulated', now }),
      now,
      ...(bulkFrom !== undefined && { bulkFrom }),
    });
  };

  const execute = (runId: string, input: OverflowInput, stored = new Map<string, string>()): void => {
    const process = stage.createProcess('overflow');
    process.onDeath(() => {
      figures.deaths += 1;
      world.after(RESTART_MS, () => execute(runId, input, stored));
    });
    const ended = (end: OverflowEnd) => {
      for (const text of stored.values()) figures.stored = Math.max(figures.stored, text.length);
      if (end.ended === 'handed over') execute(runId, end.successor);
      if (end.ended === 'done') figures.jobs += end.jobs;
    };
    runOverflow(createJournal(process, stored), workOf(process), runId, input).then(ended, (error) => {
      if (error?.name !== 'Overtaken') throw error;
    });
  };
  const tick = () => {
    if (!isOn) return;
    figures.runs += 1;
    execute(`run-${figures.runs}`, {});
    world.after(EVERY_MS, tick);
  };
  tick();
  return {
    figures,
    stop: () => {
      isOn = false;
    },
  };
};
