import { afterAll, describe, expect, it } from '@jest/globals';
import { faults } from './faults.ts';
import { simulate } from './simulate.ts';

/** Each seed is another world: other events, other moments, other faults of the kind. */
const SEEDS = 50;

const total = { runs: 0, events: 0, calls: 0, retries: 0 };
afterAll(() => {
  console.log(
    `${faults.length} kinds of faults, ${total.runs} runs, ${total.events} events, ${total.calls} calls, ${total.retries} retries, 0 mismatches`,
  );
});

describe('acknowledged = delivered or superseded, rejected, or dead letters; and the newest state stays', () => {
  it('is asked of at least 40 kinds of faults', () => {
    expect(new Set(faults.map(({ name }) => name)).size).toBeGreaterThanOrEqual(40);
  });
  it.each(faults.map((fault) => [fault.name, fault] as const))('%s', async (name, fault) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { events, calls, retries, mismatches } = await simulate(fault, seed);
      expect({ repeat: `npm run simulate -- --fault "${name}" --seed ${seed}`, mismatches }).toMatchObject({ mismatches: [] });
      total.runs += 1;
      total.events += events;
      total.calls += calls;
      total.retries += retries;
    }
  });
  it('is the same run for the same seed, and another one for another', async () => {
    const fault = faults.find(({ name }) => name === 'chaos: three at once');
    if (fault === undefined) throw new Error('the fault was renamed');
    const fingerprints = [];
    for (const seed of [7, 7, 8]) fingerprints.push((await simulate(fault, seed)).fingerprint);
    expect(fingerprints[0]).toBe(fingerprints[1]);
    expect(fingerprints[2]).not.toBe(fingerprints[0]);
  });
});
