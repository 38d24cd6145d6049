import type { Port } from '../process.ts';
import { RETURNING } from '../traffic.ts';
import { killing, type MakeTrouble, reacting, striking } from '../trouble.ts';
import { MINUTE, SECOND, START } from '../world.ts';

const TABLE: readonly Port[] = [
  'ledger.begin',
  'ledger.commit',
  'limiter.write',
  'limiter.push',
  'breaker.read',
  'breaker.write',
];
const WRITES: readonly Port[] = ['ledger.begin', 'ledger.commit', 'limiter.write', 'limiter.push', 'breaker.write'];
const EVERY: readonly Port[] = [...TABLE, 'secrets.read', 'userpilot', 'queue.retryIn', 'rejected.park', 'sleep', 'turn'];

const HALF_AN_HOUR = 30 * MINUTE;

/** Secrets Manager answers nobody at first, so that no process knows a value. */
const noSecretsAtFirst: MakeTrouble = (random) => {
  const until = START + random.between(MINUTE, 20 * MINUTE);
  return { fateOf: ({ port, at }) => (port === 'secrets.read' && at < until ? 'fail' : undefined) };
};
/** Each process reads once, and then for a long while nobody can. */
const noSecretsLater: MakeTrouble = () => {
  const know = new Set<string>();
  return {
    fateOf: ({ port, process, at }) => {
      if (port !== 'secrets.read' || at > START + 2 * 60 * MINUTE) return undefined;
      if (know.has(process.name)) return 'fail';
      know.add(process.name);
      return undefined;
    },
  };
};

const skewed = (most: number, of: string): MakeTrouble => {
  return (random) => ({ skewMs: (process) => (process.startsWith(of) ? Math.round(random.between(-most, most)) : 0) });
};

/** What our own side, and the AWS services beside it, can do. */
export const ourFaults = {
  'table throttled': striking(['fail'], { ports: TABLE }),
  'table in conflict': striking(['partly'], { ports: WRITES }),
  'table unreachable': striking(['fail'], { ports: TABLE, longestMs: HALF_AN_HOUR }),
  'table slow': striking(['slow'], { ports: TABLE }),
  'table writes without an answer': striking(['lose'], { ports: WRITES }),
  'table writes done twice': striking(['twice'], { ports: WRITES }),
  'table writes done long after': (random) => ({
    ...striking(['late'], { ports: WRITES, longestMs: 20 * MINUTE })(random),
    traffic: { ...RETURNING, shuffleMs: random.pick([0, 2 * MINUTE]) },
  }),
  'commits done long after': (random) => ({
    fateOf: ({ port, at }) => (port === 'ledger.commit' && at < START + HALF_AN_HOUR && random.chance(0.2) ? 'late' : undefined),
    traffic: { ...RETURNING, flips: 1, users: 3, events: 60, spanMs: 15 * MINUTE },
  }),
  'ledger unreachable for commits': striking(['fail', 'lose'], { ports: ['ledger.commit'] }),
  'secrets down at cold start': noSecretsAtFirst,
  'secrets down at refresh': noSecretsLater,
  'clocks off by 300 s': skewed(300 * SECOND, 'deliver'),
  'clocks off by 2 s': skewed(2 * SECOND, 'deliver'),
  'killed before the call': killing('die before', ['userpilot']),
  'killed between call and ledger': killing('die after', ['userpilot']),
  'killed before the ledger': killing('die before', ['ledger.commit']),
  'killed after the ledger': killing('die after', ['ledger.commit']),
  'killed after it was begun': killing('die after', ['ledger.begin']),
  'killed anywhere': killing('die before', EVERY),
  'killed anywhere, the effect done': killing('die after', EVERY),
  'receive killed anywhere': killing('die after', ['secrets.read', 'queue.send'], 'receive'),
  'time limit reached': striking(['hang'], { ports: EVERY, longestMs: 6 * MINUTE }),
  'back-off not set': (random) => ({
    ...striking(['fail', 'lose', 'partly'], { ports: ['queue.retryIn'] })(random),
    ...reacting({ kind: 'answer', status: 503 })(random),
  }),
  'anything fails': striking(['fail', 'lose', 'twice', 'partly', 'slow'], { ports: EVERY }),
} as const satisfies Record<string, MakeTrouble>;
