/** What all workers know about Userpilot's health. Times are epoch milliseconds. */
export interface BreakerState {
  /** Failed calls since the last good one. */
  readonly failures: number;
  /** Until when nothing is sent; absent = closed. Past = half-open: one worker may try. */
  readonly openUntil?: number;
  /** How often it opened in a row. */
  readonly opens: number;
}
export const CLOSED: BreakerState = { failures: 0, opens: 0 };

/** So many failures in a row open it. A refused key opens it at once: only a person can mend that. */
export const FAILURES_TO_OPEN = 10;
/** And so does this share of at least so many calls of one worker in five minutes. */
export const SHARE_TO_OPEN = 0.7;
export const CALLS_TO_JUDGE = 10;
export const WINDOW_MS = 300_000;

/** It stays open for `openSeconds`, then twice as long and so on, up to ten times as long: 30 s to 5 min by default. */
const LONGEST = 10;
/** How long a worker that tries has the field to itself: a call's 10 s and some. */
export const TRIAL_MS = 15_000;
/** A worker that meets an open breaker keeps its batch in hand for so long, since every receive counts against the messages. */
export const HOLD_MS = 45_000;

/** @param opens how often it opened in a row before */
export const openFactor = (opens: number): number => Math.min(2 ** Math.min(opens, 10), LONGEST);

export type BreakerPhase = 'closed' | 'half-open' | 'open';
export const phaseOf = ({ openUntil }: BreakerState, now: number): BreakerPhase => {
  if (openUntil === undefined) return 'closed';
  return now < openUntil ? 'open' : 'half-open';
};

/** One worker's own calls of the last five minutes: catches an outage in which some calls still get through. */
export interface CallWindow {
  /** Answers whether too many of the recent calls failed. */
  add(ok: boolean, now: number): boolean;
}
export const createCallWindow = (): CallWindow => {
  let calls: readonly { readonly at: number; readonly ok: boolean }[] = [];
  return {
    add(ok, now) {
      calls = [...calls.filter(({ at }) => now - at < WINDOW_MS), { at: now, ok }];
      const failed = calls.filter((call) => !call.ok).length;
      const tooMany = calls.length >= CALLS_TO_JUDGE && failed >= calls.length * SHARE_TO_OPEN;
      if (tooMany) calls = [];
      return tooMany;
    },
  };
};

/** The breaker's state, shared by all workers; DynamoDB in production. Throws a DependencyError when it cannot answer. */
export interface BreakerStore {
  read(): Promise<BreakerState>;
  /** One more failure; answers the state after it. */
  countFailure(): Promise<BreakerState>;
  /** Opens until `until`, unless another worker opened or took a trial since `seen`. Answers whether it was us. */
  open(until: number, opens: number, seen: BreakerState): Promise<boolean>;
  close(): Promise<void>;
}

export interface BreakerEvents {
  /** `code` is what the last failure was. */
  opened(code: string, seconds: number): void;
  tried(): void;
  closed(): void;
}

export interface Breaker {
  /**
   * Whether calls may be made: all of them, one as a trial, or none yet. Waits up to `HOLD_MS` and no longer than
   * `deadline` for an open one.
   */
  pass(deadline: number): Promise<'all' | 'one' | 'none'>;
  /** Never throws: what cannot be written now shows at the next call. */
  succeeded(): Promise<void>;
  /** Never throws. @param refusedKey Userpilot takes no key that we have */
  failed(code: string, refusedKey: boolean): Promise<void>;
}

export interface BreakerOptions {
  readonly store: BreakerStore;
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly events: BreakerEvents;
  /** For the first time in a row. */
  readonly openSeconds: number;
}

const ADVICE_ONLY = () => undefined;

export const createBreaker = ({ store, now, sleep, events, openSeconds }: BreakerOptions): Breaker => {
  const window = createCallWindow();
  /** As this worker last saw it: a success needs no write while all is well. */
  let known = CLOSED;

  const open = async (code: string): Promise<void> => {
    const seconds = openSeconds * openFactor(known.opens);
    const until = now().getTime() + seconds * 1000;
    if (await store.open(until, known.opens + 1, known)) events.opened(code, seconds);
    known = { ...known, opens: known.opens + 1, openUntil: until };
  };

  const reportSuccess = async (): Promise<void> => {
    window.add(true, now().getTime());
    if (known.failures === 0 && known.openUntil === undefined) return;
    const wasOpen = known.openUntil !== undefined;
    await store.close();
    known = CLOSED;
    if (wasOpen) events.closed();
  };

  const reportFailure = async (code: string, refusedKey: boolean): Promise<void> => {
    const tooMany = window.add(false, now().getTime());
    const onTrial = known.openUntil !== undefined;
    const counted = await store.countFailure();
    // Another worker opened it meanwhile: our own trial is the only failure that opens it once more.
    if (!onTrial && phaseOf(counted, now().getTime()) === 'open') {
      known = counted;
      return;
    }
    known = onTrial ? { ...known, failures: counted.failures } : counted;
    if (onTrial || refusedKey || tooMany || counted.failures >= FAILURES_TO_OPEN) await open(code);
  };

  return {
    async pass(deadline) {
      const holdUntil = Math.min(now().getTime() + HOLD_MS, deadline);
      for (;;) {
        known = await store.read();
        const moment = now().getTime();
        const phase = phaseOf(known, moment);
        if (phase === 'closed') return 'all';
        if (phase === 'half-open') {
          const until = moment + TRIAL_MS;
          if (await store.open(until, known.opens, known)) {
            known = { ...known, openUntil: until };
            events.tried();
            return 'one';
          }
          continue;
        }
        const wait = Math.min(known.openUntil ?? 0, holdUntil) - moment;
        if (wait <= 0) return 'none';
        await sleep(wait);
        if (now().getTime() >= holdUntil) return 'none';
      }
    },
    succeeded: () => reportSuccess().catch(ADVICE_ONLY),
    failed: (code, refusedKey) => reportFailure(code, refusedKey).catch(ADVICE_ONLY),
  };
};
