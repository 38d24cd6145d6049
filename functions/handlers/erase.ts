import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import * as z from 'zod';
import type { BulkJob, BulkJobs } from '../core/bulk-job.ts';
import { batchesOf, CLAIM_MS, dayOf, type Erasure, type ErasureStatus, type Erasures, isMass, judge } from '../core/erasure.ts';
import { DeliveryError } from '../core/errors.ts';
import { type BulkLedger, EMPTY_ITEM } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { type Limiter, OutOfTime } from '../core/ports.ts';
import type { SecretCache } from '../core/secrets.ts';
import type { DeletionSettings } from '../core/settings.ts';
import { METRICS } from '../manifest.ts';
import { logInvocation } from '../middleware/invocation.ts';
import type { Userpilot } from '../userpilot/client.ts';

export interface EraseDeps {
  readonly erasures: Erasures;
  readonly ledger: Pick<BulkLedger, 'read'>;
  readonly jobs: Pick<BulkJobs, 'read'>;
  readonly limiter: Limiter;
  readonly userpilot: Pick<Userpilot, 'deleteUsers' | 'deleteCompanies'>;
  readonly apiKey: SecretCache<string | undefined>;
  readonly deletions: DeletionSettings;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly now: () => Date;
}

/** What a run may be told; the schedule tells nothing. */
export const EraseEvent = z.strictObject({
  /** Also what is due later, up to this day. @default the day that has begun */
  dueBy: z.iso.date().exactOptional(),
  /** Lets a mass deletion through. */
  force: z.boolean().default(false),
  /** Changes and sends nothing. */
  dryRun: z.boolean().default(false),
});

/** What a run came to, in numbers. */
export const EraseReport = z.strictObject({
  due: z.int(),
  /** In a dry run and in the mode `report`: what would have been sent. */
  sent: z.int(),
  calls: z.int(),
  cancelled: z.int(),
  /** Left for the next run. */
  later: z.int(),
  /** Refused by Userpilot one by one; the next run tries them again. */
  refused: z.int(),
  mode: z.enum(['ignore', 'report', 'erase', 'dry run']),
  /** More than the stage lets through. Without `force`, nothing was sent then. */
  mass: z.boolean(),
});
export type EraseReport = z.infer<typeof EraseReport>;

/** Userpilot refused ids that it was given alone. */
class IdsRefused extends Error {
  override readonly name = 'IdsRefused';
}

/** A call may take 10 s, and what follows it a little. */
const CALL_MS = 15_000;
const MAX_TRIES = 4;
const READ_AT_ONCE = 100;
const WRITES_AT_ONCE = 25;

interface Run extends EraseDeps {
  /** Epoch milliseconds: when the function will be ended. */
  readonly deadline: number;
}

const chunks = <T>(list: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size));

/** Those for which the answer is yes. */
const whichever = async <T>(list: readonly T[], does: (one: T) => Promise<boolean>): Promise<readonly T[]> => {
  const kept: T[] = [];
  for (const some of chunks(list, WRITES_AT_ONCE)) {
    const answers = await Promise.all(some.map(does));
    kept.push(...some.filter((_, index) => answers[index]));
  }
  return kept;
};

type Judged = Readonly<Record<ReturnType<typeof judge>, readonly Erasure[]>>;

const judgeAll = async (erasures: readonly Erasure[], { ledger, jobs, now }: Run): Promise<Judged> => {
  const judged = { SEND: [] as Erasure[], LATER: [] as Erasure[], CANCELLED: [] as Erasure[] };
  const known = new Map<string, Promise<BulkJob | undefined>>();
  const jobOf = (key: string | undefined) => {
    if (key === undefined) return undefined;
    const job = known.get(key) ?? jobs.read(key);
    known.set(key, job);
    return job;
  };
  for (const some of chunks(erasures, READ_AT_ONCE)) {
    const items = await ledger.read(some.map(({ key }) => key));
    for (const erasure of some) {
      const item = items.get(erasure.key) ?? EMPTY_ITEM;
      judged[judge(erasure, item, await jobOf(item.job), now().getTime())].push(erasure);
    }
  }
  return judged;
};

const concludeAll = async (list: readonly Erasure[], status: ErasureStatus, { erasures, metrics, now }: Run): Promise<void> => {
  if (list.length === 0) return;
  const concluded = await whichever(list, (erasure) =>
    erasures.conclude(erasure, { status, requestedAt: erasure.requestedAt, endedAt: now().getTime() }),
  );
  metrics.add(METRICS.erasures, { code: status }, concluded.length);
};

/** One DELETE of one kind, with a permit for every try. Safe to repeat: what is gone is gone. */
const call = async (batch: readonly Erasure[], latest: number, run: Run): Promise<void> => {
  const { limiter, userpilot, apiKey, now, log } = run;
  const send = batch[0]?.kind === 'company' ? userpilot.deleteCompanies : userpilot.deleteUsers;
  const ids = batch.map(({ id }) => id);
  let mayRenew = true;
  for (let tries = 1; ; tries += 1) {
    await limiter.take('delete', latest);
    const key = await apiKey.get();
    if (now().getTime() > latest) throw new OutOfTime();
    try {
      if (key === undefined) throw new DeliveryError('UNAUTHORIZED');
      return await send(ids, key);
    } catch (error) {
      if (!(error instanceof DeliveryError) || !error.retryable || tries === MAX_TRIES) throw error;
      const { code, status, retryAfterSeconds } = error;
      log.warn('deletion not taken, tried again', { code, attempt: tries, ...(status !== undefined && { status }) });
      if (code === 'RATE_LIMITED') await limiter.pushBack('delete', retryAfterSeconds);
      if (code !== 'UNAUTHORIZED') continue;
      const renewed = mayRenew ? await apiKey.refresh() : undefined;
      mayRenew = false;
      if (renewed === undefined || renewed === key) throw error;
    }
  }
};

interface Sent {
  readonly sent: number;
  readonly calls: number;
  readonly refused: number;
}
const sumOf = (a: Sent, b: Sent): Sent => ({
  sent: a.sent + b.sent,
  calls: a.calls + b.calls,
  refused: a.refused + b.refused,
});
const NONE: Sent = { sent: 0, calls: 0, refused: 0 };

/** Sends what is claimed. How many ids Userpilot takes is not documented: a batch that it refuses goes in two halves. */
const sendClaimed = async (batch: readonly Erasure[], latest: number, run: Run): Promise<Sent> => {
  if (batch.length === 0) return NONE;
  try {
    await call(batch, latest, run);
  } catch (error) {
    if (!(error instanceof DeliveryError) || error.retryable) throw error;
    run.log.warn('deletion refused', { code: error.code, count: batch.length });
    if (batch.length === 1) return { sent: 0, calls: 1, refused: 1 };
    const half = Math.ceil(batch.length / 2);
    const first = await sendClaimed(batch.slice(0, half), latest, run);
    return sumOf({ ...NONE, calls: 1 }, sumOf(first, await sendClaimed(batch.slice(half), latest, run)));
  }
  await concludeAll(batch, 'SENT', run);
  return { sent: batch.length, calls: 1, refused: 0 };
};

/**
 * claim, ask the ledger, call, conclude: in this order. Whoever sends a deleted entity again moves its erasure first, by a write
 * that a claim excludes and that excludes a claim. So after the claim the ledger's word stands: nobody who saw the entity dead
 * can bring it back before the deletion has been carried out.
 */
const sendBatch = async (batch: readonly Erasure[], run: Run): Promise<Sent> => {
  const claimedAt = run.now().getTime();
  const latest = Math.min(run.deadline, claimedAt + CLAIM_MS) - CALL_MS;
  if (claimedAt > latest) throw new OutOfTime();
  const claimed = await whichever(batch, (erasure) => run.erasures.claim(erasure, claimedAt));
  const { SEND } = await judgeAll(claimed, run);
  return sendClaimed(SEND, latest, run);
};

const eraseDue = async (event: unknown, run: Run): Promise<EraseReport> => {
  const { erasures, deletions, log, metrics, now } = run;
  const { dueBy = dayOf(now().getTime()), force, dryRun } = EraseEvent.parse(event ?? {});
  const found: Erasure[] = [];
  for await (const page of erasures.listDue(dueBy)) found.push(...page);
  const { SEND, LATER, CANCELLED } = await judgeAll(found, run);
  const mass = SEND.length > 0 && isMass(SEND, await erasures.countKnown(), deletions.mass);
  const report: EraseReport = {
    due: found.length,
    sent: SEND.length,
    calls: 0,
    cancelled: CANCELLED.length,
    later: LATER.length,
    refused: 0,
    mode: dryRun ? 'dry run' : deletions.mode,
    mass,
  };
  if (dryRun) return report;
  await concludeAll(CANCELLED, 'CANCELLED', run);
  if (deletions.mode !== 'erase') {
    await concludeAll(SEND, deletions.mode === 'report' ? 'REPORTED' : 'IGNORED', run);
    return report;
  }
  if (mass && !force) {
    metrics.add(METRICS.massDeletion, {}, SEND.length);
    log.error('a mass deletion waits for a person: nothing was sent', { count: SEND.length });
    return { ...report, sent: 0, later: LATER.length + SEND.length };
  }
  let sum = NONE;
  for (const batch of batchesOf(SEND)) sum = sumOf(sum, await sendBatch(batch, run));
  return { ...report, ...sum, later: found.length - CANCELLED.length - sum.sent - sum.refused };
};

const erase = async (event: unknown, run: Run): Promise<EraseReport> => {
  const report = await eraseDue(event, run);
  const { sent, later, refused } = report;
  run.log.info(`erasures, ${report.mode}: ${sent} sent, ${later} left`, { count: report.due });
  // What went well is written down; the failure brings another run, and the alarm.
  if (refused > 0) throw new IdsRefused(`Userpilot refuses ${refused} of the ids`);
  return report;
};

/** Sends the deletions that are due. A run that ends early is made up for by the next: everything left is still due. */
export const createErase = (deps: EraseDeps) =>
  middy<unknown, EraseReport, Error, Context>({ requestEnd: () => deps.metrics.flush(), timeoutEarlyInMillis: 0 })
    .use(logInvocation(deps.log))
    .handler((event, { getRemainingTimeInMillis }) =>
      erase(event, { ...deps, deadline: deps.now().getTime() + getRemainingTimeInMillis() }),
    );
