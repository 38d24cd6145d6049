import { afterAll, describe, expect, it } from '@jest/globals';
import { type BulkEpisodeOptions, runBulkEpisode } from './bulk-episode.ts';
import { explore } from './explore.ts';
import { createRandom } from './random.ts';

const total = { schedules: 0, sampled: 0, violations: 0 };
afterAll(() => {
  console.log(`${total.schedules} schedules and ${total.sampled} sampled ones: ${total.violations} violations`);
});

/** What must stand in the end. Of two states of one moment either may: nobody can tell which is newer. */
const newest = ({ live, listed }: BulkEpisodeOptions): readonly string[] => {
  const all = [...live, listed];
  const last = Math.max(...all.map(({ at }) => at));
  return all.filter(({ at }) => at === last).map(({ value }) => value);
};

interface Wrong {
  readonly trace: readonly string[];
  readonly shown: string | undefined;
}

/** Every schedule; the first that ends wrongly. */
const surveyed = async (options: BulkEpisodeOptions): Promise<Wrong | undefined> => {
  let wrong: Wrong | undefined;
  let over = 0;
  total.schedules += await explore(async (choose) => {
    const { shown, trace, isOver } = await runBulkEpisode(options, choose);
    if (!isOver) return undefined;
    over += 1;
    if (newest(options).includes(shown ?? '')) return undefined;
    total.violations += 1;
    wrong = { trace, shown };
    return 'stop';
  });
  expect(over).toBeGreaterThan(0);
  return wrong;
};

/** Schedules by chance, where there are too many of them. */
const sampled = async (options: BulkEpisodeOptions, runs: number): Promise<Wrong | undefined> => {
  for (let seed = 1; seed <= runs; seed += 1) {
    const random = createRandom(seed);
    const { shown, trace, isOver } = await runBulkEpisode(options, random.below);
    total.sampled += 1;
    if (!isOver || newest(options).includes(shown ?? '')) continue;
    total.violations += 1;
    return { trace: [`seed ${seed}`, ...trace], shown };
  }
  return undefined;
};

const at = (time: number, value = `v${time}`) => ({ at: time, value });

describe('a live event before, during and after a bulk job that holds its user', () => {
  it('newer than what is listed: the newest state stands in each of all orders', async () => {
    expect(await surveyed({ live: [at(5)], listed: at(3), faults: 0 })).toBeUndefined();
  }, 120_000);

  it.each([
    ['newer than what is listed', { live: [at(5)], listed: at(3) }],
    ['older than what is listed', { live: [at(2)], listed: at(3) }],
    ['of the same moment', { live: [at(3, 'live')], listed: at(3) }],
    ['newer, and the same again', { live: [at(5, 'same')], listed: at(3, 'same') }],
  ])(
    '%s: the newest state stands, with failures and deaths',
    async (_, set) => {
      expect(await sampled({ ...set, faults: 2, early: 1 }, 500)).toBeUndefined();
      expect(await sampled({ ...set, faults: 2, early: 1, jobFails: true }, 500)).toBeUndefined();
    },
    120_000,
  );

  it.each([
    ['both newer', { live: [at(5), at(6)], listed: at(3) }],
    ['around what is listed', { live: [at(2), at(6)], listed: at(3) }],
    ['both older', { live: [at(1), at(2)], listed: at(3) }],
    ['out of order', { live: [at(6), at(5)], listed: at(3) }],
    ['back to the listed state', { live: [at(5, 'other'), at(6, 'same')], listed: at(3, 'same') }],
    ['three', { live: [at(2), at(5), at(6)], listed: at(3) }],
  ])(
    'several events, %s: the newest state stands, with failures and deaths',
    async (_, set) => {
      expect(await sampled({ ...set, faults: 0, early: 1 }, 300)).toBeUndefined();
      expect(await sampled({ ...set, faults: 3, early: 1 }, 500)).toBeUndefined();
      expect(await sampled({ ...set, faults: 3, jobFails: true }, 500)).toBeUndefined();
    },
    120_000,
  );
});
