import type { Repertoire } from './repertoire.ts';

/** An invented user and what happens to it. */
export interface Person {
  readonly id: string;
  /** Who tells of it. */
  readonly sources: readonly [Repertoire, ...Repertoire[]];
  /** Where it belongs until it is moved. */
  readonly companyId: string;
  readonly fate: 'lives' | 'deleted' | 'returns';
  /** Userpilot refuses every call for it. */
  readonly isRefused: boolean;
}

/** Of so many users of one kind, one is deleted for good and one comes back. */
const ROUNDS = 6;
const FATES: Readonly<Record<number, Person['fate']>> = { 1: 'deleted', 3: 'returns' };

/** The two whose newest states can be told apart at one user: `MARKS` of letter.ts. */
const isShared = ({ source }: Repertoire): boolean => source === 'clerk' || source === 'stripe';

/** People of every source and, in one kind, of two; all kinds and fates come up in the first rounds. */
export const castOf = (users: number, sources: readonly Repertoire[]): readonly Person[] => {
  const alone = sources.map((repertoire): Person['sources'] => [repertoire]);
  const [first, ...others] = sources.filter(isShared);
  const kinds = first === undefined || others.length === 0 ? alone : [...alone, [first, ...others] as const];
  return Array.from({ length: users }, (_, number) => {
    const told = kinds[number % kinds.length];
    if (told === undefined) throw new Error('no source can tell of anybody');
    const round = Math.floor(number / kinds.length) % ROUNDS;
    const isMortal = told.length === 1 && told[0].deletion !== undefined;
    return {
      id: `chaos-user-${String(number).padStart(4, '0')}`,
      sources: told,
      companyId: `${told[0].source}-home`,
      fate: isMortal ? (FATES[round] ?? 'lives') : 'lives',
      isRefused: number === 0 || number === users - 1,
    };
  });
};
