import * as z from 'zod';
import type { BulkJobs } from '../../functions/core/bulk-job.ts';
import type { IdentifyUser } from '../../functions/core/calls.ts';
import { readEnvelope } from '../../functions/core/envelope.ts';
import { DeliveryError } from '../../functions/core/errors.ts';
import { type BulkLedger, decide, EMPTY_ITEM, type LedgerItem } from '../../functions/core/ledger.ts';
import type { Census } from '../../functions/core/missing.ts';
import { type Journal, type ResyncEnd, ResyncInput, runResync, secondsFor } from '../../functions/core/resync.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { mapPage } from '../../functions/handlers/resync-rows.ts';
import { createResyncWork, type ResyncDeps } from '../../functions/handlers/resync-work.ts';
import { changes, defineSource, type Source } from '../../functions/sources/source.ts';
import type { BulkUser } from '../../functions/userpilot/client.ts';
import { memoryJobs, memoryLedger, memoryListedKeys, memorySecret, silentOutput } from '../support/doubles.ts';

/** Somebody at the vendor: the state is a number that grows with every change. */
export interface Person {
  readonly id: string;
  readonly state: number;
  /** Epoch milliseconds. */
  readonly updatedAt: number;
}

const Record = z.object({ id: z.string(), state: z.number(), updatedAt: z.number() });

/** A vendor with nothing but users, listed page by page. */
const invented: Source = defineSource<z.infer<typeof Record>>({
  id: 'clerk',
  docs: 'https://vendor.example',
  verify: () => ({ ok: false, code: 'SIGNATURE_MISSING' }),
  schema: Record,
  head: ({ id }) => ({ eventId: id, type: 'listed' }),
  map: ({ id, state, updatedAt }) =>
    changes({
      call: { kind: 'identifyUser', user_id: id, metadata: { email: `${id}@example.com`, state } },
      facet: 'profile',
      occurredAt: new Date(updatedAt),
    }),
  directory: {
    hosts: () => ['https://vendor.example'],
    credential: [],
    authorize: () => ({ headers: {} }),
    pace: { intervalMs: 1, burst: 1 },
    list: async (api, cursor) => {
      const { body } = await api({ url: `/users?from=${cursor ?? 0}` });
      const { users, next } = z.object({ users: z.array(z.unknown()), next: z.string().optional() }).parse(body);
      return { records: users, ...(next !== undefined && { next }) };
    },
  },
}) as Source; // its own schema gives it the form that it maps

/** What the ledger holds of somebody whose state was sent and accepted. */
export const itemAfter = ({ id, state, updatedAt }: Person): [key: string, LedgerItem] => {
  const mapping = { source: invented, settings: {}, askedAt: new Date(updatedAt) };
  const [listed] = mapPage([{ id, state, updatedAt }], mapping).listed;
  if (listed === undefined) throw new Error('a person maps to a change');
  const { update } = decide(
    EMPTY_ITEM,
    listed.changes.map((change) => ({ source: invented.id, change, event: id })),
  );
  return [listed.key, { seen: update.seen, dirty: false }];
};

/** The process ends: nothing further of it runs, and what it had not written down is forgotten. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

export interface WorldOptions {
  /** How many there are, asked for with each page. */
  readonly people: number | (() => number);
  readonly pageSize: number;
  readonly maxRows?: number;
  readonly bulkFrom?: number;
  readonly person?: (index: number) => Person;
  readonly ledger?: BulkLedger;
  /** Belongs to another ledger than the one in memory. */
  readonly census?: Census;
  readonly settings?: SourceSettings;
  /** How the n-th job ends, counted from 1. @default completed */
  readonly jobEnds?: (job: number) => 'completed' | 'failed' | 'partly';
  /** Milliseconds that a page takes. @default 200 */
  readonly pageMs?: number;
  /** Told what arrives, whichever way. */
  readonly onUser?: (id: string, state: number) => void;
}

const EPOCH = Date.UTC(2026, 10, 23, 3);

/** A vendor, the bulk endpoint and the table in virtual time, and the real resync between them. */
export const createResyncWorld = (options: WorldOptions) => {
  const { people, pageSize, jobEnds = () => 'completed', pageMs = 200, onUser = () => undefined } = options;
  const person =
    options.person ?? ((index: number): Person => ({ id: `u${index}`, state: 1, updatedAt: EPOCH - 1_000_000 + index }));
  const memory = memoryLedger().ledger;
  const { ledger = memory, census = memory, settings = {} } = options;
  const jobStore: BulkJobs = memoryJobs().jobs;
  const figures = { operations: 0, bytes: 0, largest: 0, jobs: 0, jobRows: 0, live: 0, pages: 0, overlapping: 0, crashes: 0 };
  let clock = EPOCH;
  let owner: string | undefined;
  let last: { startedAt?: string } = {};
  let running:
    | { readonly id: string; readonly endsAt: number; readonly rows: readonly BulkUser[]; readonly end: string }
    | undefined;
  const ended = new Map<string, { readonly status: string; readonly completed: number }>();
  const { log, metrics } = silentOutput();

  const write = ({ user_id, metadata }: Pick<IdentifyUser, 'user_id' | 'metadata'>) => onUser(user_id, Number(metadata?.state));
  const settleJob = () => {
    if (running === undefined || clock < running.endsAt) return;
    const { id, rows, end } = running;
    const written = end === 'completed' ? rows : rows.slice(0, Math.floor(rows.length / 2));
    for (const row of written) write(row);
    ended.set(id, { status: end === 'failed' ? 'failed' : 'completed', completed: written.length });
    running = undefined;
  };
  const statusOf = (id: string) => {
    settleJob();
    const over = ended.get(id);
    return over === undefined
      ? { job_id: id, status: 'processing' }
      : { job_id: id, status: over.status, completed_rows: over.completed };
  };

  const deps: ResyncDeps = {
    source: invented,
    settings,
    async api({ url }) {
      clock += pageMs;
      figures.pages += 1;
      const from = Number(new URL(`https://x.example${url}`).searchParams.get('from'));
      const all = typeof people === 'number' ? people : people();
      const to = Math.min(from + pageSize, all);
      const users = Array.from({ length: to - from }, (_, offset) => person(from + offset));
      return { status: 200, headers: {}, body: { users, ...(to < all && { next: String(to) }) } };
    },
    ledger,
    jobs: jobStore,
    runs: {
      async take(_, runId) {
        if (owner !== undefined && owner !== runId) return undefined;
        owner = runId;
        return last;
      },
      renew: async (_, runId) => owner === runId,
      async finish(_, __, { startedAt }) {
        owner = undefined;
        last = { startedAt };
      },
      read: async () => ({}),
    },
    userpilot: {
      async jobs() {
        settleJob();
        return running === undefined ? [] : [{ job_id: running.id, status: 'processing' }];
      },
      job: async (id) => statusOf(id),
      async bulkIdentifyUsers(users) {
        settleJob();
        if (running !== undefined) {
          figures.overlapping += 1;
          throw new DeliveryError('JOB_RUNNING', { status: 409 });
        }
        figures.jobs += 1;
        figures.jobRows += users.length;
        const id = `bulk:jobs:fake:${figures.jobs}`;
        running = { id, endsAt: clock + secondsFor(users.length) * 1000, rows: users, end: jobEnds(figures.jobs) };
        return { job_id: id, status: 'queued' };
      },
    },
    apiKey: memorySecret<string | undefined>('invented-key').cache,
    queue: {
      async send(messages) {
        for (const { body } of messages) {
          const call = readEnvelope(body)?.change.call;
          if (call?.kind !== 'identifyUser') throw new Error('only users are listed here');
          figures.live += 1;
          write(call);
        }
      },
      retryIn: async () => undefined,
    },
    missing: { listed: memoryListedKeys(), census },
    log,
    metrics,
    now: () => new Date(clock),
    ...(options.maxRows !== undefined && { maxRows: options.maxRows }),
    ...(options.bulkFrom !== undefined && { bulkFrom: options.bulkFrom }),
  };
  const work = createResyncWork(deps);

  /** A durable execution: what is written down survives, and everything outside steps runs again. `crashAt` counts boundaries. */
  const execute = async (runId: string, input: ResyncInput, crashAt = new Set<number>()): Promise<ResyncEnd> => {
    const stored = new Map<string, string>();
    let boundary = 0;
    let operations = 0;
    let bytes = 0;
    const pass = () => {
      boundary += 1;
      if (crashAt.delete(boundary)) {
        figures.crashes += 1;
        throw new Crash();
      }
    };
    const keep = (name: string, result: unknown) => {
      const text = JSON.stringify(result) ?? 'null';
      stored.set(name, text);
      operations += 1;
      bytes += text.length;
      figures.largest = Math.max(figures.largest, text.length);
    };
    const journal: Journal = {
      async step<T>(name: string, run: () => Promise<T>): Promise<T> {
        const known = stored.get(name);
        if (known !== undefined) return JSON.parse(known) as T; // written by `keep` in the same step
        pass();
        const result = await run();
        pass();
        keep(name, result);
        pass();
        return result;
      },
      async wait(name, seconds) {
        if (stored.has(name)) return;
        pass();
        clock += seconds * 1000;
        keep(name, null);
        pass();
      },
    };
    for (;;) {
      try {
        const end = await runResync(journal, work, runId, input);
        figures.operations = Math.max(figures.operations, operations);
        figures.bytes = Math.max(figures.bytes, bytes);
        return end;
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
      }
    }
  };

  return {
    figures,
    ledger,
    /** The steps of a run, for whoever executes them otherwise. */
    work,
    pass(seconds: number) {
      clock += seconds * 1000;
    },
    minutes: () => (clock - EPOCH) / 60_000,
    settle: () => {
      clock += 86_400_000;
      settleJob();
    },
    /** All parts of a run. Answers how many executions it took, and the end of the last. */
    async run(runId: string, { full = true, crashAt = [] as readonly number[] } = {}) {
      let input = ResyncInput.parse({ full });
      const crashes = new Set(crashAt);
      for (let executions = 1; ; executions += 1) {
        const end = await execute(runId, input, crashes);
        if (end.ended !== 'handed over') return { executions, end };
        input = ResyncInput.parse(JSON.parse(JSON.stringify(end.successor)));
      }
    },
    hold(rows: number) {
      running = { id: 'by hand', endsAt: clock + secondsFor(rows) * 1000, rows: [], end: 'completed' };
    },
  };
};
