import { afterAll, describe, expect, it } from '@jest/globals';
import { runEpisode } from './ordering-episode.ts';
import { type ModelEvent, restAtFirst, violationsOf } from './ordering-state.ts';
import { type Survey, survey } from './ordering-survey.ts';
import { createRandom } from './random.ts';

const total = { schedules: 0, episodes: 0, sets: 0, violations: 0 };
afterAll(() => {
  console.log(
    `${total.schedules} schedules of ${total.sets} sets of events, covered by ${total.episodes} runs: ${total.violations} violations`,
  );
});

/** Every schedule of each of the sets. */
const surveyAll = async (sets: readonly (readonly ModelEvent[])[], faults: number): Promise<readonly Survey['example'][]> => {
  const examples: Survey['example'][] = [];
  for (const events of sets) {
    const { schedules, episodes, violations, example } = await survey({ events }, faults);
    total.schedules += schedules;
    total.episodes += episodes;
    total.sets += 1;
    total.violations += violations;
    if (violations > 0) examples.push(example);
  }
  return examples;
};

/** Every order of three times, equal ones included. */
const ORDERS = ['123', '132', '213', '231', '312', '321', '112', '121', '211', '122', '212', '221', '111'] as const;
const STRICT = ORDERS.slice(0, 6);
/** Whether states return. */
const VALUES = ['xyz', 'xyx', 'xxy', 'xyy'] as const;
const KINDS = { s: 'state', c: 'creation', d: 'deletion' } as const;
const FACETS = { p: 'profile', m: 'membership' } as const;

interface Spelled {
  readonly times: string;
  readonly values?: string;
  readonly kinds?: string;
  readonly facets?: string;
  readonly entities?: string;
  readonly ids?: string;
}
/** One character per event. */
const spell = ({ times, values = 'xyz', kinds = 'sss', facets = 'ppp', entities = 'aaa', ids = '012' }: Spelled) =>
  [...times].map(
    (at, index): ModelEvent => ({
      id: ids[index] ?? '',
      entity: entities[index] ?? '',
      facet: FACETS[facets[index] as keyof typeof FACETS],
      at: Number(at),
      kind: KINDS[kinds[index] as keyof typeof KINDS],
      value: values[index] ?? '',
    }),
  );
const words = (letters: string): readonly string[] =>
  [...letters].flatMap((a) => [...letters].flatMap((b) => [...letters].map((c) => a + b + c)));

describe('two workers, three events, failures and deaths at every await', () => {
  it.each(VALUES)('states %s in every order of times', async (values) => {
    expect(
      await surveyAll(
        ORDERS.map((times) => spell({ times, values })),
        2,
      ),
    ).toEqual([]);
  });
  it('deletions and creations in every order', async () => {
    const sets = words('scd')
      .filter((kinds) => kinds.includes('d'))
      .flatMap((kinds) => STRICT.map((times) => spell({ times, kinds })));
    expect(await surveyAll(sets, 1)).toEqual([]);
  });
  it('two facets of one user', async () => {
    const sets = ['pmp', 'pmm', 'ppm'].flatMap((facets) => VALUES.map((values) => spell({ times: '123', facets, values })));
    expect(await surveyAll(sets, 2)).toEqual([]);
  });
  it('duplicates of one instant', async () => {
    const sets = ['010', '001', '011'].flatMap((ids) => {
      const values = ids.replaceAll('0', 'x').replaceAll('1', 'y');
      return [
        spell({ times: '111', ids, values }),
        spell({ times: values.replaceAll('x', '1').replaceAll('y', '2'), ids, values }),
      ];
    });
    expect(await surveyAll(sets, 2)).toEqual([]);
  });
  it('two users in the hands of both workers', async () => {
    expect(await surveyAll([spell({ times: '123', entities: 'aab' }), spell({ times: '213', entities: 'aab' })], 0)).toEqual([]);
    expect(await surveyAll([spell({ times: '12', entities: 'ab' })], 1)).toEqual([]);
  });
  it('a state that landed, was refused later, and is taken back, beside another facet', async () => {
    const events = spell({ times: '1234', ids: '0123', values: 'xayx', facets: 'mpmm', kinds: 'ssss', entities: 'aaaa' });
    expect(await surveyAll([events], 2)).toEqual([]);
  });
});

describe('without the order of the queue', () => {
  it('the older of two states can stand at the end', async () => {
    const events = spell({ times: '12', values: 'xy' });
    for (let seed = 1; seed <= 1000; seed += 1) {
      const random = createRandom(seed);
      const { rest, trace } = await runEpisode({ events, fifo: false }, restAtFirst(events, 0), random.below);
      const wrong = rest.done.every((done) => done) ? violationsOf(events, rest) : [];
      if (wrong.length === 0) continue;
      console.log([`without FIFO groups, seed ${seed}:`, ...trace, ...wrong].join('\n'));
      expect(wrong).toEqual([expect.stringContaining('expected {"value":"y"}, found [["a profile","x"]]')]);
      return;
    }
    throw new Error('no schedule went wrong: the check sees nothing');
  });
});
