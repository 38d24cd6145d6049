import type { Facet } from '../../functions/core/calls.ts';
import type { Saying } from './traffic.ts';

/** One saying of one event, with its way through the queue. */
export interface Said extends Saying {
  readonly key: string;
  readonly source: string;
  /** Place in the queue at its first arrival there. */
  readonly arrival: number;
  /** The same, or where it was put back from the dead letters: somewhere between the two it was worked on. */
  readonly latest: number;
}

const NEVER = Number.NEGATIVE_INFINITY;

/**
 * The sayings of which one must show at Userpilot for a facet; undefined = nothing is promised. The rules, written from
 * what was sent and never from what our code decided: within a source and facet the newest wins, arrival breaks ties,
 * and after a deletion nothing counts but what comes after a later creation.
 */
const newestOf = (sayings: readonly Said[], source: string, facet: Facet): readonly Said[] | undefined => {
  const latestOf = (kind: Saying['kind']) => Math.max(NEVER, ...sayings.filter((said) => said.kind === kind).map(({ at }) => at));
  const deletedAt = latestOf('deletion');
  if (deletedAt > NEVER && latestOf('creation') <= deletedAt) return undefined;
  const inOrder = sayings
    .filter((said) => said.kind !== 'deletion' && said.source === source && said.facet === facet && said.at > deletedAt)
    .sort((a, b) => b.at - a.at || b.arrival - a.arrival);
  if (inOrder.length === 0) return undefined;
  if (deletedAt === NEVER) {
    // Arrival breaks ties, but not that of a message that went through the dead letters.
    const tied = inOrder.filter(({ at }) => at === inOrder[0]?.at);
    return tied.some(({ arrival, latest }) => arrival !== latest) ? tied : tied.slice(0, 1);
  }
  // What arrives before the creation that it belongs behind finds a deleted entity, and is dropped for good.
  const births = sayings.filter((said) => said.kind === 'creation' && said.at > deletedAt);
  const isSure = ({ at, arrival }: Said) => births.some((birth) => birth.at <= at && birth.latest <= arrival);
  const sure = inOrder.find(isSure);
  if (sure === undefined) return undefined;
  // One that was dropped may come once more, as a duplicate, and then arrives later than what it shares its instant with.
  return inOrder.filter((said) => said === sure || said.at > sure.at || (said.at === sure.at && !isSure(said)));
};

const subsetsOf = <T>(list: readonly T[]): readonly (readonly T[])[] =>
  list.reduce<readonly (readonly T[])[]>((subsets, item) => subsets.flatMap((subset) => [subset, [...subset, item]]), [[]]);

/** More events of unknown effect than this are not told apart: the state is then not judged. */
const MOST_DOUBTFUL = 6;

export interface EntityHistory {
  /** What counts, being delivered or overtaken. */
  readonly counting: readonly Said[];
  /** Rejected or in the dead letters, and yet Userpilot or the ledger may know of it. */
  readonly doubtful: readonly Said[];
  /** Whether Userpilot shows this state. */
  readonly shows: (said: Said) => boolean;
}

/** What is wrong with the final state of one entity, a line per facet. */
export const wrongFacets = ({ counting, doubtful, shows }: EntityHistory): readonly string[] => {
  if (doubtful.length > MOST_DOUBTFUL) return [];
  const groups = Map.groupBy([...counting, ...doubtful], ({ source, facet }) => `${source}/${facet}`);
  return [...groups].flatMap(([group, members]) => {
    const { source, facet } = members[0] as Said; // a group has at least one member
    const allowed = subsetsOf(doubtful).map((subset) => newestOf([...counting, ...subset], source, facet));
    if (allowed.some((newest) => newest === undefined || newest.some(shows))) return [];
    const wanted = new Set(allowed.flatMap((newest) => newest?.map(({ properties }) => JSON.stringify(properties)) ?? []));
    return [`${group}: expected ${[...wanted].join(' or ')}`];
  });
};
