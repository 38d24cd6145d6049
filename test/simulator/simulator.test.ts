import { describe, expect, it } from '@jest/globals';
import { faults } from './faults.ts';
import { scenarios } from './scenarios.ts';
import { simulate } from './simulate.ts';

const SEEDS = 50;

describe('acknowledged = delivered or superseded, rejected, or in the dead letters, and the newest state stands', () => {
  it(`is tried with at least 40 kinds of faults`, () => {
    expect(new Set(faults.map(({ name }) => name)).size).toBeGreaterThanOrEqual(40);
  });
  it.each(faults.map((fault) => [fault.name, fault] as const))(
    `%s: ${SEEDS} runs`,
    async (name, fault) => {
      const wrong: string[] = [];
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const { mismatches } = await simulate(fault, seed);
        if (mismatches.length > 0) wrong.push(`npm run simulate -- --fault "${name}" --seed ${seed}: ${mismatches[0]}`);
      }
      expect(wrong).toEqual([]);
    },
    120_000,
  );
});

describe('a run', () => {
  it.each(scenarios.slice(-4).map((scenario) => [scenario.name, scenario] as const))(
    '%s: is the same for the same seed, to the last step, and another for another',
    async (_, scenario) => {
      const lines: string[][] = [[], []];
      for (const list of lines) await scenario.run(7, (line) => list.push(line));
      expect(lines[0]).toEqual(lines[1]);
      const [first, again, other] = [await scenario.run(7), await scenario.run(7), await scenario.run(8)];
      expect(again).toMatchObject({ fingerprint: first.fingerprint, calls: first.calls, retries: first.retries });
      expect(other.fingerprint).not.toBe(first.fingerprint);
    },
  );
});
