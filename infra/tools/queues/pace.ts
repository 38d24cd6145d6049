import { setTimeout as pause } from 'node:timers/promises';

/** Resolves when `count` more may go: never more than `perSecond` in any second, and none saved up. */
export type Pace = (count: number) => Promise<void>;

export const createPace = (perSecond: number): Pace => {
  let free = 0;
  return async (count) => {
    const now = performance.now();
    const start = Math.max(now, free);
    free = start + (count * 1000) / perSecond;
    if (start > now) await pause(start - now);
  };
};
