import { faults } from './faults.ts';
import { simulatePermits, type Way } from './permits.ts';
import { simulate } from './simulate.ts';

/** What one run of any kind comes to. */
export interface Result {
  readonly events: number;
  readonly calls: number;
  readonly retries: number;
  readonly mismatches: readonly string[];
  /** Equal for the same scenario and seed. */
  readonly fingerprint: string;
}
export interface Scenario {
  readonly name: string;
  run(seed: number, onNote?: (line: string) => void): Promise<Result>;
}

const LIMIT = 600;
const LEAST = 520;

const pacing = (way: Way): Scenario => ({
  name: `pacing: ${way} calls`,
  async run(seed) {
    const { calls, most, perMinute, calm, fingerprint } = await simulatePermits(seed, way);
    const mismatches = [
      ...(most > LIMIT ? [`${most} calls in 60 seconds`] : []),
      ...(calm && perMinute < LEAST ? [`${perMinute.toFixed(0)} calls a minute with a backlog`] : []),
    ];
    return { events: calls, calls, retries: 0, mismatches, fingerprint };
  },
});

/** All that `npm run simulate` runs. */
export const scenarios: readonly Scenario[] = [
  ...faults.map((fault) => ({
    name: fault.name,
    run: (seed: number, onNote?: (line: string) => void) => simulate(fault, seed, onNote),
  })),
  pacing('even'),
  pacing('quick or slow'),
];
