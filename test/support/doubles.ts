import { isDeepStrictEqual } from 'node:util';
import type { Context } from 'aws-lambda';
import { type BreakerState, type BreakerStore, CLOSED } from '../../functions/core/breaker.ts';
import { type BulkJob, type BulkJobs, markedEntry } from '../../functions/core/bulk-job.ts';
import { COMPANY_KEY, type QueueMessage, type RejectedEvent } from '../../functions/core/envelope.ts';
import type { Erasure, ErasureNotes, Erasures, Receipt } from '../../functions/core/erasure.ts';
import { DependencyError } from '../../functions/core/errors.ts';
import {
  type BulkLedger,
  type Claim,
  EMPTY_ITEM,
  type Ledger,
  type LedgerItem,
  type LedgerUpdate,
} from '../../functions/core/ledger.ts';
import { createLog, type Log } from '../../functions/core/log.ts';
import { createMetrics, type Metrics } from '../../functions/core/metrics.ts';
import { type Census, createKeySet, type ListedKeys } from '../../functions/core/missing.ts';
import type { EventQueue, Limiter, RejectedQueue } from '../../functions/core/ports.ts';
import type { SecretCache } from '../../functions/core/secrets.ts';

/** A Lambda context with a time limit. */
export const contextOf = (awsRequestId = 'invocation-1', remainingMs = 60_000): Context => {
  const until = Date.now() + remainingMs;
  return { awsRequestId, getRemainingTimeInMillis: () => until - Date.now() } as Context;
};

/** Everything that a function would have written to CloudWatch. */
export const capturedOutput = (now = () => new Date()) => {
  const lines: string[] = [];
  const output = (line: string) => void lines.push(line);
  const log: Log = createLog(output, 'test', now);
  const metrics: Metrics = createMetrics(output, { namespace: 'Test', now });
  const parsed = (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { lines, log, metrics, parsed };
};

/** Writes the lines and forgets them. */
export const silentOutput = () => {
  const output = () => undefined;
  const now = () => new Date();
  return { log: createLog(output, 'test', now), metrics: createMetrics(output, { namespace: 'Test', now }) };
};

/** The queue's port in memory. `fail` makes it refuse, as SQS does when it is down. */
export const memoryQueue = () => {
  const sent: QueueMessage[] = [];
  const returned: { readonly receiptHandle: string; readonly seconds: number }[] = [];
  const state = { down: false };
  const queue: EventQueue = {
    async send(messages) {
      if (state.down) throw new DependencyError('QUEUE');
      sent.push(...messages);
    },
    async retryIn(receiptHandles, seconds) {
      if (state.down) throw new DependencyError('QUEUE');
      returned.push(...receiptHandles.map((receiptHandle) => ({ receiptHandle, seconds })));
    },
  };
  return { queue, sent, returned, state };
};

export const memoryRejected = () => {
  const parked: RejectedEvent[] = [];
  const state = { down: false };
  const rejected: RejectedQueue = {
    async park(event) {
      if (state.down) throw new DependencyError('QUEUE');
      parked.push(event);
    },
  };
  return { rejected, parked, state };
};

/** The ledger's ports in memory; test/aws/ledger.test.ts and test/aws/census.test.ts hold it and DynamoDB to the same behaviour. */
export const memoryLedger = () => {
  interface Stored extends Omit<LedgerItem, 'dirty'> {
    readonly owner?: string;
  }
  const items = new Map<string, Stored>();
  const state = { down: false };
  const ledger: Ledger & BulkLedger & Census = {
    async read(keys) {
      if (state.down) throw new DependencyError('TABLE');
      return new Map(
        keys.flatMap((key) => {
          const found = items.get(key);
          if (found === undefined) return [];
          const { owner, ...item } = found;
          return [[key, { ...item, dirty: owner !== undefined }] as const];
        }),
      );
    },
    async mark(key, { job, item, seen }) {
      if (state.down) throw new DependencyError('TABLE');
      const before: Stored = items.get(key) ?? { seen: {} };
      const isAsRead =
        before.owner === undefined &&
        before.job === item.job &&
        before.deletedAt === item.deletedAt &&
        Object.keys(seen).every((facet) => {
          const [is, was] = [before.seen[facet], item.seen[facet]];
          return is?.asOf === was?.asOf && is?.hash === was?.hash;
        });
      if (!isAsRead) return false;
      const rows = Object.entries(seen).map(([facet, row]) => [facet, markedEntry(before.seen[facet], row)] as const);
      items.set(key, { ...before, job, seen: { ...before.seen, ...Object.fromEntries(rows) } });
      return true;
    },
    async begin(key: string, { owner }: Claim) {
      if (state.down) throw new DependencyError('TABLE');
      const before = items.get(key);
      items.set(key, { ...(before ?? EMPTY_ITEM), owner });
      if (before === undefined) return EMPTY_ITEM;
      const { owner: earlier, ...item } = before;
      return { ...item, dirty: earlier !== undefined };
    },
    async commit(key: string, { owner }: Claim, update: LedgerUpdate, settled: boolean) {
      if (state.down) throw new DependencyError('TABLE');
      const item = items.get(key);
      if (item?.owner !== owner) throw new DependencyError('OVERTAKEN');
      const { forgetSeen, seen, forgetJob, ...times } = update;
      const { owner: _, job, ...others } = item;
      const rest = forgetJob === true || job === undefined ? others : { ...others, job };
      items.set(key, { ...rest, ...times, seen: forgetSeen ? seen : { ...item.seen, ...seen }, ...(settled ? {} : { owner }) });
    },
    async *listUsers(source) {
      if (state.down) throw new DependencyError('TABLE');
      const users = [...items].filter(
        ([key, { seen }]) => !key.startsWith(COMPANY_KEY) && Object.keys(seen).some((facet) => facet.startsWith(`${source}/`)),
      );
      yield users.map(([key, { owner, ...item }]) => [key, { ...item, dirty: owner !== undefined }] as const);
    },
    async bury(key, { dirty, ...item }, deletedAt) {
      if (state.down) throw new DependencyError('TABLE');
      const { owner, ...before }: Stored = items.get(key) ?? EMPTY_ITEM;
      if (dirty || owner !== undefined || !isDeepStrictEqual({ ...before, dirty }, { ...item, dirty })) return false;
      const { job: _, ...rest } = before;
      items.set(key, { ...rest, seen: {}, deletedAt });
      return true;
    },
  };
  return { ledger, items, state };
};

/** Whom runs have listed, in memory; test/aws/listed-keys.test.ts holds it and DynamoDB to the same behaviour. */
export const memoryListedKeys = (): ListedKeys => {
  const kept = new Map<string, readonly Uint8Array[]>();
  return {
    async write(runId, chunk, keys) {
      kept.set(
        `${runId}#${chunk}`,
        keys.parts(1000).map((part) => Uint8Array.from(part)),
      );
    },
    async read(runId, chunks) {
      const keys = createKeySet();
      for (let chunk = 0; chunk < chunks; chunk += 1) {
        const parts = kept.get(`${runId}#${chunk}`);
        if (parts === undefined) return undefined;
        for (const part of parts) keys.addPart(part);
      }
      return keys;
    },
  };
};

/** The jobs' port in memory; test/aws/bulk-jobs.test.ts holds it and DynamoDB to the same behaviour. */
export const memoryJobs = () => {
  const items = new Map<string, BulkJob>();
  const jobs: BulkJobs = {
    async write(key, job) {
      items.set(key, { ...items.get(key), ...job });
    },
    read: async (key) => items.get(key),
  };
  return { jobs, items };
};

/** The erasures' ports in memory; test/aws/erasures.test.ts holds them and DynamoDB to the same behaviour. */
export const memoryErasures = () => {
  interface Stored {
    readonly pending?: Erasure;
    readonly claimedAt?: number;
    readonly receipt?: Receipt;
  }
  const items = new Map<string, Stored>();
  const state = { known: 0, down: false };
  const answering = () => {
    if (state.down) throw new DependencyError('TABLE');
  };
  /** The item, if it is as it was listed. */
  const listed = ({ key, due, requestedAt }: Erasure): Stored | undefined => {
    answering();
    const item = items.get(key);
    return item?.pending?.due === due && item.pending.requestedAt === requestedAt ? item : undefined;
  };
  const erasures: ErasureNotes & Erasures = {
    async note(erasure, keepEarlier) {
      answering();
      const item = items.get(erasure.key);
      if (!keepEarlier || item?.pending === undefined) items.set(erasure.key, { ...item, pending: erasure });
    },
    async hold(key, due, openSince) {
      answering();
      const item = items.get(key);
      if (item?.claimedAt !== undefined && item.claimedAt >= openSince) return item.claimedAt;
      if (item?.pending !== undefined && item.pending.due < due) items.set(key, { ...item, pending: { ...item.pending, due } });
      return undefined;
    },
    async *listDue(day) {
      answering();
      yield [...items.values()].flatMap(({ pending }) => (pending !== undefined && pending.due <= day ? [pending] : []));
    },
    async claim(erasure, claimedAt) {
      const item = listed(erasure);
      if (item !== undefined) items.set(erasure.key, { ...item, claimedAt });
      return item !== undefined;
    },
    async conclude(erasure, receipt) {
      const item = listed(erasure);
      if (item === undefined) return false;
      const { pending: _, ...rest } = item;
      items.set(erasure.key, { ...rest, receipt });
      return true;
    },
    async countKnown() {
      answering();
      return state.known;
    },
  };
  return { erasures, items, state };
};

/** The breaker's table item in memory; test/aws/breaker.test.ts holds it and DynamoDB to the same behaviour. */
export const memoryBreakerStore = () => {
  const state: { item: BreakerState; down: boolean } = { item: CLOSED, down: false };
  const answering = () => {
    if (state.down) throw new DependencyError('TABLE');
  };
  const store: BreakerStore = {
    async read() {
      answering();
      return state.item;
    },
    async countFailure() {
      answering();
      state.item = { ...state.item, failures: state.item.failures + 1 };
      return state.item;
    },
    async open(until, opens, { openUntil }) {
      answering();
      if (state.item.openUntil !== openUntil) return false;
      state.item = { ...state.item, openUntil: until, opens };
      return true;
    },
    async close() {
      answering();
      state.item = CLOSED;
    },
  };
  return { store, state };
};

/** Permits at once, counted. */
export const freeLimiter = () => {
  const state = { taken: 0, pushedBack: [] as (number | undefined)[] };
  const limiter: Limiter = {
    async take() {
      state.taken += 1;
    },
    async pushBack(_, seconds) {
      state.pushedBack.push(seconds);
    },
  };
  return { limiter, state };
};

/** A secret that can be changed while it is in use; `refresh` sees the change, `get` does not, as within the time to live. */
export const memorySecret = <T>(first: T) => {
  const state = { stored: first, refreshes: 0 };
  let cached = first;
  const cache: SecretCache<T> = {
    get: async () => cached,
    refresh: async () => {
      state.refreshes += 1;
      cached = state.stored;
      return cached;
    },
  };
  return { cache, state };
};
