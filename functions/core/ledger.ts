import { type Call, type Change, type Identify, isDeletion } from './calls.ts';
import { digest } from './digest.ts';
import type { SupersededCode } from './reasons.ts';

/** What was last sent for one facet of one source. Times are epoch milliseconds; no profile is stored. */
export interface Seen {
  readonly asOf: number;
  /** Of the newest change's own call, written after Userpilot accepted it; empty when Userpilot may hold another. */
  readonly hash: string;
  /** Idempotency keys of the events at exactly `asOf`: tells a duplicate from another change of the same second. */
  readonly events: readonly string[];
  /** Of the row that the job `LedgerItem.job` carries. Counts as `hash` once that job is known to have succeeded. */
  readonly bulk?: string;
}

/** One item per entity. An entity that was never seen is `EMPTY_ITEM`. */
export interface LedgerItem {
  /** By `source/facet`. */
  readonly seen: Readonly<Record<string, Seen>>;
  /** Newest deletion that a source reported. */
  readonly deletedAt?: number;
  /** Newest creation that a source reported. Newer than `deletedAt` = created again. */
  readonly createdAt?: number;
  /** An earlier attempt began and was never committed: Userpilot may hold more than the ledger knows. */
  readonly dirty: boolean;
  /** Key of the bulk job that was last given a row of this entity and has not been accounted for. */
  readonly job?: string;
}
export const EMPTY_ITEM: LedgerItem = { seen: {}, dirty: false };

/** Deleted, and not created again since. */
export const isDead = ({ deletedAt, createdAt }: Pick<LedgerItem, 'deletedAt' | 'createdAt'>): boolean =>
  deletedAt !== undefined && (createdAt === undefined || createdAt <= deletedAt);

/** What to write once Userpilot accepted (or when nothing needed sending). */
export interface LedgerUpdate {
  readonly seen: Readonly<Record<string, Seen>>;
  /** Replaces all of `seen`: after a deletion nothing that was sent before counts. */
  readonly forgetSeen: boolean;
  readonly deletedAt?: number;
  readonly createdAt?: number;
  /** The job is over and what it did stands in `seen`. */
  readonly forgetJob?: true;
}

/** A row of an entity on its way into a bulk job. */
export interface Mark {
  readonly job: string;
  /** As it was read, before any job had a say. */
  readonly item: LedgerItem;
  /** Times and hashes of the changes that the row carries, by `source/facet`. */
  readonly seen: Readonly<Record<string, { readonly asOf: number; readonly bulk: string }>>;
}

/** What a bulk job needs of the ledger. */
export interface BulkLedger {
  /** Several entities as they stand, nothing taken in hand. One that was never seen is left out. At most 100 keys. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, LedgerItem>>;
  /**
   * One conditional write: gives the row to the job. False when the entity is in somebody's hand, was deleted, was given to
   * another job or told something newer since it was read: then it goes through the queue.
   */
  mark(key: string, mark: Mark): Promise<boolean>;
}

/** The ledger behind core's rules; DynamoDB in production. Throws a DependencyError when it cannot answer. */
export interface Ledger {
  /** One write: marks the entity as in flight until `until`, by `owner`, and returns it as it stood before. */
  begin(key: string, claim: Claim): Promise<LedgerItem>;
  /**
   * One conditional write: refused (DependencyError) when another attempt has begun since.
   * `settled` also clears the mark: nothing of ours is under way and Userpilot holds what the ledger says.
   */
  commit(key: string, claim: Claim, update: LedgerUpdate, settled: boolean): Promise<void>;
}

export interface Claim {
  /** One value per attempt, so that an attempt that was overtaken cannot commit. */
  readonly owner: string;
  /** A moment past the attempt's own end. */
  readonly until: Date;
}

/** A change in hand, in the order in which the queue gave it. */
export interface Arrival {
  readonly source: string;
  readonly change: Change;
  /** The event's idempotency key. */
  readonly event: string;
}

export type Verdict = 'SEND' | 'TOMBSTONE' | SupersededCode;

export interface Plan {
  /** One per arrival, in the order given. */
  readonly verdicts: readonly Verdict[];
  /** The one call that has the effect of all SEND arrivals; absent when nothing needs sending. */
  readonly call?: Identify;
  readonly update: LedgerUpdate;
}

/** More duplicates of one instant than this are not worth remembering. */
const MAX_EVENTS = 20;

/** The hash of no call. */
const UNKNOWN = '';

const hashOf = (call: Call): string => digest(JSON.stringify(sorted(call))).slice(0, 32);

/** Key order is the mapper's business: it must not make two equal calls look different. */
const sorted = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, inner]) => [key, sorted(inner)])
    : value;

/** The effect of `older` and then `newer` at Userpilot, which merges by property, in one call. */
const merged = (older: Identify, newer: Identify): Identify => {
  const metadata = { ...older.metadata, ...newer.metadata };
  const company =
    'company' in newer && newer.company !== undefined ? newer.company : 'company' in older ? older.company : undefined;
  return {
    ...newer,
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    ...(company !== undefined && newer.kind === 'identifyUser' ? { company } : {}),
  };
};

interface Pending {
  readonly index: number;
  readonly call: Identify;
  readonly own: Identify;
  readonly at: number;
  readonly events: readonly string[];
}

/**
 * Decides for one entity what the changes in hand ask for, given what the ledger knows. Pure.
 * - A change older than what its own source sent for the same facet is STALE; equal times are sent (Stripe's clock has one-second grains).
 * - After a deletion nothing but a newer creation is sent, and nothing from before the deletion ever again.
 * - UNCHANGED counts only by a hash that was written after success, and not while an attempt is unaccounted for. It still moves `asOf`.
 * - Several changes of one facet become one call; sources and facets join into one call in the order of their times.
 */
export const decide = (item: LedgerItem, arrivals: readonly Arrival[]): Plan => {
  const verdicts: Verdict[] = arrivals.map(() => 'STALE');
  const inOrder = arrivals
    .map((arrival, index) => ({ ...arrival, index, at: arrival.change.occurredAt.getTime() }))
    .sort((a, b) => a.at - b.at);
  let seen = item.seen;
  let { deletedAt, createdAt } = item;
  let forgetSeen = false;
  let pending = new Map<string, Pending>();

  for (const { source, change, event, index, at } of inOrder) {
    const { call } = change;
    const key = `${source}/${change.facet}`;
    if (isDeletion(call)) {
      if (createdAt !== undefined && at < createdAt) continue;
      if (deletedAt !== undefined && at <= deletedAt) {
        verdicts[index] = 'DUPLICATE';
        continue;
      }
      for (const { index: overtaken } of pending.values()) verdicts[overtaken] = 'TOMBSTONED';
      pending = new Map();
      seen = {};
      forgetSeen = true;
      deletedAt = at;
      verdicts[index] = 'TOMBSTONE';
      continue;
    }
    if (change.creates === true) createdAt = Math.max(createdAt ?? at, at);
    const dead = deletedAt !== undefined && (at <= deletedAt || createdAt === undefined || createdAt <= deletedAt);
    const last = seen[key];
    const before = pending.get(key);
    const sameInstant = before?.at === at ? before.events : last?.asOf === at ? last.events : [];
    if (dead) verdicts[index] = 'TOMBSTONED';
    else if (last !== undefined && at < last.asOf) verdicts[index] = 'STALE';
    else if (sameInstant.includes(event)) verdicts[index] = 'DUPLICATE';
    else {
      if (before !== undefined) verdicts[before.index] = 'MERGED';
      const own = call as Identify; // deletions were handled above
      pending.set(key, {
        index,
        own,
        call: before === undefined ? own : merged(before.call, own),
        at,
        events: [...sameInstant, event].slice(-MAX_EVENTS),
      });
      verdicts[index] = 'SEND';
    }
  }

  const update: Record<string, Seen> = {};
  let call: Identify | undefined;
  for (const [key, change] of [...pending].sort(([, a], [, b]) => a.at - b.at)) {
    const hash = hashOf(change.own);
    update[key] = { asOf: change.at, hash, events: change.events };
    if (!item.dirty && seen[key]?.hash === hash && change.call === change.own) verdicts[change.index] = 'UNCHANGED';
    else call = call === undefined ? change.call : merged(call, change.call);
  }
  // An attempt that is unaccounted for may have sent any facet. The commit after this call settles the entity, and so what
  // this call leaves out must not count as unchanged later.
  if (item.dirty && call !== undefined) {
    for (const [key, entry] of Object.entries(seen)) update[key] ??= { ...entry, hash: UNKNOWN };
  }
  return {
    verdicts,
    ...(call === undefined ? {} : { call }),
    update: {
      seen: update,
      forgetSeen,
      ...(deletedAt === undefined ? {} : { deletedAt }),
      ...(createdAt === undefined ? {} : { createdAt }),
    },
  };
};
