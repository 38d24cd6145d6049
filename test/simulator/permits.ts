import { DependencyError } from '../../functions/core/errors.ts';
import { createLimiter } from '../../functions/core/limiter.ts';
import { OutOfTime } from '../../functions/core/ports.ts';
import { mostInAMinute } from './judge.ts';
import { createProcess } from './process.ts';
import type { Random } from './random.ts';
import { createTable } from './table.ts';
import { createWorld, MINUTE, SECOND, START } from './world.ts';

/** Milliseconds. No call takes longer: our client gives up. */
const LONGEST_WAY_MS = 10 * SECOND;
/** How long the calls of a run are on their way: each by itself, or held back together and let go at once. */
const ways = {
  quick: () => () => 0,
  even: (random) => () => random.between(0, LONGEST_WAY_MS),
  'quick or slow': (random) => () => (random.chance(0.5) ? 0 : LONGEST_WAY_MS),
  stalling: (random) => {
    const period = LONGEST_WAY_MS + random.between(50, 80) * SECOND;
    return (at) => Math.max(0, LONGEST_WAY_MS - (at % period));
  },
} as const satisfies Record<string, (random: Random) => (at: number) => number>;
export type Way = keyof typeof ways;
const SKEW_MS = 2 * SECOND;
const RUN_MS = 3 * MINUTE;
/** What a function has left of its 60 s when it asks for permits. */
const PATIENCE_MS = 48 * SECOND;

export interface PermitsOutcome {
  readonly calls: number;
  /** Arrivals at Userpilot in the fullest 60 seconds. */
  readonly most: number;
  /** Permits a minute while the backlog stood. */
  readonly perMinute: number;
  /** Whether the table answered every time. */
  readonly calm: boolean;
  readonly fingerprint: string;
}

const isExpected = (error: unknown): boolean => error instanceof DependencyError || error instanceof OutOfTime;

/**
 * Workers with a backlog and nothing but the limiter to slow them down: they ask for up to ten permits at a time, their
 * clocks are up to 2 s off, calls take up to 10 s to arrive, and some workers end and are replaced.
 */
export const simulatePermits = async (seed: number, way: Way): Promise<PermitsOutcome> => {
  const world = createWorld(seed);
  const { random } = world;
  const table = createTable(world);
  const wayMs = ways[way](random.fork());
  const failing = random.pick([0, 0, 0.02]);
  const batch = random.pick([10, 10, 5]);
  const given: number[] = [];
  const arrivals: number[] = [];
  const end = START + RUN_MS;

  const work = async (): Promise<void> => {
    const process = createProcess({
      name: 'worker',
      world,
      skewMs: Math.round(random.between(-SKEW_MS, SKEW_MS)),
      fateOf: ({ port }) => (port === 'limiter.write' && random.chance(failing) ? 'fail' : 'answer'),
    });
    const { now, sleep } = process;
    const limiter = createLimiter({ store: table.seenBy(process).limiter, now, sleep, turn: () => sleep(0) });
    const call = async () => {
      await limiter.take('identify', now().getTime() + PATIENCE_MS);
      given.push(world.now());
      world.after(wayMs(world.now() - START), () => arrivals.push(world.now()));
    };
    for (let left = 5 + random.below(200); left > 0 && world.now() < end; left -= 1) {
      const answers = await Promise.allSettled(Array.from({ length: 1 + random.below(batch) }, call));
      for (const answer of answers) if (answer.status === 'rejected' && !isExpected(answer.reason)) throw answer.reason;
      await sleep(random.between(0, 50));
    }
    if (world.now() < end) await work();
  };

  const workers = Promise.all(Array.from({ length: 2 + random.below(3) }, work));
  await world.run();
  await workers;
  const span = (given.at(-1) ?? 0) - (given[0] ?? 0);
  return {
    calls: given.length,
    most: mostInAMinute(arrivals),
    perMinute: (given.length / span) * MINUTE,
    calm: failing === 0,
    fingerprint: world.fingerprint(),
  };
};
