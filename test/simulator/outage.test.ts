import { describe, expect, it } from '@jest/globals';
import { MAX_RECEIVE_COUNT } from '../../functions/manifest.ts';
import { createBacklog } from './backlog.ts';
import { mostInAMinute } from './judge.ts';
import { createStage } from './stage.ts';
import { calmPlan } from './trouble.ts';
import { createWorld, HOUR, MINUTE, START } from './world.ts';

const EVENTS = 200_000;
const USERS = 8_000;
const DOWN_MS = 72 * HOUR;
/** Messages that a queue may have in flight: SQS API reference, ReceiveMessage. */
const CAP = 120_000;

describe('Userpilot is down for three days', () => {
  it(`loses none of ${EVENTS} events, and none goes to the dead letters`, async () => {
    const began = performance.now();
    const world = createWorld(72);
    const plan = calmPlan(world, {
      react: ({ at }) => (at < START + DOWN_MS ? { kind: 'no way', code: 'ECONNREFUSED' } : undefined),
    });
    const { queue, judge, invocations } = createStage(world, plan);
    const spacing = DOWN_MS / EVENTS;
    const { messageOf, newest } = createBacklog(world.random.fork(), {
      users: USERS,
      at: (index) => START + Math.floor(index * spacing),
    });
    // They come evenly, a hundred at a time so that not every one is a moment of its own.
    for (let index = 0; index < EVENTS; index += 100)
      world.after(index * spacing, () => queue.send(Array.from({ length: 100 }, (_, offset) => messageOf(index + offset))));
    await world.run(START + DOWN_MS);
    const atTheEnd = { ...queue.figures, ...queue.figures.sizes(), invocations: invocations() };
    const ended = await world.run(START + DOWN_MS + 24 * HOUR);
    const wrong = [...newest].filter(([entity, state]) => judge.profile(entity)?.properties.get('state') !== state);
    const calls = judge.log.map(({ at }) => at);
    const drainMinutes = ((judge.log.at(-1)?.at ?? 0) - START - DOWN_MS) / MINUTE;
    console.log(
      [
        `outage of 72 h, ${EVENTS} events of ${USERS} users`,
        `receives during the outage: ${atTheEnd.receives} by ${atTheEnd.invocations} invocations`,
        `highest receive count: ${queue.figures.highestReceiveCount} of ${MAX_RECEIVE_COUNT}`,
        `most in flight: ${queue.figures.highestInFlight} of ${CAP}`,
        `drained in ${drainMinutes.toFixed(0)} min by ${calls.length} calls, at most ${mostInAMinute(calls)} a minute`,
        `lost: ${EVENTS - queue.consumed.length}, dead letters: ${queue.deadLetters.length}, wrong states: ${wrong.length}`,
        `real time: ${((performance.now() - began) / 1000).toFixed(0)} s, heap: ${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(0)} MiB`,
      ].join('\n'),
    );
    expect({ ended, ...queue.figures.sizes() }).toEqual({ ended: true, waiting: 0, inFlight: 0, deadLetters: 0 });
    expect(queue.consumed).toHaveLength(EVENTS);
    expect(wrong).toEqual([]);
    expect(queue.figures.highestReceiveCount).toBeLessThanOrEqual(MAX_RECEIVE_COUNT);
    expect(queue.figures.highestInFlight).toBeLessThan(CAP);
    expect(mostInAMinute(calls)).toBeLessThanOrEqual(600);
  }, 240_000);
});
