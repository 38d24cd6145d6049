import { type BulkJob, settledItem } from './bulk-job.ts';
import type { Call } from './calls.ts';
import { isDead, type LedgerItem } from './ledger.ts';
import type { DeletionSettings } from './settings.ts';

/** An entity that was deleted at its vendor and is still to be deleted at Userpilot. The only item that holds an id. */
export interface Erasure {
  /** The entity's key in the ledger. */
  readonly key: string;
  readonly kind: 'user' | 'company';
  readonly id: string;
  /** When the deletion reached us: epoch milliseconds. */
  readonly requestedAt: number;
  /** `YYYY-MM-DD`: the day of the first run that may send it. */
  readonly due: string;
}

/**
 * How an erasure ended. SENT: Userpilot took it. REPORTED: it would have been sent. CANCELLED: the entity was created again, or
 * nothing but a lost attempt speaks of its deletion. WITHDRAWN: an operator cancelled it. IGNORED: the stage sends none any more.
 */
export type ErasureStatus = 'SENT' | 'REPORTED' | 'CANCELLED' | 'WITHDRAWN' | 'IGNORED';

/** Kept instead of the id. */
export interface Receipt {
  readonly status: ErasureStatus;
  /** Epoch milliseconds. */
  readonly requestedAt: number;
  readonly endedAt: number;
}

/** What deliver does about erasures; DynamoDB in production. Throws a DependencyError when it cannot answer. */
export interface ErasureNotes {
  /**
   * Notes an erasure, or notes it again. @param keepEarlier one that is noted already stays as it is: its day must not move
   * because another source tells of the same deletion.
   */
  note(erasure: Erasure, keepEarlier: boolean): Promise<void>;
  /**
   * Before an entity that was deleted is sent again: its erasure, if it is noted, is not sent before `due`. Answers when the last
   * claim was made, if not before `openSince`: then nothing was changed, and nothing may be sent. Both in epoch milliseconds.
   */
  hold(key: string, due: string, openSince: number): Promise<number | undefined>;
}

/** What sends them. Throws a DependencyError when it cannot answer. */
export interface Erasures {
  /** All that are due by that day, in pages. May be a moment behind. */
  listDue(day: string): AsyncIterable<readonly Erasure[]>;
  /** Before an erasure is sent. False when it is not as it was listed any more. */
  claim(erasure: Erasure, now: number): Promise<boolean>;
  /** Leaves a receipt and forgets the id, in one write. False when it is not as it was listed any more. */
  conclude(erasure: Erasure, receipt: Receipt): Promise<boolean>;
  /** About how many entities were known some hours ago; 0 before the first count. */
  countKnown(): Promise<number>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A day of erasures begins at 01:00 UTC: what is due by then is sent by the run at 01:30. */
const DAY_BEGINS_MS = HOUR_MS;
const dayText = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** The day whose run may send: at least so many times 24 hours later. */
export const dueDay = (requestedAt: number, holdBackDays: number): string =>
  dayText(Math.ceil((requestedAt + holdBackDays * DAY_MS - DAY_BEGINS_MS) / DAY_MS));

/** What a deletion asks for; undefined for any other call. */
export const toErasure = (
  key: string,
  call: Call,
  { requestedAt, holdBackDays }: { readonly requestedAt: Date; readonly holdBackDays: number },
): Erasure | undefined => {
  const moment = requestedAt.getTime();
  const rest = { key, requestedAt: moment, due: dueDay(moment, holdBackDays) };
  if (call.kind === 'deleteUser') return { kind: 'user', id: call.user_id, ...rest };
  return call.kind === 'deleteCompany' ? { kind: 'company', id: call.company_id, ...rest } : undefined;
};

/** The day whose erasures may be sent now. */
export const dayOf = (now: number): string => dayText(Math.floor((now - DAY_BEGINS_MS) / DAY_MS));

/** From the claim of a batch to the end of its call. */
export const CLAIM_MS = 5 * 60_000;
/** Userpilot deletes once a day, at 02:00 UTC: docs.userpilot.com/api-references/delete/overview. How long that takes is not said. */
const NIGHTLY_RUN_MS = 2 * HOUR_MS;
const NIGHTLY_RUN_TAKES_MS = HOUR_MS;

/** The first nightly run after a moment. */
const runAfter = (moment: number): number => Math.floor((moment - NIGHTLY_RUN_MS) / DAY_MS + 1) * DAY_MS + NIGHTLY_RUN_MS;

/** When a deletion that was claimed then has surely been carried out. Userpilot does not say what becomes of an identify before. */
export const carriedOutBy = (claimedAt: number): number => runAfter(claimedAt + CLAIM_MS) + NIGHTLY_RUN_TAKES_MS;

/** A claim from then on may not have been carried out yet: `carriedOutBy` the other way round. */
export const openClaimsSince = (now: number): number => runAfter(now - NIGHTLY_RUN_TAKES_MS) - DAY_MS - CLAIM_MS;

/** An erasure whose tombstone was never written is given up after this time: the messages that could write it are gone by then. */
const UNCONFIRMED_FOR_MS = 30 * DAY_MS;

/**
 * What becomes of a due erasure. The ledger alone says who is dead; the erasure only says that somebody has to look.
 * An attempt that is unaccounted for may be about to write the tombstone, and a bulk job to write the user: tomorrow, then.
 */
export const judge = (
  { requestedAt, due }: Erasure,
  before: LedgerItem,
  job: BulkJob | undefined,
  now: number,
): 'SEND' | 'LATER' | 'CANCELLED' => {
  const { item, heldUntil } = settledItem(before, job, now);
  if (heldUntil !== undefined) return 'LATER';
  // Before its day, somebody may be bringing the entity back who has moved the day out of the way.
  if (isDead(item)) return item.dirty && due > dayOf(now) ? 'LATER' : 'SEND';
  return item.dirty && now - requestedAt < UNCONFIRMED_FOR_MS ? 'LATER' : 'CANCELLED';
};

/** As few as this are never a mass deletion, however few users there are. */
const MASS_AT_LEAST = 20;

/** Whether one day holds more erasures than the stage lets through without a person. @param known how many entities there are, 0 when nobody has counted yet */
export const isMass = (due: readonly Erasure[], known: number, { count, share }: DeletionSettings['mass']): boolean => {
  const limit = known === 0 ? count : Math.min(count, Math.max(share * known, MASS_AT_LEAST));
  const days = Map.groupBy(due, (erasure) => erasure.due);
  return [...days.values()].some(({ length }) => length > limit);
};

/** Ids in one DELETE. Userpilot names no limit, so this one is ours. */
export const MAX_IDS_PER_CALL = 500;

/** As few as possible, users and companies apart. */
export const batchesOf = (erasures: readonly Erasure[]): readonly (readonly Erasure[])[] =>
  [...Map.groupBy(erasures, ({ kind }) => kind).values()].flatMap((list) =>
    Array.from({ length: Math.ceil(list.length / MAX_IDS_PER_CALL) }, (_, index) =>
      list.slice(index * MAX_IDS_PER_CALL, (index + 1) * MAX_IDS_PER_CALL),
    ),
  );
