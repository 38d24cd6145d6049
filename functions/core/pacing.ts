/**
 * Endpoint families with an allowance of their own: docs.userpilot.com/api-references/real-time/overview
 * `vendor` is the API of one source's vendor, by the pace of its directory.
 */
export type Family = 'identify' | 'track' | 'delete' | 'vendor';

/** What a permit is for. Backfill takes only what live traffic leaves. */
export type Lane = 'live' | 'backfill';

/** A backfill call that gets no permit within this time goes back to the queue, so that it does not hold its batch. */
export const BACKFILL_PATIENCE_MS = 5000;

/**
 * GCRA: one permit every `intervalMs`, and up to `burst` at once after a pause.
 * Userpilot allows 600 identify calls a minute. 10/s with a burst of 10 gives 609 in some 60 s windows;
 * 9/s with 10 stays at or below 564 with clocks 2 s apart and 10 s of arrival smear (40 simulated seeds).
 */
export interface Pace {
  readonly intervalMs: number;
  readonly burst: number;
}
export const PACES: Readonly<Record<Family, Pace>> = {
  identify: { intervalMs: 1000 / 9, burst: 10 },
  track: { intervalMs: 1000 / 9, burst: 10 },
  delete: { intervalMs: 2100, burst: 1 },
  vendor: { intervalMs: 1000, burst: 1 },
};

/**
 * The moments at which permits may be used, after `count` were reserved and the theoretical arrival time stands at `tat`.
 * Epoch milliseconds.
 */
export const slotsOf = (tat: number, count: number, { intervalMs, burst }: Pace): readonly number[] => {
  const tolerance = (burst - 1) * intervalMs;
  return Array.from({ length: count }, (_, index) => tat - (count - index) * intervalMs - tolerance);
};

/** Seconds to keep away after the n-th 429 in a row without Retry-After, 1 for the first: docs.userpilot.com, rate limits. */
export const pauseSeconds = (strikes: number): number => Math.min(2 ** (Math.max(strikes, 1) - 1), 8);

/** 429s this far apart are not of one row. */
export const STRIKE_MEMORY_MS = 60_000;
