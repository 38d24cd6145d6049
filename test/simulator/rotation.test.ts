import { describe, expect, it } from '@jest/globals';
import { createBacklog } from './backlog.ts';
import { API_KEY_SECRET } from './deliver-worker.ts';
import { mismatchesOf } from './oracle.ts';
import { SIGNED_SOURCES } from './receive-worker.ts';
import { createStage, FIRST_KEY, type Stage } from './stage.ts';
import { createTraffic, USUAL } from './traffic.ts';
import { calmPlan } from './trouble.ts';
import { startVendor } from './vendor.ts';
import { createWorld, MINUTE, SECOND, START } from './world.ts';

const SEEDS = 8;
const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1);
const NEXT_KEY = 'invented-key-2';
const EVENTS = 400;
/** Milliseconds to Userpilot, each way: always the same, so that it can be told what a worker knew when it sent a call. */
const QUICK_MS = 50;
const SLOW_MS = 400;

/** A worker's refused calls, in the order in which they arrived. */
const refusedByWorker = ({ judge }: Stage) => [
  ...Map.groupBy(
    judge.log.filter(({ refused }) => refused),
    ({ by }) => by,
  ).values(),
];

interface Load {
  /** A backlog, or four events a second. */
  readonly atOnce: boolean;
  /** For how long both keys count. */
  readonly overlapMs: number;
  readonly wayMs: number;
}

/** Events of as many users, while Userpilot's key is changed. */
const underLoad = async (seed: number, { atOnce, overlapMs, wayMs }: Load) => {
  const world = createWorld(seed);
  const stage = createStage(world, calmPlan(world, { wayMs: () => wayMs }));
  const { messageOf, newest } = createBacklog(world.random.fork(), { users: EVENTS, at: (index) => START + index });
  for (let index = 0; index < EVENTS; index += 1)
    world.after(atOnce ? 0 : index * 250, () => stage.queue.send([messageOf(index)]));
  const changedAt = world.random.between(35, 45) * SECOND;
  world.after(changedAt, () => {
    stage.vault.put(API_KEY_SECRET, { apiKey: NEXT_KEY });
    if (overlapMs > 0) stage.judge.accept([FIRST_KEY, NEXT_KEY]);
  });
  world.after(changedAt + overlapMs, () => stage.judge.accept([NEXT_KEY]));
  await world.run();
  const wrong = [...newest].filter(([entity, state]) => stage.judge.profile(entity)?.properties.get('state') !== state);
  return { stage, wrong };
};

describe("Userpilot's key changes under load", () => {
  const calm = (seed: number) => ({ seed, wrong: [], dead: 0, receives: 1 });
  const endOf = (seed: number, { stage: { queue }, wrong }: Awaited<ReturnType<typeof underLoad>>) => ({
    seed,
    wrong,
    dead: queue.deadLetters.length,
    receives: queue.figures.highestReceiveCount,
  });

  it.each([
    ['four events a second', false],
    ['a backlog', true],
  ])('%s: no call fails when both keys count until every worker has looked again', async (_, atOnce) => {
    for (const seed of seeds) {
      const result = await underLoad(seed, { atOnce, overlapMs: 6 * MINUTE, wayMs: QUICK_MS });
      expect(endOf(seed, result)).toEqual(calm(seed));
      expect(refusedByWorker(result.stage)).toEqual([]);
    }
  });
  it.each([
    ['four events a second', false, QUICK_MS, 1],
    ['a backlog', true, QUICK_MS, 1],
    ['a backlog and slow answers', true, SLOW_MS, 10],
  ])('%s, and the old key ends at once: only calls that were under way fail', async (name, atOnce, wayMs, atMost) => {
    let most = 0;
    for (const seed of seeds) {
      const result = await underLoad(seed, { atOnce, overlapMs: 0, wayMs });
      expect(endOf(seed, result)).toEqual(calm(seed));
      for (const calls of refusedByWorker(result.stage)) {
        most = Math.max(most, calls.length);
        const heardAt = (calls[0]?.at ?? 0) + wayMs;
        expect(calls.filter(({ at }) => at - wayMs > heardAt)).toEqual([]);
      }
    }
    console.log(`key ended at once, ${name}, ${SEEDS} runs: at most ${most} failed calls of a worker, no event delayed`);
    expect(most).toBeLessThanOrEqual(atMost);
  });
});

describe('signing secrets change under load', () => {
  const former = { clerk: 'Zm9ybWVyIGludmVudGVkIHNlY3JldA==', stripe: 'former-invented' };
  const next = { clerk: 'bmV4dCBpbnZlbnRlZCBzZWNyZXQ=', stripe: 'next-invented' };

  /** @param vendorFirst the vendor signs with both before we know the new one; otherwise we know it first */
  const run = async (seed: number, vendorFirst: boolean) => {
    const world = createWorld(seed);
    const stage = createStage(world, calmPlan(world));
    const traffic = { ...USUAL, events: 200, users: 20, spanMs: 20 * MINUTE };
    const happenings = createTraffic(world.random.fork(), traffic);
    const secretsOf = (source: (typeof SIGNED_SOURCES)[number]): readonly string[] => {
      const [old, fresh] = [`whsec_${former[source]}`, `whsec_${next[source]}`];
      const minute = (world.now() - START) / MINUTE;
      if (minute < 6) return [old];
      if (!vendorFirst) return [fresh];
      return minute < 14 ? [fresh, old] : [fresh];
    };
    const know = (secrets: typeof former) => {
      for (const source of SIGNED_SOURCES) stage.vault.put(source, { signingSecrets: [`whsec_${secrets[source]}`] });
    };
    know(former);
    world.after(vendorFirst ? 10 * MINUTE : 5 * MINUTE, () => know(next));
    const vendor = startVendor(stage, happenings, { traffic, secretsOf });
    const ended = await world.run();
    return { vendor, mismatches: mismatchesOf({ stage, happenings, acknowledged: vendor.acknowledged, ended }) };
  };

  it.each([
    ['the vendor signs with both for a while', true],
    ['we accept both before the vendor changes', false],
  ])('%s: no valid event is refused', async (_, vendorFirst) => {
    for (const seed of seeds) {
      const { vendor, mismatches } = await run(seed, vendorFirst);
      expect({ seed, refusals: vendor.refusals, mismatches }).toEqual({ seed, refusals: [], mismatches: [] });
    }
  });
});
