import type { World } from './world.ts';

/** Every place where our code leaves the process. */
export type Port =
  | 'secrets.read'
  | 'breaker.read'
  | 'breaker.write'
  | 'limiter.write'
  | 'limiter.push'
  | 'ledger.begin'
  | 'ledger.commit'
  | 'ledger.read'
  | 'ledger.mark'
  | 'erasures.note'
  | 'erasures.hold'
  | 'jobs.read'
  | 'jobs.write'
  | 'userpilot'
  | 'queue.send'
  | 'queue.retryIn'
  | 'queue.size'
  | 'queue.take'
  | 'runs.write'
  | 'userpilot.bulk'
  | 'rejected.park'
  | 'sleep'
  | 'turn';

/**
 * What becomes of one crossing.
 * - fail: nothing is done, and the caller hears of a failure; lose: it is done, and the caller hears of a failure
 * - twice: done two times, as by a client that repeats what it got no answer to; late: done after the caller gave up
 * - partly: what the port calls a failure in part, a condition that does not hold or some entries of a batch
 * - hang: no answer ever, so that the function runs into its time limit
 * - die before, die after: the process ends before or after it is done; nothing further of it runs
 */
export type Fate = 'answer' | 'fail' | 'lose' | 'twice' | 'late' | 'partly' | 'slow' | 'hang' | 'die before' | 'die after';

export interface Crossing {
  readonly port: Port;
  readonly process: Process;
  /** Epoch milliseconds of the world, not of the process. */
  readonly at: number;
}

/** One execution environment of a Lambda function: it works on one event at a time, and once dead it stays dead. */
export interface Process {
  readonly name: string;
  isAlive(): boolean;
  /** Its promises never resolve from here on. What it already sent off still arrives. */
  die(): void;
  /** Called at once when it dies; a later call replaces the former one. */
  onDeath(act: () => void): void;
  /** Its own clock, which may be wrong. */
  now(): Date;
  /** Leaves the process for `effect`, at the other end, at once and all or nothing. */
  cross<T>(port: Port, effect: () => T | Promise<T>, otherwise: Otherwise<T>): Promise<T>;
  sleep(milliseconds: number): Promise<void>;
  /** Like `cross`, for those who decide on the course of things themselves. */
  fateOf(port: Port): Fate;
  /** After so many milliseconds, if it still lives. */
  later(milliseconds: number, act: () => void): void;
}

/** What the caller gets in place of an answer. */
export interface Otherwise<T> {
  readonly failure: () => Error;
  /** @default the failure */
  readonly partly?: () => T | Promise<T>;
}

export interface ProcessOptions {
  readonly name: string;
  readonly world: World;
  /** Milliseconds that its clock is ahead. */
  readonly skewMs: number;
  readonly fateOf: (crossing: Crossing) => Fate;
}

/** Milliseconds. Ways inside a region are short; a client of AWS that gives up has tried three times. */
const QUICK = [1, 15] as const;
const SLOW = [500, 3000] as const;
const GIVING_UP = [200, 9000] as const;
const LATE = [10_000, 90_000] as const;

/** Done at once, with its result or failure to be heard of later. */
const attempt = <T>(act: () => T | Promise<T>): Promise<T> => {
  const result = (async () => act())();
  result.catch(() => undefined);
  return result;
};

export const createProcess = ({ name, world, skewMs, fateOf }: ProcessOptions): Process => {
  const { random } = world;
  let alive = true;
  let mourn: () => void = () => undefined;
  const die = () => {
    if (!alive) return;
    alive = false;
    world.note(`${name} dies`);
    mourn();
  };
  const later = (milliseconds: number, act: () => void) =>
    world.after(milliseconds, () => {
      if (alive) act();
    });

  const process: Process = {
    name,
    isAlive: () => alive,
    die,
    onDeath(act) {
      mourn = act;
    },
    now: () => new Date(world.now() + skewMs),
    later,
    fateOf: (port) => fateOf({ port, process, at: world.now() }),
    cross: <T>(port: Port, effect: () => T | Promise<T>, { failure, partly = () => Promise.reject(failure()) }: Otherwise<T>) =>
      new Promise<T>((resolve, reject) => {
        if (!alive) return;
        const fate = process.fateOf(port);
        world.note(`${name} ${port} ${fate}`);
        const [least, most] = fate === 'slow' ? SLOW : QUICK;
        const way = () => random.between(least, most);
        const act = () => attempt(effect);
        const giveUp = () => later(random.between(...GIVING_UP), () => reject(failure()));
        switch (fate) {
          case 'hang':
            return;
          case 'die before':
            return die();
          case 'fail':
            return giveUp();
          case 'partly':
            return later(way(), () => resolve(attempt(partly)));
          case 'late':
            world.after(random.between(...LATE), act);
            return giveUp();
          default:
            world.after(way(), () => {
              let result = act();
              if (fate === 'twice') result = act();
              if (fate === 'die after') die();
              else if (fate === 'lose') giveUp();
              else later(way(), () => resolve(result));
            });
        }
      }),
    sleep: (milliseconds) =>
      new Promise((resolve) => {
        if (!alive) return;
        if (process.fateOf('sleep').startsWith('die')) die();
        else later(milliseconds, resolve);
      }),
  };
  return process;
};

/** Environments of one function: an idle one is used again, as Lambda does, and a dead one never. */
export interface Pool<T> {
  take(): T;
  /** @param reusable false when it died or is given up */
  giveBack(item: T, reusable: boolean): void;
}

export const createPool = <T>(create: () => T): Pool<T> => {
  const idle: T[] = [];
  return {
    take: () => idle.pop() ?? create(),
    giveBack(item, reusable) {
      if (reusable) idle.push(item);
    },
  };
};
