import type { Breaker } from '../core/breaker.ts';
import { accounted, type BulkJobs, provisional, settledItem } from '../core/bulk-job.ts';
import type { Identify } from '../core/calls.ts';
import type { Envelope } from '../core/envelope.ts';
import { carriedOutBy, dueDay, type ErasureNotes, openClaimsSince, toErasure } from '../core/erasure.ts';
import { BeingErased, BreakerOpen, type DeliveryCode, DeliveryError, DependencyError, HeldByJob } from '../core/errors.ts';
import {
  type Arrival,
  type Claim,
  decide,
  isDead,
  type Ledger,
  type LedgerItem,
  type LedgerUpdate,
  type Plan,
} from '../core/ledger.ts';
import { BACKFILL_PATIENCE_MS, type Lane } from '../core/pacing.ts';
import { type Limiter, OutOfTime } from '../core/ports.ts';
import type { SecretCache } from '../core/secrets.ts';
import type { DeletionSettings } from '../core/settings.ts';
import type { Userpilot } from '../userpilot/client.ts';

/** A message in hand: the envelope, and what is needed to answer for it. */
export interface InHand {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly receiveCount: number;
  readonly envelope: Envelope;
  readonly arrival: Arrival;
}

/** How one message ended. `refused` is about this payload and goes to the rejected queue; `retry` comes back. */
export type Ending =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'tombstone' }
  | { readonly kind: 'superseded'; readonly code: string }
  | { readonly kind: 'refused'; readonly error: DeliveryError }
  | { readonly kind: 'retry'; readonly error: unknown };

export interface EntityDeps {
  readonly ledger: Ledger;
  readonly jobs: Pick<BulkJobs, 'read'>;
  readonly erasures: ErasureNotes;
  readonly deletions: Pick<DeletionSettings, 'mode' | 'holdBackDays'>;
  readonly limiter: Limiter;
  readonly breaker: Breaker;
  readonly userpilot: Userpilot;
  readonly apiKey: SecretCache<string | undefined>;
  readonly now: () => Date;
  /** Epoch milliseconds: when the function will be ended. */
  readonly deadline: number;
  /** Unique per invocation. */
  readonly invocation: string;
}

/** A call may take 10 s, and its commit a little: with less left nothing is begun. */
export const MIN_LEFT_MS = 12_000;
const NOTHING: LedgerUpdate = { seen: {}, forgetSeen: false };
/** Userpilot said no before it did anything. */
const WITHOUT_EFFECT: ReadonlySet<DeliveryCode> = new Set(['REFUSED', 'UNAUTHORIZED', 'RATE_LIMITED']);

/** Whether a call may have had an effect although it did not end well. */
interface Trace {
  mayHaveLanded: boolean;
}

/** Tells limiter and breaker what an answer means for everybody. A refusal of one payload is a sign of health. */
const tell = async (error: DeliveryError, { limiter, breaker }: EntityDeps): Promise<void> => {
  if (error.code === 'RATE_LIMITED') await limiter.pushBack('identify', error.retryAfterSeconds);
  else if (error.code === 'REFUSED') await breaker.succeeded();
  else await breaker.failed(error.code, error.code === 'UNAUTHORIZED');
};

/** One call, with a permit for every try. Once more at once after a lost socket, and once more with a key that was just renewed. */
const send = async (call: Identify, trace: Trace, lane: Lane, deps: EntityDeps): Promise<void> => {
  const { limiter, breaker, userpilot, apiKey, deadline, now } = deps;
  const latest =
    lane === 'live' ? deadline - MIN_LEFT_MS : Math.min(deadline - MIN_LEFT_MS, now().getTime() + BACKFILL_PATIENCE_MS);
  let mayReconnect = true;
  for (;;) {
    await limiter.take('identify', latest, lane);
    // After the wait: another call may have found the key changed meanwhile.
    const key = await apiKey.get();
    if (deadline - now().getTime() < MIN_LEFT_MS) throw new OutOfTime();
    try {
      if (key === undefined) throw new DeliveryError('UNAUTHORIZED');
      await userpilot.identify(call, key);
      trace.mayHaveLanded = true;
      return breaker.succeeded();
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      trace.mayHaveLanded ||= !WITHOUT_EFFECT.has(error.code);
      if (error.code === 'CONNECTION_LOST' && mayReconnect) {
        mayReconnect = false;
        continue;
      }
      const renewed = error.code === 'UNAUTHORIZED' ? await apiKey.refresh() : undefined;
      if (renewed === undefined || renewed === key) {
        await tell(error, deps);
        throw error;
      }
    }
  }
};

const endingsOf = ({ verdicts }: Plan): readonly Ending[] =>
  verdicts.map((verdict): Ending => {
    if (verdict === 'SEND') return { kind: 'delivered' };
    return verdict === 'TOMBSTONE' ? { kind: 'tombstone' } : { kind: 'superseded', code: verdict };
  });

/**
 * Before the tombstone is committed, so that a crash in between notes it once more. Not when the entity was created again
 * meanwhile: then there is nothing to erase.
 */
const noteErasure = async (
  key: string,
  messages: readonly InHand[],
  { before, plan }: { readonly before: LedgerItem; readonly plan: Plan },
  { erasures, deletions }: EntityDeps,
): Promise<void> => {
  const message = messages[plan.verdicts.indexOf('TOMBSTONE')];
  if (message === undefined || deletions.mode === 'ignore' || !isDead(plan.update)) return;
  const { receivedAt, change } = message.envelope;
  const erasure = toErasure(key, change.call, { requestedAt: receivedAt, holdBackDays: deletions.holdBackDays });
  if (erasure !== undefined) await erasures.note(erasure, isDead(before));
};

/**
 * An entity that was deleted is sent again: after what Userpilot was told to delete is gone, and out of the way of the next
 * run. Whether it is erased after all depends on the ledger then, and so on whether this attempt reaches its commit.
 */
const holdErasure = async (key: string, { erasures, now }: EntityDeps): Promise<void> => {
  const moment = now().getTime();
  const claimedAt = await erasures.hold(key, dueDay(moment, 1), openClaimsSince(moment));
  if (claimedAt !== undefined) throw new BeingErased(Math.ceil((carriedOutBy(claimedAt) - moment) / 1000));
};

/**
 * begin, decide, call, commit: in this order, or a newest state is lost when two attempts overlap or one dies in between.
 * Under a running bulk job the same, and everything in hand comes back for another round when the job is over.
 */
const attempt = async (key: string, messages: readonly InHand[], claim: Claim, deps: EntityDeps): Promise<readonly Ending[]> => {
  const { ledger } = deps;
  const arrivals = messages.map(({ arrival }) => arrival);
  // One live event among them makes the joint call live.
  const lane = messages.every(({ envelope }) => envelope.lane === 'backfill') ? 'backfill' : 'live';
  const before = await ledger.begin(key, claim);
  const job = before.job === undefined ? undefined : await deps.jobs.read(before.job);
  const { item, heldUntil } = settledItem(before, job, deps.now().getTime());
  const plan = decide(item, arrivals);
  const update =
    heldUntil === undefined
      ? accounted(plan.update, before, item)
      : provisional(plan.update, new Set(arrivals.map(({ event }) => event)));
  await noteErasure(key, messages, { before, plan }, deps);
  if (plan.call === undefined) {
    await ledger.commit(key, claim, update, !before.dirty);
    return endingsOf(plan);
  }
  const trace: Trace = { mayHaveLanded: false };
  try {
    if (plan.update.deletedAt !== undefined) await holdErasure(key, deps);
    await send(plan.call, trace, lane, deps);
  } catch (error) {
    if (!trace.mayHaveLanded && !before.dirty) await ledger.commit(key, claim, NOTHING, true);
    throw error;
  }
  await ledger.commit(key, claim, update, true);
  if (heldUntil !== undefined) throw new HeldByJob(Math.max(0, Math.ceil((heldUntil - deps.now().getTime()) / 1000)));
  return endingsOf(plan);
};

/**
 * Brings one entity up to date with the messages in hand, in queue order, and says how each ended.
 * When Userpilot refuses the joint call, each change goes by itself, so that only the one at fault is set aside.
 */
export const deliverEntity = async (key: string, messages: readonly InHand[], deps: EntityDeps): Promise<readonly Ending[]> => {
  let attempts = 0;
  const claim = (): Claim => {
    attempts += 1;
    return { owner: `${deps.invocation}:${attempts}`, until: new Date(deps.deadline + 1000) };
  };
  const ended: Ending[] = [];
  try {
    return await attempt(key, messages, claim(), deps);
  } catch (error) {
    if (!(error instanceof DeliveryError) || error.retryable) return retryAll(messages, error);
    if (messages.length === 1) return [{ kind: 'refused', error }];
  }
  for (const [index, message] of messages.entries()) {
    try {
      ended.push(...(await attempt(key, [message], claim(), deps)));
    } catch (error) {
      if (!(error instanceof DeliveryError) || error.retryable) return [...ended, ...retryAll(messages.slice(index), error)];
      ended.push({ kind: 'refused', error });
    }
  }
  return ended;
};

/** Expected troubles come back later; anything else is a bug, and the batch loop reports it as one. */
export const isExpected = (error: unknown): boolean =>
  [DeliveryError, DependencyError, BreakerOpen, BeingErased, HeldByJob, OutOfTime].some((expected) => error instanceof expected);

const retryAll = (messages: readonly InHand[], error: unknown): readonly Ending[] =>
  messages.map(() => ({ kind: 'retry', error }));
