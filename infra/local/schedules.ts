import { setTimeout as pause } from 'node:timers/promises';
import { SOURCE_IDS, type SourceId } from '../../functions/manifest.ts';
import type { Stage } from '../stages.ts';

const UNITS_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

/** Milliseconds between two runs of `rate(…)`; undefined for a `cron(…)`. */
export const rateMs = (schedule: string): number | undefined => {
  const [, count = '', unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(schedule) ?? [];
  const size = Object.entries(UNITS_MS).find(([name]) => name === unit)?.[1];
  return size === undefined ? undefined : Number(count) * size;
};

/** A timer of Node takes 24.8 days at most. */
const LONGEST_MS = 86_400_000;

const sleep = async (milliseconds: number, signal: AbortSignal): Promise<void> => {
  for (let left = milliseconds; left > 0; left -= LONGEST_MS) await pause(Math.min(left, LONGEST_MS), undefined, { signal });
};

export interface SchedulesOptions {
  readonly stage: Stage;
  /** Brings the users of a source over; rejects when that did not work. */
  readonly run: (source: SourceId, full: boolean, signal: AbortSignal) => Promise<unknown>;
  /** Whether a run of the source was killed before its end. */
  readonly isUnfinished: (source: SourceId) => boolean;
  /** Told in one line of a source whose schedule does not run here, or whose run failed. */
  readonly onNotice: (line: string) => void;
}

export interface Schedules {
  /** Those that run here. */
  readonly sources: readonly SourceId[];
  /** Resolves when nothing runs any more; what was under way goes on at the next start. */
  stop(): Promise<void>;
}

/** Runs the schedules of a stage as long as the stack is up: first when the time has passed once, as EventBridge does. */
export const startSchedules = ({ stage, run, isUnfinished, onNotice }: SchedulesOptions): Schedules => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const loop = async (source: SourceId, everyMs: number, full: boolean): Promise<void> => {
    const once = () =>
      run(source, full, signal).catch((error: unknown) => {
        if (!signal.aborted)
          onNotice(`The resync of ${source} failed: ${error instanceof Error ? error.message : 'unknown error'}`);
      });
    if (isUnfinished(source)) await once();
    // A run that takes longer than the interval swallows those that it overlaps.
    for (let due = performance.now(); !signal.aborted; ) {
      do due += everyMs;
      while (due <= performance.now());
      await sleep(due - performance.now(), signal);
      await once();
    }
  };
  const loops: Promise<void>[] = [];
  const sources: SourceId[] = [];
  for (const source of SOURCE_IDS) {
    const { resync } = stage.sources[source] ?? {};
    if (resync?.schedule === undefined) continue;
    const everyMs = rateMs(resync.schedule);
    if (everyMs === undefined)
      onNotice(`${source}: ${resync.schedule} runs where it is deployed; here only rates do, such as rate(1 day).`);
    else {
      sources.push(source);
      loops.push(loop(source, everyMs, resync.full ?? false).catch(() => undefined));
    }
  }
  return {
    sources,
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
};
