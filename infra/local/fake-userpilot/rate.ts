import type { Knobs } from './knobs.ts';

/**
 * Counts moments in the half-open window (at - length, at]. Exact: no buckets, every moment is remembered
 * for as long as it can matter. Moments must not run backwards.
 */
export class SlidingWindow {
  readonly #lengthMs: number;
  #moments: number[] = [];
  #first = 0;

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  countAt(at: number): number {
    while (this.#first < this.#moments.length && (this.#moments[this.#first] ?? at) <= at - this.#lengthMs) this.#first += 1;
    if (this.#first > 1000 && this.#first * 2 > this.#moments.length) {
      this.#moments = this.#moments.slice(this.#first);
      this.#first = 0;
    }
    return this.#moments.length - this.#first;
  }

  add(at: number): void {
    this.#moments.push(at);
  }
}

export type Bucket = 'identify' | 'track' | 'delete';

/** Whether a call of this scope may pass now. Refused calls use nothing up; Userpilot does not say whether they should. */
export type Admit = (bucket: Bucket, scope: string, at: number) => boolean;

export const createLimits = (knobs: Knobs): Admit => {
  const rules = {
    identify: { calls: knobs.identifyPerMinute, lengthMs: 60_000 },
    track: { calls: knobs.trackPerMinute, lengthMs: 60_000 },
    delete: { calls: 1, lengthMs: knobs.deleteEveryMs },
  } as const;
  const windows = new Map<string, SlidingWindow>();
  return (bucket, scope, at) => {
    const { calls, lengthMs } = rules[bucket];
    const id = `${bucket} ${scope}`;
    const window = windows.get(id) ?? new SlidingWindow(lengthMs);
    windows.set(id, window);
    if (window.countAt(at) >= calls) return false;
    window.add(at);
    return true;
  };
};
