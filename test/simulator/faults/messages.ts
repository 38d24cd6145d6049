import { killing, type MakeTrouble, reacting, storm, striking } from '../trouble.ts';
import { HOUR, MINUTE, SECOND, START } from '../world.ts';

/** Deletions by Lambda that do not reach the queue: the messages come back when their visibility timeout is over. */
const lostDeletes: MakeTrouble = (random) => {
  const share = random.pick([0.1, 0.5]);
  let left = 40;
  return {
    deletes: () => {
      if (left === 0 || !random.chance(share)) return true;
      left -= 1;
      return false;
    },
  };
};

/** Messages end in the dead letters after few receives, and are put back when newer ones have long been delivered. */
const redriven: MakeTrouble = (random) => {
  const strikes = storm(random, 20 * MINUTE);
  return {
    maxReceiveCount: 1 + random.below(3),
    react: ({ at }) => (strikes(at) ? { kind: 'answer', status: 503 } : undefined),
    script: ({ world, queue }) => {
      for (let hour = 1; hour <= 30; hour += 1) world.after(hour * HOUR, () => queue.redrive());
    },
  };
};

/** Messages end in the dead letters and stay there. */
const leftBehind: MakeTrouble = (random) => ({ ...reacting({ kind: 'silence', lands: 'yes' })(random), maxReceiveCount: 2 });

/** Events of one instant and their late duplicates wait together, and so come into one hand. */
const duplicatesInHand: MakeTrouble = (random) => {
  const until = START + random.between(10, 40) * MINUTE;
  return {
    react: ({ at }) => (at < until ? { kind: 'answer', status: 503 } : undefined),
    traffic: { duplicates: 0.5, duplicateAfterMs: [5 * MINUTE, 20 * MINUTE], ties: 0.5, flips: 0, kinds: 1 },
  };
};

/** A rejected queue that takes nothing for a while, when there is something for it. */
const nowhereToPark: MakeTrouble = (random) => ({
  ...striking(['fail', 'lose'], { ports: ['rejected.park'] })(random),
  traffic: { poison: 0.25 },
});

/** What the vendors and the queue can do to messages. */
export const messageFaults = {
  'duplicates within five minutes': () => ({ traffic: { duplicates: 0.6, duplicateAfterMs: [0, 5 * MINUTE] } }),
  'duplicates after five minutes': () => ({ traffic: { duplicates: 0.6, duplicateAfterMs: [5 * MINUTE, 3 * HOUR] } }),
  'duplicates of one instant, during an outage': duplicatesInHand,
  shuffled: () => ({ traffic: { shuffleMs: 15 * MINUTE } }),
  'shuffled and duplicated': () => ({
    traffic: { shuffleMs: 15 * MINUTE, duplicates: 0.5, duplicateAfterMs: [SECOND, HOUR] },
  }),
  'many events of one instant': () => ({ traffic: { ties: 0.7, users: 2 } }),
  'all of one user': () => ({ traffic: { users: 1, spanMs: 2 * MINUTE } }),
  'backfill beside live events': () => ({ traffic: { backfill: 0.8, kinds: 9, spanMs: 10 * SECOND } }),
  'redelivered after a lost deletion': lostDeletes,
  'visibility runs out': killing('die after', ['ledger.begin', 'userpilot', 'ledger.commit', 'queue.retryIn']),
  'the events queue refuses': striking(['fail', 'lose', 'partly'], { ports: ['queue.send'], of: 'receive' }),
  'the rejected queue refuses': nowhereToPark,
  'vendors with clocks off by 300 s': () => ({ traffic: { vendorSkewMs: 300 * SECOND } }),
  'dead letters redriven': redriven,
  'dead letters left behind': leftBehind,
  'deleted and created again': () => ({ traffic: { deletions: 0.3, rebirths: 0.7 } }),
  'deleted and created again, shuffled': () => ({
    traffic: { deletions: 0.3, rebirths: 0.7, shuffleMs: 5 * MINUTE, duplicates: 0.3 },
  }),
  'deleted while updates are under way': (random) => ({
    ...reacting({ kind: 'silence', lands: 'yes' })(random),
    traffic: { deletions: 0.3, rebirths: 0.2, users: 2 },
  }),
} as const satisfies Record<string, MakeTrouble>;
