import type { BulkJob, BulkJobs } from '../core/bulk-job.ts';
import type { QueueMessage } from '../core/envelope.ts';
import { DeliveryError, Overtaken } from '../core/errors.ts';
import type { BulkLedger, LedgerItem } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { createKeySet, type KeySet } from '../core/missing.ts';
import type { EventQueue, RunStore } from '../core/ports.ts';
import {
  type Chunk,
  type ChunkOrder,
  type Counts,
  NO_COUNTS,
  type ResyncWork,
  type Started,
  secondsFor,
  sumOf,
} from '../core/resync.ts';
import type { SecretCache } from '../core/secrets.ts';
import type { SourceSettings } from '../core/settings.ts';
import { METRICS } from '../manifest.ts';
import type { Directory, VendorApi } from '../sources/directory.ts';
import type { Source } from '../sources/source.ts';
import type { BulkUser, Userpilot } from '../userpilot/client.ts';
import { findMissing, type MissingStores } from './resync-missing.ts';
import { type Listed, mapPage, type Row, sortOne } from './resync-rows.ts';

export interface ResyncDeps {
  readonly source: Source;
  readonly settings: SourceSettings;
  readonly api: VendorApi;
  readonly ledger: BulkLedger;
  readonly jobs: BulkJobs;
  readonly runs: RunStore;
  readonly userpilot: Pick<Userpilot, 'bulkIdentifyUsers' | 'job' | 'jobs'>;
  readonly apiKey: SecretCache<string | undefined>;
  readonly queue: EventQueue;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly now: () => Date;
  /** Lists and compares, and sends nothing. @default false */
  readonly dryRun?: boolean;
  /** Fewer rows than this go through the queue. @default BULK_FROM */
  readonly bulkFrom?: number;
  /** @default - nobody looks for users who are missing at the vendor */
  readonly missing?: MissingStores;
  /** Rows of one job at most. @default MAX_ROWS */
  readonly maxRows?: number;
}

/** docs.userpilot.com, bulk updates: rows and bytes of one request. */
export const MAX_ROWS = 10_000;
const MAX_JOB_BYTES = 40 * 1024 * 1024;
/**
 * Below this the queue is faster: identify takes some 540 a minute and a job 1,200, but a job is not looked at before a minute
 * has passed, and it blocks every other one.
 */
export const BULK_FROM = 1000;
/** A function lives 15 minutes; marking, submitting and queueing take the rest. */
const LIST_MS = 9 * 60_000;
/** DynamoDB takes 100 keys at once. */
const READ_KEYS = 100;
const CONCURRENCY = 25;
/** Longer than any step, and than the longest wait for a job. */
const LEASE_MS = 6 * 3_600_000;
/** A change may carry a time from before it could be seen. */
const OVERLAP_MS = 10 * 60_000;
/** A job that was started so long ago and is still not over does not count as one. */
const ZOMBIE_MS = 24 * 3_600_000;
const RUNNING = new Set(['queued', 'validating', 'processing', 'pending_refresh']);

const inParts = <T>(list: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size));

const toBulkUser = ({ user_id, company, metadata }: Row['call']): BulkUser => ({
  user_id,
  ...(company !== undefined && { company_id: company.id }),
  ...(metadata !== undefined && { metadata }),
});

const count = (changes: Partial<Counts>): Counts => ({ ...NO_COUNTS, ...changes });

const listOf = ({ source }: ResyncDeps): NonNullable<Directory['list']> => {
  const list = source.directory?.list;
  if (list === undefined) throw new Error(`${source.id} has no list of its users`);
  return list;
};

/** With the key that counts right now, and once more with one that was just renewed. */
const withKey = async <T>({ apiKey }: ResyncDeps, call: (key: string) => Promise<T>): Promise<T> => {
  const key = await apiKey.get();
  if (key === undefined) throw new DeliveryError('UNAUTHORIZED');
  try {
    return await call(key);
  } catch (error) {
    if (!(error instanceof DeliveryError) || error.code !== 'UNAUTHORIZED') throw error;
    const renewed = await apiKey.refresh();
    if (renewed === undefined || renewed === key) throw error;
    return call(renewed);
  }
};

/** Whether Userpilot has a job under way, whoever started it. */
const isBusy = async (deps: ResyncDeps): Promise<boolean> => {
  const jobs = await withKey(deps, (key) => deps.userpilot.jobs(key));
  const oldest = deps.now().getTime() - ZOMBIE_MS;
  return jobs.some(({ status, start_time }) => {
    const begun = Date.parse(start_time ?? '');
    return RUNNING.has(status) && !(begun < oldest);
  });
};

/**
 * An attempt that got no answer may have left a job running, and its rows stay held. When Userpilot has none under way that one is
 * over, or never was; which of its rows were written nobody knows.
 */
const closeFormer = async ({ job, former }: ChunkOrder, { jobs, now }: ResyncDeps): Promise<void> => {
  for (const key of [job, ...(former === undefined ? [] : [former])]) {
    const left = await jobs.read(key);
    if (left?.state === 'running') await jobs.write(key, { ...left, state: 'failed', endsAt: now().getTime() });
  }
};

/** Ledger items of a page, with what became of the jobs that they refer to. */
const knownOf = async (listed: readonly Listed[], { ledger, jobs }: ResyncDeps, seen: Map<string, BulkJob | undefined>) => {
  const items = new Map<string, LedgerItem>();
  for (const keys of inParts(
    listed.map(({ key }) => key),
    READ_KEYS,
  ))
    for (const [key, item] of await ledger.read(keys)) items.set(key, item);
  for (const job of new Set([...items.values()].flatMap((item) => item.job ?? []))) {
    if (!seen.has(job)) seen.set(job, await jobs.read(job));
  }
  return (key: string) => {
    const item = items.get(key);
    return { item, job: item?.job === undefined ? undefined : seen.get(item.job) };
  };
};

interface Gathered {
  readonly rows: readonly Row[];
  readonly counts: Counts;
  readonly next: string | undefined;
  /** Of everybody who was listed. */
  readonly keys: KeySet;
}

/** Pages until there are enough rows for a job, no more pages, or no more time. Sends on the way what goes through the queue. */
const gather = async ({ state, startedAt, since }: ChunkOrder, deps: ResyncDeps): Promise<Gathered> => {
  const { source, settings, api, now } = deps;
  const { maxRows = MAX_ROWS } = deps;
  const list = listOf(deps);
  const options = { settings, startedAt: new Date(startedAt), ...(since !== undefined && { since: new Date(since) }) };
  const deadline = now().getTime() + LIST_MS;
  const rows = new Map<string, Row>();
  const jobs = new Map<string, BulkJob | undefined>();
  const keys = createKeySet();
  let counts = NO_COUNTS;
  let next = state.cursor;
  let largest = 0;
  let bytes = 0;
  do {
    const askedAt = now();
    const page = await list(api, next, options);
    next = page.next;
    largest = Math.max(largest, page.records.length);
    const { listed, counts: mapped } = mapPage(page.records, { source, settings, askedAt });
    counts = sumOf(counts, mapped);
    for (const { key } of listed) keys.add(key);
    // A page that shifted under us may list somebody twice: the row of the first is enough.
    const fresh = listed.filter(({ key }) => !rows.has(key));
    const known = await knownOf(fresh, deps, jobs);
    const messages: QueueMessage[] = [];
    for (const one of fresh) {
      const sorted = sortOne(one, source.id, { ...known(one.key), now: now() });
      counts = sumOf(counts, sorted.counts);
      messages.push(...sorted.messages);
      for (const row of sorted.rows) {
        rows.set(row.key, row);
        bytes += JSON.stringify(row.call).length;
      }
    }
    if (deps.dryRun !== true) await deps.queue.send(messages);
  } while (next !== undefined && rows.size + largest <= maxRows && bytes < MAX_JOB_BYTES && now().getTime() < deadline);
  return { rows: [...rows.values()], counts, next, keys };
};

/** Gives the rows to the job; those that somebody else has meanwhile go through the queue. */
const markAll = async (rows: readonly Row[], job: string, { ledger }: ResyncDeps) => {
  const marked: Row[] = [];
  const others: Row[] = [];
  for (const part of inParts(rows, CONCURRENCY)) {
    const answers = await Promise.all(part.map(({ key, mark }) => ledger.mark(key, { ...mark, job })));
    for (const [index, row] of part.entries()) (answers[index] === true ? marked : others).push(row);
  }
  return { marked, others };
};

const queueAll = async (rows: readonly Row[], { queue }: ResyncDeps): Promise<Counts> => {
  await queue.send(rows.flatMap(({ messages }) => messages));
  return count({ live: rows.length });
};

type Submitted = { readonly jobId: string; readonly rows: number } | 'busy' | 'refused';

const submit = async (rows: readonly Row[], job: string, deps: ResyncDeps): Promise<Submitted> => {
  const { jobs, userpilot, now } = deps;
  const open: BulkJob = { state: 'running', endsAt: now().getTime() + secondsFor(rows.length) * 1000, rows: rows.length };
  try {
    const { job_id: jobId } = await withKey(deps, (key) =>
      userpilot.bulkIdentifyUsers(
        rows.map(({ call }) => toBulkUser(call)),
        key,
      ),
    );
    await jobs.write(job, { ...open, jobId });
    return { jobId, rows: rows.length };
  } catch (error) {
    // Userpilot said no before it did anything. After any other failure the job may run: its rows stay held, and the step is tried again.
    const code = error instanceof DeliveryError ? error.code : undefined;
    if (code !== 'JOB_RUNNING' && code !== 'REFUSED') throw error;
    await jobs.write(job, { ...open, state: 'failed' });
    return code === 'REFUSED' ? 'refused' : 'busy';
  }
};

const sendRows = async (gathered: Gathered, { job, way }: ChunkOrder, deps: ResyncDeps): Promise<Chunk> => {
  const { rows, counts, next } = gathered;
  const done = (more: Counts, watched?: { readonly jobId: string; readonly rows: number }): Chunk => ({
    kind: 'done',
    counts: sumOf(counts, more),
    ...(next !== undefined && { next }),
    ...(watched !== undefined && { job: watched }),
  });
  if (deps.dryRun === true) return done(count({ bulk: rows.length }));
  if (way === 'queue' || rows.length < (deps.bulkFrom ?? BULK_FROM)) return done(await queueAll(rows, deps));
  const { jobs, now, maxRows = MAX_ROWS } = deps;
  // Before the first mark: a live event that meets a mark must find the job.
  await jobs.write(job, { state: 'running', endsAt: now().getTime() + secondsFor(rows.length) * 1000, rows: rows.length });
  const { marked, others } = await markAll(rows.slice(0, maxRows), job, deps);
  const live = await queueAll([...others, ...rows.slice(maxRows)], deps);
  if (marked.length === 0) {
    await jobs.write(job, { state: 'failed', endsAt: now().getTime(), rows: 0 });
    return done(live);
  }
  const submitted = await submit(marked, job, deps);
  if (submitted === 'busy') return { kind: 'busy' };
  if (submitted === 'refused') return done(sumOf(live, await queueAll(marked, deps)));
  return done(sumOf(live, count({ bulk: marked.length, jobs: 1 })), submitted);
};

/** The steps of a resync of one source, over the vendor's API, the ledger, the queue of events and Userpilot's bulk endpoint. */
export const createResyncWork = (deps: ResyncDeps): ResyncWork => {
  const { source, runs, jobs, userpilot, metrics, log, now, missing } = deps;
  const until = () => new Date(now().getTime() + LEASE_MS);

  const renew = async (runId: string, progress: Parameters<RunStore['renew']>[3]) => {
    if (deps.dryRun === true) return;
    if (!(await runs.renew(source.id, runId, until(), progress))) throw new Overtaken();
  };

  return {
    async start(runId, { full }): Promise<Started | undefined> {
      const startedAt = now();
      if (deps.dryRun === true) return { startedAt: startedAt.toISOString() };
      const last = await runs.take(source.id, runId, { now: startedAt, until: until() });
      if (last === undefined) return undefined;
      log.info('resync started', { source: source.id });
      if (full || last.startedAt === undefined) return { startedAt: startedAt.toISOString() };
      const since = new Date(Date.parse(last.startedAt) - OVERLAP_MS);
      return { startedAt: startedAt.toISOString(), since: since.toISOString() };
    },
    async chunk(runId, order) {
      await renew(runId, { counts: order.state.counts, phase: 'listing' });
      if (deps.dryRun !== true) {
        if (await isBusy(deps)) return { kind: 'busy' };
        await closeFormer(order, deps);
      }
      const gathered = await gather(order, deps);
      if (order.since === undefined && deps.dryRun !== true) await missing?.listed.write(runId, order.state.chunk, gathered.keys);
      const chunk = await sendRows(gathered, order, deps);
      if (chunk.kind === 'done') {
        const counts = sumOf(order.state.counts, chunk.counts);
        await renew(runId, { counts, phase: 'bulk job', ...(chunk.job !== undefined && { rows: chunk.job.rows }) });
      }
      return chunk;
    },
    async poll(job, jobId, rows) {
      const close = async (state: 'completed' | 'failed') => {
        await jobs.write(job, { state, endsAt: now().getTime(), jobId, rows });
        if (state === 'failed') log.warn('bulk job failed', { source: source.id, count: rows });
        return state;
      };
      try {
        const { status, completed_rows } = await withKey(deps, (key) => userpilot.job(jobId, key));
        if (status === 'failed') return close('failed');
        if (status !== 'completed') return 'running';
        // Nobody can tell which rows are missing.
        return close(typeof completed_rows === 'number' && completed_rows < rows ? 'failed' : 'completed');
      } catch (error) {
        if (!(error instanceof DeliveryError)) throw error;
        // A job that Userpilot does not know has ended somehow; anything else says nothing about it.
        return error.status === 404 ? close('failed') : 'running';
      }
    },
    async missing(runId, startedAt, state) {
      await renew(runId, { counts: state.counts, phase: 'listing' });
      return missing === undefined || deps.dryRun === true ? {} : findMissing(missing, { runId, startedAt, state }, deps);
    },
    async finish(runId, { startedAt }, counts) {
      if (deps.dryRun === true) return;
      await runs.finish(source.id, runId, { startedAt, counts, now: now() });
      const { listed, bulk, live } = counts;
      for (const [name, value] of [
        [METRICS.resyncListed, listed],
        [METRICS.resyncSent, bulk + live],
      ] as const)
        metrics.add(name, { source: source.id }, value);
      log.info('resync ended', { source: source.id, count: listed });
    },
  };
};
