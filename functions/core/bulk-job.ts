import type { LedgerItem, LedgerUpdate, Seen } from './ledger.ts';

/**
 * One job of `bulk_identify`, from before its rows are marked until it is over.
 * `completed`: all rows were written. `failed`: nobody knows which were, or it was never taken.
 */
export interface BulkJob {
  readonly state: 'running' | 'completed' | 'failed';
  /** Epoch milliseconds: when it will probably be over. */
  readonly endsAt: number;
  /** Userpilot's own id, once it took the job. */
  readonly jobId?: string;
  readonly rows: number;
}

/** Jobs by a key of ours, given before Userpilot gives one of its own. Throws a DependencyError when it cannot answer. */
export interface BulkJobs {
  write(key: string, job: BulkJob): Promise<void>;
  /** Undefined when there is no such job, or none any more. */
  read(key: string): Promise<BulkJob | undefined>;
}

/** So long after its probable end a job that nobody closed is given up: whoever watched over it is gone. */
export const GIVEN_UP_AFTER_MS = 6 * 3_600_000;

/** Whether the job may still write rows. */
export const isRunning = ({ state, endsAt }: BulkJob, now: number): boolean =>
  state === 'running' && now < endsAt + GIVEN_UP_AFTER_MS;

/** An item in the light of what became of its job. */
export interface Settled {
  readonly item: LedgerItem;
  /** The job may still write its row: epoch milliseconds of its probable end. */
  readonly heldUntil?: number;
}

const withoutBulk = ({ bulk: _, ...seen }: Seen): Seen => seen;

/**
 * A row counts as sent by its hash only when its job is known to have succeeded. While the job may still write, nothing counts
 * as unchanged; afterwards the job has no more say, and `accounted` writes that down.
 */
export const settledItem = (item: LedgerItem, job: BulkJob | undefined, now: number): Settled => {
  const { job: key, ...rest } = item;
  if (key === undefined) return { item };
  if (job !== undefined && isRunning(job, now)) return { item: { ...item, dirty: true }, heldUntil: job.endsAt };
  const seen = Object.entries(item.seen).map(([facet, entry]) => {
    const counts = job?.state === 'completed' && entry.bulk !== undefined;
    return [facet, counts ? { ...withoutBulk(entry), hash: entry.bulk } : withoutBulk(entry)] as const;
  });
  return { item: { ...rest, seen: Object.fromEntries(seen) } };
};

/** The update of an attempt that found the job over: what the job did is written down with it. */
export const accounted = (update: LedgerUpdate, before: LedgerItem, settled: LedgerItem): LedgerUpdate => {
  if (before.job === undefined) return update;
  const changed = Object.entries(settled.seen).filter(([facet]) => before.seen[facet]?.bulk !== undefined);
  return { ...update, seen: { ...(update.forgetSeen ? {} : Object.fromEntries(changed)), ...update.seen }, forgetJob: true };
};

/** The update of an attempt under a running job: the events in hand are to be sent once more, so they count as not yet seen. */
export const provisional = (update: LedgerUpdate, inHand: ReadonlySet<string>): LedgerUpdate => ({
  ...update,
  seen: Object.fromEntries(
    Object.entries(update.seen).map(([facet, entry]) => [
      facet,
      { ...entry, hash: '', events: entry.events.filter((event) => !inHand.has(event)) },
    ]),
  ),
});

/** What a mark writes for one facet: as of the row, with nothing proven. */
export const markedEntry = (
  before: Seen | undefined,
  { asOf, bulk }: { readonly asOf: number; readonly bulk: string },
): Seen => ({
  asOf,
  hash: '',
  events: before?.asOf === asOf ? before.events : [],
  bulk,
});
