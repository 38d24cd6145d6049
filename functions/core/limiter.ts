import { DependencyError } from './errors.ts';
import { type Family, PACES, type Pace, pauseSeconds, STRIKE_MEMORY_MS, slotsOf } from './pacing.ts';
import { type Limiter, OutOfTime } from './ports.ts';

/**
 * One number per endpoint family, shared by all workers: `tat`, the theoretical arrival time of GCRA in epoch milliseconds.
 * Each operation is one conditional write; undefined = the condition did not hold. Throws a DependencyError when it cannot answer.
 */
export interface LimiterStore {
  /** Adds `cost` to a `tat` that is not before `now`; answers the new one. */
  grow(family: Family, cost: number, now: number): Promise<number | undefined>;
  /** Sets `tat` to `start` when there is none or it lies before `now`. */
  restart(family: Family, start: number, now: number): Promise<number | undefined>;
  /** Sets `tat` to `tat` unless it is already later. */
  push(family: Family, tat: number): Promise<void>;
}

export interface LimiterOptions {
  readonly store: LimiterStore;
  readonly now: () => Date;
  /** Resolves after so many milliseconds. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Resolves when everybody who is about to ask has asked: the next turn of the event loop. */
  readonly turn: () => Promise<void>;
  readonly paces?: Readonly<Record<Family, Pace>>;
}

interface Waiting {
  readonly deadline: number;
  readonly resolve: (slot: number) => void;
  readonly reject: (error: unknown) => void;
}

/** A batch asks for at most ten permits at once. */
const MAX_PERMITS = 10;

/**
 * Permits that are asked for in one turn are reserved by one write. The write adds, so two workers never have to try again
 * because of each other: either `tat` lies ahead and grows, or it lies behind and starts from now.
 */
export const createLimiter = ({ store, now, sleep, turn, paces = PACES }: LimiterOptions): Limiter => {
  const waiting = new Map<Family, Waiting[]>();
  /** Families whose permits last came too late to be used. */
  const wary = new Set<Family>();
  let strikes = { count: 0, at: Number.NEGATIVE_INFINITY };

  const reserve = async (family: Family, count: number): Promise<number> => {
    const cost = count * paces[family].intervalMs;
    // Between the two writes another worker may move `tat` across now; the next round then fits.
    for (let round = 0; round < 3; round += 1) {
      const moment = now().getTime();
      const tat = (await store.grow(family, cost, moment)) ?? (await store.restart(family, moment + cost, moment));
      if (tat !== undefined) return tat;
    }
    throw new DependencyError('TABLE');
  };

  /**
   * Permits that nobody can use still move everybody's next one. After a long pause a backlog would reserve faster than
   * time passes, and never send again; so whoever got one too late looks first, by a write that adds nothing.
   */
  const look = async (family: Family, latest: number): Promise<void> => {
    const tat = await store.grow(family, 0, now().getTime());
    if (tat === undefined) return;
    const [next = tat] = slotsOf(tat + paces[family].intervalMs, 1, paces[family]);
    if (next > latest) throw new OutOfTime();
  };

  const flush = async (family: Family): Promise<void> => {
    await turn();
    const askers = waiting.get(family)?.splice(0, MAX_PERMITS) ?? [];
    const latest = Math.max(...askers.map(({ deadline }) => deadline));
    try {
      if (wary.has(family)) await look(family, latest);
      const slots = slotsOf(await reserve(family, askers.length), askers.length, paces[family]);
      if ((slots[0] as number) > latest) wary.add(family);
      else wary.delete(family);
      for (const [index, { resolve }] of askers.entries()) resolve(slots[index] as number); // as many slots as askers
    } catch (error) {
      for (const { reject } of askers) reject(error);
    }
  };

  /** Only while nobody's next permit lies ahead of now: with a backlog of live calls it always does. */
  const takeIdle = async (family: Family, deadline: number): Promise<void> => {
    const { intervalMs } = paces[family];
    for (;;) {
      const moment = now().getTime();
      const tat = await store.grow(family, 0, moment);
      if (tat === undefined && (await store.restart(family, moment + intervalMs, moment)) !== undefined) return;
      // A millisecond past it, or `tat` would not yet lie behind.
      const next = 1 + (tat ?? moment + intervalMs);
      if (next > deadline) throw new OutOfTime();
      await sleep(next - moment);
    }
  };

  return {
    async take(family, deadline, lane) {
      if (lane === 'backfill') return takeIdle(family, deadline);
      const slot = await new Promise<number>((resolve, reject) => {
        const askers = waiting.get(family) ?? [];
        waiting.set(family, askers);
        if (askers.length % MAX_PERMITS === 0) void flush(family);
        askers.push({ deadline, resolve, reject });
      });
      if (slot > deadline) throw new OutOfTime();
      const wait = slot - now().getTime();
      if (wait > 0) await sleep(wait);
    },
    async pushBack(family, retryAfterSeconds) {
      const { intervalMs, burst } = paces[family];
      const moment = now().getTime();
      strikes = { count: moment - strikes.at < STRIKE_MEMORY_MS ? strikes.count + 1 : 1, at: moment };
      const seconds = retryAfterSeconds ?? pauseSeconds(strikes.count);
      // The burst allowance must not let anyone through before the moment that Userpilot named.
      wary.add(family);
      await store.push(family, moment + seconds * 1000 + (burst - 1) * intervalMs);
    },
  };
};
