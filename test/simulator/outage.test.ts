import { describe, expect, it } from '@jest/globals';
import { MAX_RECEIVE_COUNT } from '../../functions/manifest.ts';
import { createBacklog } from './backlog.ts';
import { mostInAMinute } from './judge.ts';
import { createStage } from './stage.ts';
import { calmPlan } from './trouble.ts';
import { createWorld, HOUR, MINUTE, START } from './world.ts';

const DOWN_MS = 72 * HOUR;
/** Messages that a queue may have in flight: SQS API reference, ReceiveMessage. */
const CAP = 120_000;

interface Outage {
  readonly events: number;
  readonly users: number;
  /** Over how long the events come; they come a few at a time, so that not every one is a moment of its own. */
  readonly spanMs: number;
}

/** No connection to Userpilot for three days, and a day to recover. */
const outage = async ({ events, users, spanMs }: Outage) => {
  const world = createWorld(72);
  const plan = calmPlan(world, {
    react: ({ at }) => (at < START + DOWN_MS ? { kind: 'no way', code: 'ECONNREFUSED' } : undefined),
  });
  const { queue, judge, invocations } = createStage(world, plan);
  const spacing = spanMs / events;
  const { messageOf, newest } = createBacklog(world.random.fork(), {
    users,
    at: (index) => START + Math.floor(index * spacing),
  });
  const few = Math.ceil(events / 2000);
  for (let index = 0; index < events; index += few)
    world.after(index * spacing, () => queue.send(Array.from({ length: few }, (_, offset) => messageOf(index + offset))));
  await world.run(START + DOWN_MS);
  const during = { receives: queue.figures.receives, invocations: invocations(), waiting: queue.figures.sizes() };
  const ended = await world.run(START + DOWN_MS + 24 * HOUR);
  const calls = judge.log.map(({ at }) => at);
  return {
    during,
    ended,
    queue,
    calls: calls.length,
    mostCalls: mostInAMinute(calls),
    drainMinutes: ((calls.at(-1) ?? 0) - START - DOWN_MS) / MINUTE,
    wrong: [...newest].filter(([entity, state]) => judge.profile(entity)?.properties.get('state') !== state),
  };
};

const EVENTS = 200_000;
const USERS = 8_000;

describe('Userpilot is down for three days', () => {
  it(`loses none of ${EVENTS} events, and none goes to the dead letters`, async () => {
    const began = performance.now();
    const { during, ended, queue, calls, mostCalls, drainMinutes, wrong } = await outage({
      events: EVENTS,
      users: USERS,
      spanMs: DOWN_MS,
    });
    const { highestReceiveCount, highestInFlight } = queue.figures;
    console.log(
      [
        `outage of 72 h, ${EVENTS} events of ${USERS} users`,
        `during the outage: ${during.receives} receives by ${during.invocations} invocations`,
        `highest receive count: ${highestReceiveCount} of ${MAX_RECEIVE_COUNT}`,
        `most in flight: ${highestInFlight} of ${CAP}`,
        `drained in ${drainMinutes.toFixed(0)} min by ${calls} calls, at most ${mostCalls} a minute`,
        `lost: ${EVENTS - queue.consumed.length}, dead letters: ${queue.deadLetters.length}, wrong states: ${wrong.length}`,
        `real time: ${((performance.now() - began) / 1000).toFixed(0)} s, heap: ${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(0)} MiB`,
      ].join('\n'),
    );
    expect({ ended, ...queue.figures.sizes() }).toEqual({ ended: true, waiting: 0, inFlight: 0, deadLetters: 0 });
    expect(queue.consumed).toHaveLength(EVENTS);
    expect(wrong).toEqual([]);
    expect(highestReceiveCount).toBeLessThanOrEqual(MAX_RECEIVE_COUNT);
    expect(highestInFlight).toBeLessThan(CAP);
    expect(mostCalls).toBeLessThanOrEqual(600);
  }, 240_000);

  // The fewer messages there are, the more often each is received: nothing else keeps the workers busy.
  it.each([1, 10, 200])('keeps %i events within the receives that a message has', async (events) => {
    const { ended, queue, drainMinutes, wrong } = await outage({ events, users: events, spanMs: MINUTE });
    const { highestReceiveCount } = queue.figures;
    console.log(
      `72 h with ${events} events: received up to ${highestReceiveCount} times, delivered after ${drainMinutes.toFixed(0)} min`,
    );
    expect({ ended, dead: queue.deadLetters.length, wrong }).toEqual({ ended: true, dead: 0, wrong: [] });
    expect(highestReceiveCount).toBeLessThan(MAX_RECEIVE_COUNT);
  });
});
