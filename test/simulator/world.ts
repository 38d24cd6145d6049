import { createHeap } from './heap.ts';
import { createRandom, type Random } from './random.ts';

/** Where every run begins, epoch milliseconds. */
export const START = Date.UTC(2026, 10, 23, 12);
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** One thread, one clock that only this moves, one source of chance. */
export interface World {
  /** Epoch milliseconds. */
  now(): number;
  readonly random: Random;
  /** Does `act` so many milliseconds from now. */
  after(milliseconds: number, act: () => void): void;
  /** Writes down what happened, for the fingerprint and for whoever repeats a seed. */
  note(line: string): void;
  /** Until nothing is left to do, or until `until`. Answers whether nothing was left. */
  run(until?: number): Promise<boolean>;
  /** Equal for two runs in which the same things happened at the same moments in the same order. */
  fingerprint(): string;
}

/**
 * Resolves when all that can go on without the clock has gone on: promise jobs run before the next turn of the event loop.
 * No timer, no file and no socket is under way, so nothing else can happen in between.
 */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const createWorld = (seed: number, onNote: (line: string) => void = () => undefined): World => {
  const heap = createHeap<() => void>();
  let now = START;
  let hash = 0x811c9dc5;
  return {
    now: () => now,
    random: createRandom(seed),
    after: (milliseconds, act) => heap.push(now + Math.max(0, milliseconds), act),
    note(text) {
      const line = `${(now - START).toFixed(3)} ${text}`;
      for (let index = 0; index < line.length; index += 1) hash = Math.imul(hash ^ line.charCodeAt(index), 0x01000193);
      onNote(line);
    },
    async run(until = Number.POSITIVE_INFINITY) {
      await settled();
      for (let next = heap.pop(); next !== undefined; next = heap.pop()) {
        if (next.at > until) {
          heap.push(next.at, next.item);
          now = until;
          return false;
        }
        now = next.at;
        next.item();
        await settled();
      }
      return true;
    },
    fingerprint: () => (hash >>> 0).toString(16).padStart(8, '0'),
  };
};
