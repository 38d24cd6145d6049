import { type BulkJob, settledItem } from './bulk-job.ts';
import type { IdentifyUser } from './calls.ts';
import { type Arrival, decide, EMPTY_ITEM, type LedgerItem, type Mark, type Plan } from './ledger.ts';

export interface Known {
  readonly item: LedgerItem | undefined;
  /** What became of the job that the item refers to. */
  readonly job: BulkJob | undefined;
  readonly now: Date;
}

/** What the changes of one entity ask for, for whoever has a bulk job to fill. */
export type Weighed =
  /** No call: Userpilot holds it, or something newer. */
  | { readonly kind: 'nothing'; readonly plan: Plan }
  /** A call of its own, in its turn of the queue. */
  | { readonly kind: 'single' }
  | { readonly kind: 'row'; readonly call: IdentifyUser; readonly mark: Omit<Mark, 'job'> };

const propertiesOf = ({ change: { call } }: Arrival): readonly string[] => {
  const metadata = 'metadata' in call ? Object.keys(call.metadata ?? {}) : [];
  return 'company' in call && call.company !== undefined ? ['company', ...metadata] : metadata;
};

/**
 * Whether the newest change of each facet says all that older ones in hand say. Should the row be lost, the newest is sent again
 * and the others are not: the mark makes them stale.
 */
const isNewestEnough = (arrivals: readonly Arrival[], { verdicts }: Plan): boolean => {
  const facetOf = ({ source, change }: Arrival) => `${source}/${change.facet}`;
  const newest = new Map<string, ReadonlySet<string>>();
  for (const [index, arrival] of arrivals.entries())
    if (verdicts[index] === 'SEND') newest.set(facetOf(arrival), new Set(propertiesOf(arrival)));
  return arrivals.every(
    (arrival, index) =>
      verdicts[index] !== 'MERGED' || propertiesOf(arrival).every((name) => newest.get(facetOf(arrival))?.has(name)),
  );
};

/** Whether an earlier job lost a facet that this row does not carry: when this one ends well, that would count as sent. */
const leavesLost = ({ item: before = EMPTY_ITEM, job }: Known, facets: Readonly<Record<string, unknown>>): boolean =>
  job?.state !== 'completed' &&
  Object.entries(before.seen).some(([facet, { bulk }]) => bulk !== undefined && !Object.hasOwn(facets, facet));

/**
 * Only a user of whom nothing is under way may go into a job: whoever is in somebody's hand, in a job that still runs, or was
 * ever deleted goes through the queue.
 */
export const weigh = (arrivals: readonly Arrival[], known: Known): Weighed => {
  const { item: before = EMPTY_ITEM, job, now } = known;
  const { item, heldUntil } = settledItem(before, job, now.getTime());
  const plan = decide(item, arrivals);
  if (plan.verdicts.includes('TOMBSTONE')) return { kind: 'single' };
  if (plan.call === undefined) return { kind: 'nothing', plan };
  const isSimple = !before.dirty && heldUntil === undefined && item.deletedAt === undefined;
  if (plan.call.kind !== 'identifyUser' || !isSimple) return { kind: 'single' };
  if (!isNewestEnough(arrivals, plan) || leavesLost(known, plan.update.seen)) return { kind: 'single' };
  const seen = Object.entries(plan.update.seen).map(([facet, { asOf, hash }]) => [facet, { asOf, bulk: hash }] as const);
  return { kind: 'row', call: plan.call, mark: { item: before, seen: Object.fromEntries(seen) } };
};
