import { describe, expect, it } from '@jest/globals';
import type { Kept } from '../../infra/tools/queues/kept.ts';
import { mismatchesOf, mostInAMinute, type RunRecord } from './judge.ts';
import { eventIdOf } from './letter.ts';
import type { EndingSeen, Outputs, Profile } from './outputs.ts';
import { type Happening, planOf } from './plan.ts';
import { repertoires } from './repertoire.ts';

/** Clerk and Stripe alone: the judge is the same for all. */
const sources = repertoires().filter(({ source }) => source === 'clerk' || source === 'stripe');
const plan = planOf({ seed: 3, events: 400, users: 30, endsAt: Date.parse('2026-11-23T12:00:00Z') }, sources);
const idOf = (happening: Happening): string => eventIdOf(happening) ?? '';
const find = (isWanted: (happening: Happening) => boolean): Happening => {
  const found = plan.happenings.find(isWanted);
  if (found === undefined) throw new Error('the plan has none');
  return found;
};

const keptOf = (happening: Happening): Kept => ({
  id: '',
  source: happening.repertoire.source,
  type: happening.type,
  reason: 'NO_USER_ID',
  eventId: idOf(happening),
  receivedAt: new Date(happening.at),
});

/** A run in which all went well: one call with the newest state of everything, and then the deletions. */
const perfect = (): { record: RunRecord; outputs: Outputs } => {
  const profiles = new Map<string, Profile>();
  for (const { says, person } of plan.happenings) {
    for (const { entity, shows } of person.isRefused ? [] : says) {
      if (shows === undefined) continue;
      const [name, value] = shows;
      const { properties, company } = profiles.get(entity) ?? { properties: {}, company: undefined };
      profiles.set(
        entity,
        name === '(company)' ? { properties, company: value } : { properties: { ...properties, [name]: value }, company },
      );
    }
  }
  const mapped = plan.happenings.filter(({ isUnmappable }) => !isUnmappable);
  const endings = mapped.map((happening): EndingSeen => ({ eventId: idOf(happening), outcome: 'delivered', at: 1_000_000 }));
  return {
    record: {
      plan,
      acknowledged: new Set(plan.happenings),
      firstPostAt: new Map(plan.happenings.map((happening) => [happening, 2_000_000])),
      calls: [...profiles.keys()].map((entity, index) => ({ at: 1000 * index, entity })),
      waiting: 0,
    },
    outputs: {
      profiles,
      rejected: plan.happenings.filter(({ isUnmappable }) => isUnmappable).map(keptOf),
      deadLetters: [],
      endings,
      effects: [],
      lostSignUps: 0,
    },
  };
};

describe('the judge of a chaos run', () => {
  it('finds nothing where all went well', () => {
    const { record, outputs } = perfect();
    expect(mismatchesOf(record, outputs)).toEqual([]);
  });

  const someone = find(({ person, type }) => person.fate === 'lives' && !person.isRefused && type === 'user.updated');
  const userOf = ({ person }: Happening) => `user:${person.id}`;
  const deleted = find(({ says, person }) => person.fate === 'deleted' && says.some(({ kind }) => kind === 'deletion'));
  const returning = find(({ says, person }) => person.fate === 'returns' && says.some(({ kind }) => kind === 'deletion'));
  const lost = find(({ isUnmappable }) => isUnmappable);
  type Run = ReturnType<typeof perfect>;

  it.each<readonly [string, (run: Run) => { record?: Partial<RunRecord>; outputs?: Partial<Outputs> }, RegExp]>([
    [
      'an event without an end',
      ({ outputs }) => ({ outputs: { endings: outputs.endings.filter(({ eventId }) => eventId !== idOf(someone)) } }),
      /was acknowledged and lost$/,
    ],
    [
      'an unmappable event that is not kept',
      () => ({ outputs: { rejected: [] } }),
      new RegExp(`^${idOf(lost)} could not be mapped`),
    ],
    [
      'an event that is rejected without a reason',
      ({ outputs }) => ({ outputs: { rejected: [...outputs.rejected, keptOf(someone)] } }),
      /in the rejected queue without a reason$/,
    ],
    [
      'a dead letter that nobody sent',
      () => ({ outputs: { deadLetters: [{ ...keptOf(someone), eventId: 'msg_stranger' }] } }),
      /^msg_stranger was never sent/,
    ],
    [
      'an old state',
      ({ outputs }) => ({
        outputs: { profiles: new Map([...outputs.profiles, [userOf(someone), { properties: { locale: 's0', email: 's0' } }]]) },
      }),
      new RegExp(`^${userOf(someone)} .*expected .*, found s0$`),
    ],
    [
      'a user that never came',
      ({ outputs }) => ({
        outputs: { profiles: new Map([...outputs.profiles].filter(([entity]) => entity !== userOf(someone))) },
      }),
      /found undefined$/,
    ],
    [
      'a user called after its deletion',
      ({ record }) => ({ record: { calls: [...record.calls, { at: 3_000_000, entity: userOf(deleted) }] } }),
      new RegExp(`^${userOf(deleted)} was called 1 times after its deletion$`),
    ],
    [
      'a user called before it was back',
      ({ record }) => ({ record: { calls: [...record.calls, { at: 1_500_000, entity: userOf(returning) }] } }),
      new RegExp(`^${userOf(returning)} was called 1 times`),
    ],
    [
      'a deletion without a tombstone',
      ({ outputs }) => ({ outputs: { endings: outputs.endings.filter(({ eventId }) => eventId !== idOf(deleted)) } }),
      /no tombstone tells of it$/,
    ],
    [
      'too many calls',
      () => ({ record: { calls: Array.from({ length: 601 }, (_, index) => ({ at: index, entity: 'user:x' })) } }),
      /^601 calls in 60 seconds$/,
    ],
    [
      'an event that nobody took',
      ({ record }) => ({ record: { acknowledged: new Set([...record.acknowledged].filter((one) => one !== someone)) } }),
      /was never acknowledged$/,
    ],
    ['a queue that is not empty', () => ({ record: { waiting: 3 } }), /^the queue still holds 3 messages$/],
    ['a sign-up that was not queued', () => ({ outputs: { lostSignUps: 1 } }), /^1 sign-ups of Cognito/],
  ])('finds %s', (_, spoil, expected) => {
    const run = perfect();
    const { record, outputs } = spoil(run);
    expect(mismatchesOf({ ...run.record, ...record }, { ...run.outputs, ...outputs })).toContainEqual(
      expect.stringMatching(expected),
    );
  });

  it('lets a user be called who has come back', () => {
    const { record, outputs } = perfect();
    const calls = [...record.calls, { at: 2_500_000, entity: userOf(returning) }];
    expect(mismatchesOf({ ...record, calls }, outputs)).toEqual([]);
  });

  it.each([
    [[], 0],
    [[0, 60_000], 2],
    [[0, 60_001], 1],
    [[100_000, 0, 50_000, 99_999, 109_000], 4],
  ])('counts the most calls of a minute in %j: %i', (times, most) => {
    expect(mostInAMinute(times.map((at) => ({ at, entity: 'user:x' })))).toBe(most);
  });
});

describe('a plan', () => {
  it('is the same for the same seed, and another for another', () => {
    const endsAt = Date.parse('2026-11-23T12:00:00Z');
    const ids = (seed: number) =>
      planOf({ seed, events: 200, users: 20, endsAt }, sources).deliveries.map(({ id, person }) => id + person.id);
    expect(ids(1)).toEqual(ids(1));
    expect(ids(1)).not.toEqual(ids(2));
  });

  it('has every event once or more, out of order, with every fate', () => {
    const { cast, happenings, deliveries } = plan;
    expect(new Set(deliveries)).toEqual(new Set(happenings));
    expect(deliveries.length).toBeGreaterThan(happenings.length);
    expect(deliveries.some(({ at }, index) => at < (deliveries[index - 1]?.at ?? 0))).toBe(true);
    expect(new Set(cast.map(({ fate }) => fate))).toEqual(new Set(['lives', 'deleted', 'returns']));
    expect(happenings.map(idOf)).toHaveLength(new Set(happenings.map(idOf)).size);
  });
});
