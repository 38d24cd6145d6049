import { digest } from '../../functions/core/digest.ts';
import type { LedgerItem } from '../../functions/core/ledger.ts';
import type { Census } from '../../functions/core/missing.ts';
import { createResyncWorld, itemAfter, type Person } from './resync-world.ts';

/** A first run over so many users keeps nothing: everybody is new, and whoever was marked is not read again. */
const emptyLedger = { read: async () => new Map<string, LedgerItem>(), mark: async () => true };

/** How many more users the ledger knows than the vendor lists. */
export const NOT_LISTED = 7;

/** A page at a time. */
const censusOf = (people: number): Census => ({
  async *listUsers() {
    const item: LedgerItem = { seen: { 'clerk/profile': { asOf: 0, hash: 'h', events: [] } }, dirty: false };
    for (let from = 0; from < people; from += 1000)
      yield Array.from(
        { length: Math.min(1000, people - from) },
        (_, offset) => [digest(`user:u${from + offset}`), item] as const,
      );
  },
  bury: async () => false,
});

/** All of so many users for the first time. */
export const bringOver = async (people: number) => {
  let arrived = 0;
  const world = createResyncWorld({
    people,
    pageSize: 500,
    ledger: emptyLedger,
    census: censusOf(people + NOT_LISTED),
    onUser: () => {
      arrived += 1;
    },
  });
  const { executions, end } = await world.run('r1');
  return { arrived, executions, end, figures: world.figures, minutes: world.minutes() };
};

/** One in so many of them, some time later. */
export const bringOverChanges = async (people: number, oneIn: number) => {
  const PAGE = 1000;
  // What a former run left behind, for those of the page that is asked for.
  const page = new Map<string, LedgerItem>();
  const changed = (index: number): Person => ({
    id: `u${index}`,
    state: index % oneIn === 0 ? 2 : 1,
    updatedAt: 1_000_000 + index,
  });
  const world = createResyncWorld({
    people,
    pageSize: PAGE,
    pageMs: 100,
    ledger: {
      read: async (keys) =>
        new Map(
          keys.flatMap((key) => {
            const item = page.get(key);
            return item === undefined ? [] : [[key, item] as const];
          }),
        ),
      mark: async () => true,
    },
    person: (index) => {
      if (index % PAGE === 0) page.clear();
      page.set(...itemAfter({ ...changed(index), state: 1 }));
      return changed(index);
    },
  });
  const { end } = await world.run('r1', { full: false });
  return { end, figures: world.figures, minutes: world.minutes() };
};
