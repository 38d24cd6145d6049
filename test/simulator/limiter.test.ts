import { describe, expect, it } from '@jest/globals';
import { type PermitsOutcome, simulatePermits, type Way } from './permits.ts';

const RUNS = 1020;
const ways = ['even', 'quick or slow', 'quick'] as const;

const many = async (runs: number, wayOf: (seed: number) => Way): Promise<readonly PermitsOutcome[]> => {
  const outcomes: PermitsOutcome[] = [];
  for (let seed = 1; seed <= runs; seed += 1) outcomes.push(await simulatePermits(seed, wayOf(seed)));
  return outcomes;
};
const most = (outcomes: readonly PermitsOutcome[]): number => Math.max(...outcomes.map((outcome) => outcome.most));
const mean = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

describe('pacing under clocks 2 s off and calls that take up to 10 s to arrive', () => {
  it(`stays within 600 calls in any 60 s, and above 520 a minute, in ${RUNS} runs`, async () => {
    const outcomes = await many(RUNS, (seed) => ways[seed % ways.length] ?? 'even');
    const calm = outcomes.filter((outcome) => outcome.calm).map(({ perMinute }) => perMinute);
    const all = outcomes.map(({ perMinute }) => perMinute);
    console.log(
      [
        `${RUNS} runs of the limiter, ${outcomes.reduce((sum, { calls }) => sum + calls, 0)} calls`,
        `most calls in 60 s: ${most(outcomes)}`,
        `mean with a backlog: ${mean(all).toFixed(0)} a minute, in the slowest run ${Math.min(...calm).toFixed(0)}`,
        `slowest with a table that fails now and then: ${Math.min(...all).toFixed(0)}`,
      ].join('\n'),
    );
    expect(most(outcomes)).toBeLessThanOrEqual(600);
    expect(mean(all)).toBeGreaterThanOrEqual(520);
    expect(Math.min(...calm)).toBeGreaterThanOrEqual(520);
  }, 240_000);

  // Whoever paces senders cannot keep a network from holding calls back: 10 s of them and the minute after, in one minute.
  it('is exceeded by no more than what 10 s let through, when all calls are held back together', async () => {
    const outcomes = await many(20, () => 'stalling');
    console.log(`calls held back for 10 s and let go at once: at most ${most(outcomes)} in 60 s`);
    expect(most(outcomes)).toBeLessThanOrEqual(600 + 90);
  }, 60_000);
});
