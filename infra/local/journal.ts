import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import type { Journal } from '../../functions/core/resync.ts';

const Entry = z.object({ name: z.string(), result: z.unknown() });

export interface FileJournalOptions {
  /** Grows by a line for each step and wait; a run that was killed goes on from there. */
  readonly path: string;
  readonly signal: AbortSignal;
  /** Milliseconds to wait for a second of a run's waits. @default 1000 */
  readonly secondMs?: number;
  /** Told when a step failed and is tried again in so many seconds. */
  readonly onRetry: (error: unknown, seconds: number) => void;
}

const FIRST_SECONDS = 2;
const LAST_SECONDS = 60;

/** Unreadable is only a last line that was being written when the process died. */
const entriesIn = (path: string): ReadonlyMap<string, unknown> => {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  const entries = new Map<string, unknown>();
  for (const line of lines) {
    try {
      const { name, result } = Entry.parse(JSON.parse(line));
      entries.set(name, result);
    } catch {}
  }
  return entries;
};

/** The journal of a run on this machine: what a durable execution keeps on AWS, in a file. */
export const openFileJournal = ({ path, signal, secondMs = 1000, onRetry }: FileJournalOptions): Journal => {
  const known = entriesIn(path);
  const note = (name: string, result?: unknown) => appendFileSync(path, `\n${JSON.stringify({ name, result })}`);
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
  };
};
