import { readArguments, readNumber } from '../../infra/local/arguments.ts';
import type { ChaosOptions } from './run.ts';

const USAGE = 'npm run chaos -- [--events N] [--kills N] [--users N] [--seed N] [--rate PER_SECOND]';

export const HELP = `${USAGE}

Sends signed events to a local stack, kills it with SIGKILL, breaks its Userpilot, and compares what came out with what
was acknowledged. Userpilot is called some nine times a second, so that the default takes ten to twenty minutes.

  --events N   events of all sources (default 20400)
  --kills N    how often the stack is killed and started again (default 24)
  --users N    invented users they are about (default 400)
  --seed N     the same number makes the same people, events, faults and order (default: by chance, and shown)
  --rate N     events a second (default 40)
`;

/** `help` when it is asked for. Throws a Problem for what it does not know or cannot read. */
export const readChaosOptions = (args: readonly string[], chance: () => number): Omit<ChaosOptions, 'onProgress'> | 'help' => {
  const options = {
    events: { type: 'string', default: '20400' },
    kills: { type: 'string', default: '24' },
    users: { type: 'string', default: '400' },
    seed: { type: 'string' },
    rate: { type: 'string', default: '40' },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  const { values } = readArguments({ args: [...args], options }, USAGE);
  if (values.help) return 'help';
  const seed = values.seed ?? String(Math.floor(chance() * 1_000_000));
  return {
    events: readNumber('events', values.events, { min: 1, max: 1_000_000 }),
    kills: readNumber('kills', values.kills, { min: 1, max: 1000 }),
    users: readNumber('users', values.users, { min: 1, max: 100_000 }),
    seed: readNumber('seed', seed, { min: 0, max: 999_999_999 }),
    eventsPerSecond: readNumber('rate', values.rate, { min: 1, max: 1000 }),
    drainMs: 900_000,
  };
};
