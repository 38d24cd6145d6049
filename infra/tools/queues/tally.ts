import { countsText, tableOf } from './text.ts';

/** How a selected event fared. `ignored` ones asked for nothing any more. */
export type Fate = 'replayed' | 'rejected' | 'ignored' | 'failed';

export interface Tally {
  add(fate: Fate, reason?: string): void;
  count(fate: Fate): number;
  readonly total: number;
  /** The lines of the summary. */
  lines(ignoredAre: string): readonly string[];
}

const NAMES: Readonly<Record<Fate, string>> = {
  replayed: 'Replayed',
  rejected: 'Still rejected',
  ignored: 'Ignored',
  failed: 'Failed',
};
const FATES = ['replayed', 'rejected', 'ignored', 'failed'] as const satisfies readonly Fate[];

export const createTally = (): Tally => {
  const reasons = new Map<Fate, Map<string, number>>(FATES.map((fate) => [fate, new Map()]));
  const count = (fate: Fate) => [...(reasons.get(fate)?.values() ?? [])].reduce((sum, number) => sum + number, 0);
  return {
    add(fate, reason = '') {
      const counts = reasons.get(fate);
      counts?.set(reason, (counts.get(reason) ?? 0) + 1);
    },
    count,
    get total() {
      return FATES.reduce((sum, fate) => sum + count(fate), 0);
    },
    lines: (ignoredAre) =>
      tableOf(
        FATES.map((fate) => {
          const why = countsText(reasons.get(fate) ?? new Map());
          return [NAMES[fate], count(fate), fate === 'ignored' && why !== '' ? `${why}, ${ignoredAre}` : why];
        }),
      ),
  };
};
