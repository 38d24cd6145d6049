import { messageFaults } from './faults/messages.ts';
import { ourFaults } from './faults/ours.ts';
import { userpilotFaults } from './faults/userpilot.ts';
import type { Random } from './random.ts';
import type { Fault, MakeTrouble } from './trouble.ts';

const single: Readonly<Record<string, MakeTrouble>> = { ...userpilotFaults, ...ourFaults, ...messageFaults };

/** Several faults at the same time. */
const chaos = (count: number) => (random: Random) =>
  random
    .shuffled(Object.values(single))
    .slice(0, count)
    .map((make) => make(random.fork()));

/** The kinds of trouble that a run can have; names stand in the table that `npm run simulate` prints. */
export const faults: readonly Fault[] = [
  { name: 'nothing goes wrong', make: () => [] },
  ...Object.entries(single).map(([name, make]) => ({ name, make: (random: Random) => [make(random)] })),
  { name: 'chaos: two at once', make: chaos(2) },
  { name: 'chaos: three at once', make: chaos(3) },
];

export const faultNamed = (name: string): Fault => {
  const fault = faults.find((candidate) => candidate.name === name);
  if (fault === undefined) throw new RangeError(`no fault is called "${name}"`);
  return fault;
};
