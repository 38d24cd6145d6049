import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import type { Journal } from '../../functions/core/resync.ts';

const Entry = z.object({ name: z.string(), result: z.unknown().optional() });

export interface FileJournalOptions {
  /** Grows by a line for each step and wait; a run that was killed goes on from there. Absent: nothing is kept. */
  readonly path?: string;
  readonly signal: AbortSignal;
  /** Milliseconds to wait for a second of a run's waits. @default 1000 */
  readonly secondMs?: number;
  /** Told when a step failed and is tried again in so many seconds. */
  readonly onRetry: (error: unknown, seconds: number) => void;
}

const FIRST_SECONDS = 2;
const LAST_SECONDS = 60;
/** The step that ends a journal. */
const END = 'end';

/** Unreadable is only a last line that was being written when the process died. */
const entriesIn = (path: string | undefined): ReadonlyMap<string, unknown> => {
  const lines = path !== undefined && existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  const entries = new Map<string, unknown>();
  for (const line of lines) {
    try {
      const { name, result } = Entry.parse(JSON.parse(line));
      entries.set(name, result);
    } catch {}
  }
  return entries;
};

/** Whether a run left the journal before its end. */
export const isUnfinished = (path: string): boolean => {
  const entries = entriesIn(path);
  return entries.size > 0 && !entries.has(END);
};

/** What is in the journal counts no more: the next run begins anew. */
export const dropJournal = (path: string): void => rmSync(path, { force: true });

/** The journal of a run on this machine: what a durable execution keeps on AWS, in a file. */
export const openFileJournal = ({
  path,
  signal,
  secondMs = 1000,
  onRetry,
}: FileJournalOptions): Journal & { /** It is over, and the next run begins anew. */ end(): void } => {
  const known = entriesIn(path);
  const note = (name: string, result?: unknown) => {
    if (path !== undefined) appendFileSync(path, `\n${JSON.stringify({ name, result })}`, { mode: 0o600 });
  };
  const sleep = (seconds: number) => pause(seconds * secondMs, undefined, { signal });
  return {
    async step<T>(name: string, run: () => Promise<T>): Promise<T> {
      if (known.has(name)) return known.get(name) as T; // written below, by the step of that name
      for (let seconds = FIRST_SECONDS; ; seconds = Math.min(seconds * 2, LAST_SECONDS)) {
        signal.throwIfAborted();
        try {
          const result = await run();
          note(name, result);
          return result;
        } catch (error) {
          if (signal.aborted || (error instanceof Error && error.name === 'Overtaken')) throw error;
          onRetry(error, seconds);
          await sleep(seconds);
        }
      }
    },
    async wait(name, seconds) {
      if (known.has(name)) return;
      await sleep(seconds);
      note(name);
    },
    end: () => note(END),
  };
};
