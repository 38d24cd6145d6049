import { type BulkJob, isRunning } from '../core/bulk-job.ts';
import { weigh } from '../core/bulk-row.ts';
import { entityKey, idempotencyKey, readEnvelope } from '../core/envelope.ts';
import { DeliveryError, Overtaken } from '../core/errors.ts';
import type { Arrival } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { OverflowWork, Round } from '../core/overflow.ts';
import type { Backlog, RunStore } from '../core/ports.ts';
import { NO_COUNTS, POLL_SECONDS, secondsFor } from '../core/resync.ts';
import type { OverflowSettings } from '../core/settings.ts';
import { METRICS } from '../manifest.ts';
import {
  BULK_FROM,
  type BulkDeps,
  type BulkRow,
  inParts,
  isBusy,
  jobOf,
  knownOf,
  MAX_JOB_BYTES,
  MAX_ROWS,
  markAll,
  poll,
  submit,
} from './bulk.ts';

export interface OverflowDeps extends BulkDeps {
  readonly backlog: Backlog;
  readonly runs: Pick<RunStore, 'take' | 'renew' | 'finish'>;
  readonly settings: OverflowSettings;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A job of fewer rows is not worth its while. @default BULK_FROM */
  readonly bulkFrom?: number;
}

/** By which a run of the overflow is known among those of the sources. */
const RUN = 'overflow';
/** Longer than any step, and than the longest wait for a job. */
const LEASE_MS = 2 * 3_600_000;
/** Until the first round renews it: a start that dies keeps the next ones out for no longer. */
const START_LEASE_MS = 20 * 60_000;
/** Of the surplus: Userpilot takes 20 rows a second, and 9 single calls meanwhile. */
const BULK_SHARE = 2 / 3;
const TAKE_MS = 2 * 60_000;
/** Longer than a step from the first message taken to the last put off; after a crash they are seen again so much later. */
const TAKEN_SECONDS = 600;
/** A job may be found over at the second look after its probable end. What is seen again before that is sent once more. */
const MARGIN_SECONDS = 3 * POLL_SECONDS;
/** Messages that SQS gives, and puts off, in one call. */
const BATCH = 10;
/** Calls at the same time. */
const TAKERS = 10;

/** The messages of one user or company, in their order. */
interface Taken {
  readonly arrivals: Arrival[];
  readonly handles: string[];
}

/** Of so many that wait, what a job may take. */
const shareOf = (waiting: number, { settings: { from } }: OverflowDeps): number =>
  Math.min(MAX_ROWS, Math.floor((waiting - from) * BULK_SHARE));

/** Until there are enough, nothing more is to be had, or time is up. What nobody can read is deliver's to set aside. */
const takeUp = async (most: number, { backlog, now }: OverflowDeps) => {
  const deadline = now().getTime() + TAKE_MS;
  const entities = new Map<string, Taken>();
  const unreadable: string[] = [];
  let asked = 0;
  let bytes = 0;
  let isDry = false;
  const take = async (): Promise<void> => {
    while (!isDry && asked + BATCH <= most && bytes < MAX_JOB_BYTES && now().getTime() < deadline) {
      asked += BATCH;
      const messages = await backlog.take(TAKEN_SECONDS);
      asked -= BATCH - messages.length;
      if (messages.length === 0) isDry = true;
      for (const { body, receiptHandle } of messages) {
        const envelope = readEnvelope(body);
        if (envelope === undefined) {
          unreadable.push(receiptHandle);
          continue;
        }
        const { source, change } = envelope;
        bytes += JSON.stringify(change.call).length;
        const key = entityKey(change);
        const taken = entities.get(key) ?? { arrivals: [], handles: [] };
        entities.set(key, taken);
        taken.arrivals.push({ source, change, event: idempotencyKey(envelope) });
        taken.handles.push(receiptHandle);
      }
    }
  };
  await Promise.all(Array.from({ length: TAKERS }, take));
  return { entities, unreadable };
};

/** Where that cannot be said, the time that they were taken for decides. */
const putOff = async (handles: readonly string[], seconds: number, { backlog, log }: OverflowDeps): Promise<void> => {
  const batches = inParts(handles, BATCH).values();
  const work = async () => {
    for (const batch of batches)
      await backlog
        .retryIn(batch, seconds)
        .catch((error) => log.warn('messages not put off, their visibility timeout decides', { count: batch.length, error }));
  };
  await Promise.all(Array.from({ length: TAKERS }, work));
};

interface Row extends BulkRow {
  readonly handles: readonly string[];
}

/** The users among what waits who may go into a job. Everything else is seen again at once. */
const gather = async (most: number, deps: OverflowDeps): Promise<readonly Row[]> => {
  const { entities, unreadable } = await takeUp(most, deps);
  const known = await knownOf([...entities.keys()], deps);
  const rows: Row[] = [];
  const others = unreadable;
  for (const [key, { arrivals, handles }] of entities) {
    const weighed = weigh(arrivals, { ...known(key), now: deps.now() });
    if (weighed.kind === 'row') rows.push({ key, call: weighed.call, mark: weighed.mark, handles });
    else others.push(...handles);
  }
  await putOff(others, 0, deps);
  return rows;
};

const handlesOf = (rows: readonly Row[]): readonly string[] => rows.flatMap(({ handles }) => handles);

/**
 * Fills one job. Nothing is deleted: when the job is over its messages are seen again, and deliver finds them sent, or sends them.
 */
const fill = async (most: number, key: string, deps: OverflowDeps) => {
  const { jobs, now, bulkFrom = BULK_FROM } = deps;
  const rows = await gather(most, deps);
  if (rows.length < bulkFrom) {
    await putOff(handlesOf(rows), 0, deps);
    return 'calm';
  }
  // Before the first mark: a live event that meets a mark must find the job.
  await jobs.write(key, jobOf(rows.length, deps));
  const { marked, others } = await markAll(rows, key, deps);
  await putOff(handlesOf(others), 0, deps);
  if (marked.length === 0) {
    await jobs.write(key, { state: 'failed', endsAt: now().getTime(), rows: 0 });
    return 'calm';
  }
  const submitted = await submit(marked, key, deps);
  const isTaken = submitted !== 'busy' && submitted !== 'refused';
  await putOff(handlesOf(marked), isTaken ? secondsFor(marked.length) + MARGIN_SECONDS : 0, deps);
  return submitted;
};

/**
 * Jobs of this run whose end nobody has seen, and the number of the next one. A number is never used again: what one try marked
 * would count as sent by the job of another.
 */
const jobsFrom = async (runId: string, first: number, { jobs, now }: OverflowDeps) => {
  const open: { readonly number: number; readonly key: string; readonly job: BulkJob }[] = [];
  for (let number = first; ; number += 1) {
    const key = `${RUN}.${runId}.${number}`;
    const job = await jobs.read(key);
    if (job === undefined) return { open, next: { number, key } };
    if (isRunning(job, now().getTime())) open.push({ number, key, job });
  }
};

/** The steps of an overflow, over the queue of events, the ledger and Userpilot's bulk endpoint. */
export const createOverflowWork = (deps: OverflowDeps): OverflowWork => {
  const { backlog, jobs, runs, metrics, log, now, bulkFrom = BULK_FROM } = deps;
  const inMs = (milliseconds: number) => new Date(now().getTime() + milliseconds);
  const renew = async (runId: string) => {
    if (!(await runs.renew(RUN, runId, inMs(LEASE_MS), { counts: NO_COUNTS, phase: 'bulk job' }))) throw new Overtaken();
  };
  const failed = (code: string, count: number) => {
    metrics.add(METRICS.overflowFailed, { code });
    log.warn('bulk job of the overflow failed', { code, count });
  };

  return {
    async start(runId) {
      const waiting = await backlog.size();
      if (shareOf(waiting, deps) < bulkFrom) return undefined;
      const startedAt = now();
      if ((await runs.take(RUN, runId, { now: startedAt, until: inMs(START_LEASE_MS) })) === undefined) return undefined;
      log.info('overflow started', { count: waiting });
      return startedAt.toISOString();
    },
    async round(runId, first): Promise<Round> {
      await renew(runId);
      const { open, next } = await jobsFrom(runId, first, deps);
      for (const { number, key, job } of open)
        if (job.jobId !== undefined) return { kind: 'job', number, job: { key, jobId: job.jobId, rows: job.rows } };
      const most = shareOf(await backlog.size(), deps);
      const isCalm = most < bulkFrom;
      if (isCalm && open.length === 0) return { kind: 'calm' };
      const busy = await isBusy(deps).catch((error: unknown) => {
        if (!(error instanceof DeliveryError) || open.length > 0) throw error;
        log.warn('no overflow: Userpilot does not answer', { code: error.code });
      });
      if (busy === undefined) return { kind: 'calm' };
      if (busy) return { kind: 'busy' };
      // A try that got no answer. Userpilot has no job under way: its own is over, or never was, and nobody knows what it wrote.
      for (const { key, job } of open) await jobs.write(key, { ...job, state: 'failed', endsAt: now().getTime() });
      if (isCalm) return { kind: 'calm' };
      const filled = await fill(most, next.key, deps);
      if (filled === 'calm' || filled === 'busy') return { kind: filled };
      if (filled === 'refused') {
        failed('REFUSED', most);
        return { kind: 'calm' };
      }
      log.info('overflow sends a bulk job', { count: filled.rows });
      return { kind: 'job', number: next.number, job: filled };
    },
    poll: (job) => poll(job, deps, () => failed('JOB_FAILED', job.rows)),
    async finish(runId, startedAt, { jobs: sentJobs, rows }) {
      await runs.finish(RUN, runId, { startedAt, counts: { ...NO_COUNTS, bulk: rows, jobs: sentJobs }, now: now() });
      metrics.add(METRICS.overflowSent, {}, rows);
      log.info('overflow ended', { count: rows });
    },
  };
};
