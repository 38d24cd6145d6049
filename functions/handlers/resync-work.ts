import type { BulkJob } from '../core/bulk-job.ts';
import type { Call } from '../core/calls.ts';
import type { QueueMessage } from '../core/envelope.ts';
import { Overtaken } from '../core/errors.ts';
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
  sumOf,
  type WatchedJob,
} from '../core/resync.ts';
import type { SourceSettings } from '../core/settings.ts';
import { METRICS } from '../manifest.ts';
import type { Directory, VendorApi } from '../sources/directory.ts';
import type { Source } from '../sources/source.ts';
import { BULK_FROM, type BulkDeps, isBusy, jobOf, knownOf, MAX_JOB_BYTES, MAX_ROWS, markAll, poll, submit } from './bulk.ts';
import { findMissing, type MissingStores } from './resync-missing.ts';
import { type Listed, mapPage, type Row, sortOne } from './resync-rows.ts';

export interface ResyncDeps extends BulkDeps {
  readonly source: Source;
  readonly settings: SourceSettings;
  readonly api: VendorApi;
  readonly runs: RunStore;
  readonly queue: EventQueue;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Lists and compares, and sends nothing. @default false */
  readonly dryRun?: boolean;
  /** Told after each page of what the run has come to, less the job that is being gathered. */
  readonly onPage?: (counts: Counts) => void;
  /** Told of each call that is to be sent, in bulk or through the queue. */
  readonly onCall?: (call: Call) => void;
  /** Fewer rows than this go through the queue. @default BULK_FROM */
  readonly bulkFrom?: number;
  /** @default - nobody looks for users who are missing at the vendor */
  readonly missing?: MissingStores;
  /** Rows of one job at most. @default MAX_ROWS */
  readonly maxRows?: number;
}

/** A function lives 15 minutes; marking, submitting and queueing take the rest. */
const LIST_MS = 9 * 60_000;
/** Longer than any step, and than the longest wait for a job. */
const LEASE_MS = 6 * 3_600_000;
/** A change may carry a time from before it could be seen. */
const OVERLAP_MS = 10 * 60_000;

const count = (changes: Partial<Counts>): Counts => ({ ...NO_COUNTS, ...changes });

const listOf = ({ source }: ResyncDeps): NonNullable<Directory['list']> => {
  const list = source.directory?.list;
  if (list === undefined) throw new Error(`${source.id} has no list of its users`);
  return list;
};

/**
 * The key of the next job. A try that got no answer, or died, may have left a job running, and its rows stay held. When Userpilot
 * has none under way that one is over, or never was; which of its rows were written nobody knows. A key is never used again: what
 * was marked under it would count as sent by the job of another try.
 */
const nextKey = async ({ job }: ChunkOrder, { jobs, now }: ResyncDeps): Promise<string> => {
  for (let attempt = 1; ; attempt += 1) {
    const key = `${job}.${attempt}`;
    const left = await jobs.read(key);
    if (left === undefined) return key;
    if (left.state === 'running') await jobs.write(key, { ...left, state: 'failed', endsAt: now().getTime() });
  }
};

/**
 * What several pages tell of somebody is one row: the memberships after the users, or a page that shifted and lists someone twice.
 */
const joined = (before: Listed | undefined, now: Listed): Listed =>
  before === undefined
    ? now
    : { key: now.key, changes: [...before.changes, ...now.changes], eventIds: [...before.eventIds, ...now.eventIds] };

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
    const listedKeys = listed.map(({ key }) => key);
    for (const key of listedKeys) keys.add(key);
    const known = await knownOf(listedKeys, deps, jobs);
    const messages: QueueMessage[] = [];
    for (const one of listed) {
      const sorted = sortOne(joined(rows.get(one.key)?.listed, one), source.id, { ...known(one.key), now: now() });
      counts = sumOf(counts, sorted.counts);
      messages.push(...sorted.messages);
      rows.delete(one.key);
      for (const row of sorted.rows) {
        rows.set(row.key, row);
        bytes += JSON.stringify(row.call).length;
      }
      if (sorted.messages.length > 0) for (const { call } of one.changes) deps.onCall?.(call);
    }
    if (deps.dryRun !== true) await deps.queue.send(messages);
    deps.onPage?.(sumOf(state.counts, counts));
  } while (next !== undefined && rows.size + largest <= maxRows && bytes < MAX_JOB_BYTES && now().getTime() < deadline);
  return { rows: [...rows.values()], counts, next, keys };
};

const queueAll = async (rows: readonly Row[], { queue }: ResyncDeps): Promise<Counts> => {
  await queue.send(rows.flatMap(({ messages }) => messages()));
  return count({ live: rows.length });
};

const sendRows = async (gathered: Gathered, { job: key, way }: ChunkOrder, deps: ResyncDeps): Promise<Chunk> => {
  const { rows, counts, next } = gathered;
  const { jobs, now, maxRows = MAX_ROWS, bulkFrom = BULK_FROM } = deps;
  const done = (more: Counts, job?: WatchedJob): Chunk => ({
    kind: 'done',
    counts: sumOf(counts, more),
    ...(next !== undefined && { next }),
    ...(job !== undefined && { job }),
  });
  for (const { call } of rows) deps.onCall?.(call);
  const isSmall = way === 'queue' || rows.length < bulkFrom;
  if (deps.dryRun === true) return done(count(isSmall ? { live: rows.length } : { bulk: rows.length, jobs: 1 }));
  if (isSmall) return done(await queueAll(rows, deps));
  // Before the first mark: a live event that meets a mark must find the job.
  await jobs.write(key, jobOf(rows.length, deps));
  const { marked, others } = await markAll(rows.slice(0, maxRows), key, deps);
  const live = await queueAll([...others, ...rows.slice(maxRows)], deps);
  if (marked.length === 0) {
    await jobs.write(key, { state: 'failed', endsAt: now().getTime(), rows: 0 });
    return done(live);
  }
  const submitted = await submit(marked, key, deps);
  if (submitted === 'busy') return { kind: 'busy' };
  if (submitted === 'refused') return done(sumOf(live, await queueAll(marked, deps)));
  return done(sumOf(live, count({ bulk: marked.length, jobs: 1 })), submitted);
};

/** The steps of a resync of one source, over the vendor's API, the ledger, the queue of events and Userpilot's bulk endpoint. */
export const createResyncWork = (deps: ResyncDeps): ResyncWork => {
  const { source, runs, metrics, log, now, missing } = deps;
  const until = () => new Date(now().getTime() + LEASE_MS);

  const renew = async (runId: string, progress: Parameters<RunStore['renew']>[3]) => {
    if (deps.dryRun === true) return;
    if (!(await runs.renew(source.id, runId, until(), progress))) throw new Overtaken();
  };

  return {
    async start(runId, { full }): Promise<Started | undefined> {
      const startedAt = now();
      const isDry = deps.dryRun === true;
      const last = isDry
        ? (await runs.read(source.id)).last
        : await runs.take(source.id, runId, { now: startedAt, until: until() });
      if (last === undefined && !isDry) return undefined;
      if (!isDry) log.info('resync started', { source: source.id });
      if (full || last?.startedAt === undefined) return { startedAt: startedAt.toISOString() };
      const since = new Date(Date.parse(last.startedAt) - OVERLAP_MS);
      return { startedAt: startedAt.toISOString(), since: since.toISOString() };
    },
    async chunk(runId, order) {
      await renew(runId, { counts: order.state.counts, phase: 'listing' });
      if (deps.dryRun !== true && (await isBusy(deps))) return { kind: 'busy' };
      // Before anything is read: rows of a try that died are not held any more.
      const key = await nextKey(order, deps);
      const gathered = await gather(order, deps);
      if (order.since === undefined && deps.dryRun !== true) await missing?.listed.write(runId, order.state.chunk, gathered.keys);
      const chunk = await sendRows(gathered, { ...order, job: key }, deps);
      if (chunk.kind === 'done') {
        const counts = sumOf(order.state.counts, chunk.counts);
        await renew(runId, { counts, phase: 'bulk job', ...(chunk.job !== undefined && { rows: chunk.job.rows }) });
      }
      return chunk;
    },
    poll: (job) => poll(job, deps, () => log.warn('bulk job failed', { source: source.id, count: job.rows })),
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
