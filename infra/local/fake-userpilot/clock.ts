/** The fake's time: the given clock plus whatever `advance` added, and never backwards. */
export interface Clock {
  /** Epoch ms of the fake's own time: allowances, jobs and the nightly deletion live by it. */
  now(): number;
  /** Epoch ms without `advance`: the time that callers live in. */
  callersNow(): number;
  advance(ms: number): void;
  /** Holds `now` at or after this moment: what the journal recorded has happened. */
  notBefore(at: number): void;
}

export const createClock = (source: () => number): Clock => {
  let added = 0;
  let latest = Number.NEGATIVE_INFINITY;
  let callersLatest = Number.NEGATIVE_INFINITY;
  const clock: Clock = {
    now: () => {
      latest = Math.max(latest, source() + added);
      return latest;
    },
    callersNow: () => {
      callersLatest = Math.max(callersLatest, source());
      return callersLatest;
    },
    advance: (ms) => {
      added += ms;
    },
    notBefore: (at) => {
      latest = Math.max(latest, at);
    },
  };
  return clock;
};
