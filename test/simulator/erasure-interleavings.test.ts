import { afterAll, describe, expect, it } from '@jest/globals';
import { type ErasureEpisode, runErasureEpisode } from './erasure-episode.ts';
import { explore } from './explore.ts';
import type { ModelEvent } from './ordering-state.ts';

let total = 0;
afterAll(() => console.log(`${total} schedules of deliver and erase`));

const KINDS = { s: 'state', c: 'creation', d: 'deletion' } as const;
/** One letter per event, in the order of their times. */
const eventsOf = (kinds: string): readonly ModelEvent[] =>
  [...kinds].map((kind, at) => ({
    id: String(at),
    entity: 'a',
    at,
    kind: KINDS[kind as keyof typeof KINDS],
    value: String(at),
  }));

describe('deliver and the nightly run, failures and deaths at every await', () => {
  it.each([
    // What was dealt with in the evening, and what comes at 01:30.
    ['sd', '', 2, 0],
    ['s', 'd', 1, 2],
    ['sd', 'c', 1, 1],
    ['sd', 'c', 0, 2],
    ['s', 'dc', 1, 1],
    ['sd', 'cd', 0, 2],
    ['sdc', 'd', 1, 2],
  ] as const)('%s in the evening, %s in the night, %i faults, %i starts', async (evening, night, faults, starts) => {
    let wrong: ErasureEpisode | undefined;
    total += await explore(async (choose) => {
      const events = eventsOf(evening + night);
      const episode = await runErasureEpisode({ events, before: evening.length, faults, starts }, choose);
      if (episode.violations.length === 0) return undefined;
      wrong = episode;
      return 'stop';
    });
    expect(wrong).toBeUndefined();
  });
});
