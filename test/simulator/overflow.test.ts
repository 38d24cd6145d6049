import { describe, expect, it } from '@jest/globals';
import { createBacklog } from './backlog.ts';
import { createBulkEndpoint, type JobEnding } from './bulk-endpoint.ts';
import { mostInAMinute } from './judge.ts';
import { startOverflow } from './overflow-runs.ts';
import type { Fate } from './process.ts';
import { createStage, type Plan } from './stage.ts';
import { calmPlan } from './trouble.ts';
import { createWorld, HOUR, MINUTE, SECOND, START } from './world.ts';

interface Burst {
  readonly signUps: number;
  /** Of the same users, a little later each, until the burst is drained. @default 0 */
  readonly updates?: number;
  readonly overflow?: { readonly from?: number; readonly bulkFrom?: number } | false;
  readonly ends?: (job: number) => JobEnding;
  readonly rowsPerSecond?: number;
  readonly fateOf?: Plan['fateOf'];
  readonly seed?: number;
}

/** Within a minute everybody signs up, and some change something in the half hour that follows. */
const burst = async ({ signUps, updates = 0, overflow = {}, ends, rowsPerSecond, fateOf, seed = 50 }: Burst) => {
  const world = createWorld(seed);
  const stage = createStage(world, calmPlan(world, fateOf === undefined ? {} : { fateOf }));
  const { queue, judge } = stage;
  const { messageOf, newest } = createBacklog(world.random.fork(), {
    users: signUps,
    at: (index) => START + (index < signUps ? (index / signUps) * MINUTE : MINUTE + ((index - signUps) / updates) * 30 * MINUTE),
  });
  const send = (from: number, to: number, few: number, spanMs: number, startMs: number) => {
    for (let index = from; index < to; index += few)
      world.after(startMs + ((index - from) / (to - from)) * spanMs, () =>
        queue.send(Array.from({ length: Math.min(few, to - index) }, (_, offset) => messageOf(index + offset))),
      );
  };
  send(0, signUps, 500, MINUTE, 0);
  send(signUps, signUps + updates, 10, 30 * MINUTE, MINUTE);
  const bulk = createBulkEndpoint({ world, judge, ...(ends && { ends }), ...(rowsPerSecond && { rowsPerSecond }) });
  const runs = overflow === false ? undefined : startOverflow(stage, { bulk, ...overflow });
  const total = signUps + updates;
  const look = () => (queue.consumed.length === total ? runs?.stop() : world.after(10 * SECOND, look));
  look();
  const ended = await world.run(START + 12 * HOUR);
  const calls = judge.log.map(({ at }) => at);
  const wrong = [...newest].filter(([entity, state]) => judge.profile(entity)?.properties.get('state') !== state);
  return {
    minutes: ((queue.consumed.at(-1)?.consumedAt ?? 0) - START) / MINUTE,
    calls: calls.length,
    mostCalls: mostInAMinute(calls),
    bulk: bulk.figures,
    runs: runs?.figures,
    queue,
    right: {
      ended,
      consumed: queue.consumed.length,
      left: queue.figures.sizes(),
      wrong: wrong.length,
      overlapping: Math.max(0, bulk.figures.mostAtOnce - 1),
    },
  };
};
const rightFor = (consumed: number) => ({
  ended: true,
  consumed,
  left: { waiting: 0, inFlight: 0, deadLetters: 0 },
  wrong: 0,
  overlapping: 0,
});

const SIGN_UPS = 50_000;

describe('more sign-ups than single calls can drain soon', () => {
  it(`${SIGN_UPS} of them drain at least twice as fast`, async () => {
    const alone = await burst({ signUps: SIGN_UPS, overflow: false });
    const both = await burst({ signUps: SIGN_UPS });
    console.log(
      [
        `${SIGN_UPS} sign-ups within a minute`,
        `single calls alone: ${alone.minutes.toFixed(0)} min, ${alone.calls} calls, at most ${alone.mostCalls} a minute`,
        `with the overflow: ${both.minutes.toFixed(0)} min, ${both.calls} calls, at most ${both.mostCalls} a minute, ${both.bulk.rows} rows in ${both.bulk.jobs} jobs`,
        `${(alone.minutes / both.minutes).toFixed(1)} times as fast; largest step result ${both.runs?.stored} B; most receives of a message ${both.queue.figures.highestReceiveCount}`,
      ].join('\n'),
    );
    expect(alone.right).toEqual(rightFor(SIGN_UPS));
    expect(both.right).toEqual(rightFor(SIGN_UPS));
    expect(alone.minutes / both.minutes).toBeGreaterThanOrEqual(2);
    expect(Math.max(alone.mostCalls, both.mostCalls)).toBeLessThanOrEqual(600);
    expect(both.queue.figures.highestReceiveCount).toBeLessThan(20);
    // Everybody once, one way or the other.
    expect(both.calls + both.bulk.rows).toBe(SIGN_UPS);
  }, 600_000);
});

/** Small enough to be played again and again: a job of five or more, and thirty people. */
const few = (rest: Partial<Burst> = {}) => burst({ signUps: 3000, overflow: { from: 100, bulkFrom: 50 }, ...rest });

describe('the overflow', () => {
  it('lets the newest state win while the same users change', async () => {
    const { right, bulk, mostCalls } = await few({ updates: 1500 });
    expect(right).toEqual(rightFor(4500));
    expect(bulk.jobs).toBeGreaterThan(0);
    expect(mostCalls).toBeLessThanOrEqual(600);
  }, 60_000);

  it.each([
    ['a job fails', (job) => (job === 1 ? 'failed' : 'completed')],
    ['a job writes half of its rows and says it is done', (job) => (job === 1 ? 'partly' : 'completed')],
    ['every job fails', () => 'failed'],
  ] satisfies readonly (readonly [string, NonNullable<Burst['ends']>])[])(
    'loses nothing when %s',
    async (_, ends) => {
      const { right, bulk, queue, mostCalls } = await few({ updates: 500, ends });
      expect(right).toEqual(rightFor(3500));
      expect(bulk.jobs).toBeGreaterThan(0);
      expect(mostCalls).toBeLessThanOrEqual(600);
      expect(queue.figures.highestReceiveCount).toBeLessThan(20);
    },
    60_000,
  );

  it('keeps the order when Userpilot takes five times as long as it says', async () => {
    const { right, bulk } = await few({ updates: 1500, rowsPerSecond: 4 });
    expect(right).toEqual(rightFor(4500));
    expect(bulk.jobs).toBeGreaterThan(0);
  }, 60_000);

  it('ends in the same state wherever it dies', async () => {
    const small = (fateOf: Plan['fateOf']) => burst({ signUps: 400, updates: 60, overflow: { from: 10, bulkFrom: 20 }, fateOf });
    const crossingsOf = (at: number, fate: Fate) => {
      let crossings = 0;
      const fateOf: Plan['fateOf'] = ({ process }) => {
        if (!process.name.startsWith('overflow')) return 'answer';
        crossings += 1;
        return crossings === at ? fate : 'answer';
      };
      return { fateOf, count: () => crossings };
    };
    const calm = crossingsOf(0, 'answer');
    const reference = await small(calm.fateOf);
    expect(reference.right).toEqual(rightFor(460));
    expect(reference.bulk.jobs).toBeGreaterThan(0);
    // Every boundary of the steps, and a share of the hundreds of messages and marks, which are all alike.
    const chosen = Array.from({ length: calm.count() }, (_, index) => index + 1).filter((at) => at < 12 || at % 13 === 0);
    for (const at of chosen)
      for (const fate of ['die before', 'die after'] as const) {
        const { right, runs } = await small(crossingsOf(at, fate).fateOf);
        expect({ at, fate, deaths: runs?.deaths, ...right }).toEqual({ at, fate, deaths: 1, ...rightFor(460) });
      }
    console.log(
      `died before and after each of ${chosen.length} of ${calm.count()} ways out of the process: the same state each time`,
    );
  }, 240_000);
});
