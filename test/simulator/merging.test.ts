import { describe, expect, it } from '@jest/globals';
import { createBacklog } from './backlog.ts';
import { createStage } from './stage.ts';
import { calmPlan } from './trouble.ts';
import { createWorld, MINUTE, SECOND, START } from './world.ts';

const EVENTS = 10_000;
const USERS = 100;

/** A backlog, and a pause that Userpilot asks for with its first answers. */
const drain = async (users: number, events: number, pauseSeconds?: number) => {
  const world = createWorld(1);
  const plan = calmPlan(world, {
    react: ({ at }) =>
      pauseSeconds !== undefined && at < START + 5 * SECOND
        ? { kind: 'answer', status: 429, headers: { 'retry-after': String(pauseSeconds) } }
        : undefined,
  });
  const stage = createStage(world, plan);
  const { messageOf, newest } = createBacklog(world.random.fork(), { users, at: (index) => START + index });
  stage.queue.send(Array.from({ length: events }, (_, index) => messageOf(index)));
  await world.run();
  const wrong = [...newest].filter(([entity, state]) => stage.judge.profile(entity)?.properties.get('state') !== state);
  const minutes = ((stage.judge.log.at(-1)?.at ?? START) - START) / MINUTE;
  return { ...stage, wrong, minutes };
};

describe('a backlog', () => {
  it(`of ${EVENTS} updates of ${USERS} users makes about one call a batch, not one an update`, async () => {
    const { judge, queue, wrong, minutes } = await drain(USERS, EVENTS);
    const { batches } = queue.figures;
    console.log(
      `${EVENTS} updates of ${USERS} users: ${judge.log.length} calls, ${batches} batches, ${minutes.toFixed(1)} min instead of ${(EVENTS / 540).toFixed(1)}`,
    );
    expect(wrong).toEqual([]);
    // A batch of ten may hold the end of one user's queue and the beginning of another's.
    expect(judge.log.length).toBeLessThanOrEqual(batches + USERS);
  });
  it('goes on after a long Retry-After, at the pace at which it would have gone', async () => {
    const users = 5000;
    const { judge, queue, wrong, minutes } = await drain(users, users, 60);
    console.log(
      `${users} users after a pause of 60 s: ${judge.log.length} calls, ${queue.figures.receives} receives, ${minutes.toFixed(1)} min`,
    );
    expect(wrong).toEqual([]);
    expect(minutes).toBeLessThan(users / 520 + 4);
    expect(queue.figures.highestReceiveCount).toBeLessThanOrEqual(3);
  });
});
