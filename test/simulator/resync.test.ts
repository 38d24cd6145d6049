import { describe, expect, it } from '@jest/globals';
import { bringOver, bringOverChanges, NOT_LISTED } from './resync-crowd.ts';
import { createResyncWorld, type Person, type WorldOptions } from './resync-world.ts';

const small = (options: Partial<Parameters<typeof createResyncWorld>[0]> = {}) => {
  const states = new Map<string, number>();
  const world = createResyncWorld({
    people: 47,
    pageSize: 5,
    maxRows: 15,
    bulkFrom: 3,
    onUser: (id, state) => states.set(id, state),
    ...options,
  });
  return { world, states };
};
const all = (people: number, state = 1) => Object.fromEntries(Array.from({ length: people }, (_, index) => [`u${index}`, state]));

describe('a resync in virtual time', () => {
  it('brings everybody over, one job at a time, and nobody twice', async () => {
    const { world, states } = small();
    const { end } = await world.run('r1');
    expect(Object.fromEntries(states)).toEqual(all(47));
    expect(end).toMatchObject({ ended: 'done', counts: { listed: 47, bulk: 45, live: 2, jobs: 3 } });
    expect(world.figures).toMatchObject({ jobs: 3, jobRows: 45, live: 2, overlapping: 0 });
  });

  it('sends nothing that Userpilot has already', async () => {
    const { world } = small();
    await world.run('r1');
    const { jobs } = world.figures;
    const { end } = await world.run('r2');
    expect(end).toMatchObject({ counts: { listed: 47, unchanged: 45, bulk: 0 } });
    expect(world.figures.jobs).toBe(jobs);
  });

  it('sends the changed ones only, and few of them through the queue', async () => {
    const people: Person[] = Array.from({ length: 47 }, (_, index) => ({ id: `u${index}`, state: 1, updatedAt: index }));
    const { world, states } = small({ bulkFrom: 5, person: (index) => people[index] as Person }); // as many as are listed
    await world.run('r1');
    people[7] = { id: 'u7', state: 2, updatedAt: 2000 };
    const { end } = await world.run('r2');
    expect(end).toMatchObject({ counts: { bulk: 0, jobs: 0 } });
    expect(states.get('u7')).toBe(2);
  });

  it('waits for a job that somebody else started', async () => {
    const { world, states } = small();
    world.hold(6000);
    await world.run('r1');
    expect(Object.fromEntries(states)).toEqual(all(47));
    expect(world.figures.overlapping).toBe(0);
    expect(world.minutes()).toBeGreaterThan(5);
  });

  it('hands over to a successor before an execution has too many operations', async () => {
    const { world, states } = small();
    world.hold(20 * 3600 * 50);
    const { executions, end } = await world.run('r1');
    expect(executions).toBeGreaterThan(1);
    expect(world.figures.operations).toBeLessThan(3000);
    expect(end).toMatchObject({ ended: 'done', counts: { listed: 47 } });
    expect(Object.fromEntries(states)).toEqual(all(47));
  });

  it.each([
    ['a job that fails', (job: number) => (job === 2 ? 'failed' : 'completed')],
    ['a job that writes half of its rows', (job: number) => (job === 2 ? 'partly' : 'completed')],
    ['jobs that always fail', () => 'failed'],
  ] satisfies readonly (readonly [string, WorldOptions['jobEnds']])[])(
    'brings everybody over in spite of %s',
    async (_, jobEnds) => {
      const { world, states } = small({ jobEnds });
      const { end } = await world.run('r1');
      expect(end).toMatchObject({ ended: 'done' });
      expect(Object.fromEntries(states)).toEqual(all(47));
    },
  );

  it('sends what several pages tell of somebody as one row, the newest of it', async () => {
    const times = { id: 'u3', state: 2, updatedAt: 2_000_000_000_000 };
    const people = (index: number): Person => (index === 12 ? times : { id: `u${index}`, state: 1, updatedAt: index });
    const { world, states } = small({ person: people });
    const { end } = await world.run('r1');
    expect(end).toMatchObject({ counts: { listed: 47, bulk: 44, live: 2 } });
    expect(states.get('u3')).toBe(2);
  });

  it('takes the rows of a job that nobody watched into the next one, however long that job went on', async () => {
    for (let at = 1; at <= 4; at += 1) {
      const { world, states } = small({ people: 2500, pageSize: 500, maxRows: 2500 });
      await world.run('r1', { crashAt: [at] });
      expect(world.figures).toMatchObject({ live: 0, overlapping: 0, crashes: 1 });
      expect(states.size).toBe(2500);
    }
  });

  describe('of users who are not listed any more', () => {
    const SCHEDULE = 'rate(1 day)';
    const crowd = (settings = {}) => {
      const people: Person[] = Array.from({ length: 47 }, (_, index) => ({ id: `u${index}`, state: 1, updatedAt: index }));
      const options = { bulkFrom: 3, people: () => people.length, person: (index: number) => people[index] as Person, settings };
      const remove = (...ids: readonly string[]) => {
        for (const id of ids)
          people.splice(
            people.findIndex((person) => person.id === id),
            1,
          );
      };
      return { people, remove, ...small(options) };
    };

    it('counts those whom the vendor removed between two runs, and not who is back', async () => {
      const { world, people, remove } = crowd();
      expect((await world.run('r1')).end).toMatchObject({ counts: { listed: 47, missing: 0 } });
      remove('u3', 'u30', 'u44');
      expect((await world.run('r2')).end).toMatchObject({ counts: { listed: 44, missing: 3 } });
      people.push({ id: 'u30', state: 1, updatedAt: 30 });
      const { end } = await world.run('r3');
      expect(end).toMatchObject({ counts: { listed: 45, missing: 2 } });
      expect(end).not.toMatchObject({ counts: { deleted: expect.anything() } });
    });

    it('says nothing of them when only changes were listed', async () => {
      const { world, remove } = crowd();
      await world.run('r1');
      remove('u3');
      const { end } = await world.run('r2', { full: false });
      expect(end).not.toMatchObject({ counts: { missing: expect.anything() } });
    });

    it('takes them for deleted where the stage says so: no late update brings them back, and nobody else is lost', async () => {
      const { world, states, people, remove } = crowd({ resync: { schedule: SCHEDULE, missing: 'tombstone' } });
      await world.run('r1');
      remove('u3', 'u30');
      expect((await world.run('r2')).end).toMatchObject({ counts: { missing: 2, deleted: 2 } });
      people.push({ id: 'u3', state: 2, updatedAt: 1000 });
      const { end } = await world.run('r3');
      expect(end).toMatchObject({ counts: { listed: 46, tombstoned: 1, missing: 0 } });
      expect(states.get('u3')).toBe(1);
    });

    it('takes nobody for deleted when that many are missing, or a record could not be read', async () => {
      const settings = { resync: { schedule: SCHEDULE, missing: 'tombstone' } };
      const many = crowd(settings);
      await many.world.run('r1');
      many.remove(...many.people.slice(0, 21).map(({ id }) => id));
      expect((await many.world.run('r2')).end).toMatchObject({ counts: { missing: 21 } });
      many.people.push({ id: 'u0', state: 2, updatedAt: 1000 });
      expect((await many.world.run('r3')).end).toMatchObject({ counts: { tombstoned: 0, missing: 20 } });
      const odd = crowd(settings);
      await odd.world.run('r1');
      odd.people[5] = { id: '', state: 1, updatedAt: 5 };
      const { end } = await odd.world.run('r2');
      expect(end).toMatchObject({ counts: { missing: 1, rejected: { SCHEMA_MISMATCH: 1 } } });
      expect(end).not.toMatchObject({ counts: { deleted: expect.anything() } });
    });

    it('counts them across executions and crashes', async () => {
      const { world, remove } = crowd();
      await world.run('r1');
      remove('u3', 'u30');
      world.hold(20 * 3600 * 50);
      const { executions, end } = await world.run('r2', { crashAt: Array.from({ length: 200 }, (_, index) => 3 * index + 2) });
      expect(executions).toBeGreaterThan(1);
      expect(world.figures.crashes).toBeGreaterThan(0);
      expect(end).toMatchObject({ counts: { listed: 45, missing: 2 } });
    });
  });

  it('runs once at a time for a source', async () => {
    const { world } = small();
    const [first, second] = await Promise.all([world.run('r1'), world.run('r2')]);
    expect([first.end.ended, second.end.ended].sort()).toEqual(['already running', 'done']);
  });

  it('ends in the same state whatever boundary it dies at, once or again and again', async () => {
    const reference = small();
    await reference.world.run('r1');
    let boundaries = 0;
    for (let at = 1; ; at += 1) {
      const { world, states } = small({ jobEnds: (job) => (job === 2 ? 'failed' : 'completed') });
      await world.run('r1', { crashAt: [at] });
      if (world.figures.crashes === 0) break;
      boundaries += 1;
      expect(Object.fromEntries(states)).toEqual(Object.fromEntries(reference.states));
      expect(world.figures.overlapping).toBe(0);
    }
    const { world, states } = small();
    await world.run('r1', { crashAt: Array.from({ length: 200 }, (_, index) => 3 * index + 2) });
    expect(Object.fromEntries(states)).toEqual(Object.fromEntries(reference.states));
    console.log(`died at each of ${boundaries} boundaries: the same state each time`);
    expect(boundaries).toBeGreaterThan(30);
  });
});

describe('many users (`npm run million` shows a million)', () => {
  it.each([10_000, 100_000])(
    '%i: inside the limits of durable executions',
    async (people) => {
      const { arrived, end, figures } = await bringOver(people);
      expect(end).toMatchObject({ ended: 'done', counts: { listed: people, missing: NOT_LISTED } });
      expect(arrived).toBe(people);
      expect(figures.overlapping).toBe(0);
      expect(figures.operations).toBeLessThan(3000);
      expect(figures.bytes).toBeLessThan(100 * 1024 * 1024);
      expect(figures.largest).toBeLessThan(4096);
    },
    120_000,
  );

  it('of whom one in fifty changed: one job, and minutes', async () => {
    const { end, figures, minutes } = await bringOverChanges(100_000, 50);
    expect(end).toMatchObject({ counts: { listed: 100_000, unchanged: 98_000, bulk: 2000, jobs: 1 } });
    expect(figures.jobRows).toBe(2000);
    expect(minutes).toBeLessThan(10);
  }, 120_000);
});
