import * as z from 'zod';

/**
 * What a long run remembers of itself. What a step returns is stored and given back when the run goes on after a crash or a
 * wait, so results hold cursors, counts and ids of jobs, and no personal data. Everything outside steps is deterministic.
 */
export interface Journal {
  /** Runs at least once: its effects must bear repetition. Tried again when it throws. `name` is unique in the run. */
  step<T>(name: string, run: () => Promise<T>): Promise<T>;
  wait(name: string, seconds: number): Promise<void>;
  /** How often steps were tried again until now, which counts against the limits of an execution. @default - there are none */
  retries?(): number;
}

const Count = z.int().nonnegative().default(0);

/**
 * What became of the users that the vendor listed. `listed` counts the vendor's records; `bulk` and `live` count users and companies,
 * `unchanged` and `stale` do so per page: who is listed as a user and again as a member of an organization counts twice.
 */
export const Counts = z.strictObject({
  pages: Count,
  listed: Count,
  /** Userpilot holds them already. */
  unchanged: Count,
  /** Something newer was sent meanwhile. */
  stale: Count,
  /** Deleted, and not created again. */
  tombstoned: Count,
  /** The source's rules ask nothing of Userpilot for them. */
  ignored: Count,
  bulk: Count,
  /** Through the queue of events, companies among them. */
  live: Count,
  jobs: Count,
  rejected: z.record(z.string(), z.int().nonnegative()).default({}),
  /** Seen before and not listed any more; told at the end of a full run, absent when nobody can tell. */
  missing: z.int().nonnegative().exactOptional(),
  /** Of these, those taken for deleted; absent where that is not wanted, or not safe. */
  deleted: z.int().nonnegative().exactOptional(),
});
export type Counts = z.infer<typeof Counts>;
export const NO_COUNTS: Counts = Counts.parse({});

const NUMBERS = ['pages', 'listed', 'unchanged', 'stale', 'tombstoned', 'ignored', 'bulk', 'live', 'jobs'] as const;

export const sumOf = (a: Counts, b: Counts): Counts => {
  const sum = { ...a, rejected: { ...a.rejected } };
  for (const name of NUMBERS) sum[name] += b[name];
  for (const [reason, count] of Object.entries(b.rejected)) sum.rejected[reason] = (sum.rejected[reason] ?? 0) + count;
  return sum;
};

/** Where a run stands between two chunks: enough for a successor to go on. */
export const ResyncState = z.strictObject({
  /** Of the next page; absent at the beginning. */
  cursor: z.string().optional(),
  chunk: z.int().nonnegative(),
  counts: Counts,
});
export type ResyncState = z.infer<typeof ResyncState>;

const Moment = z.iso.datetime({ offset: true });

/** What starts a run, or a part of one. */
export const ResyncInput = z.strictObject({
  runId: z
    .string()
    .regex(/^[\w-]{1,64}$/, 'write letters, digits, hyphens and underscores')
    .optional(),
  /** All users, not only those that changed since the last run. */
  full: z.boolean().default(false),
  /** Left by a predecessor that came near the limits of one execution. */
  goOn: z.strictObject({ state: ResyncState, startedAt: Moment, since: Moment.optional(), part: z.int().positive() }).optional(),
});
export type ResyncInput = z.infer<typeof ResyncInput>;

export interface Started {
  /** ISO 8601. */
  readonly startedAt: string;
  /** ISO 8601: only what changed since is listed. */
  readonly since?: string;
}

export interface ChunkOrder extends Started {
  readonly state: ResyncState;
  /** What our keys of its bulk jobs begin with: every try has a key of its own, also one that a crash repeats. */
  readonly job: string;
  /** `queue`: bulk failed for these users again and again. */
  readonly way: 'bulk' | 'queue';
}

export type Chunk =
  /** Userpilot has a job under way that is none of this run, one that somebody started by hand for instance. */
  | { readonly kind: 'busy' }
  | {
      readonly kind: 'done';
      /** Absent = that was the last page. */
      readonly next?: string;
      readonly counts: Counts;
      /** To be watched; absent when there was nothing to send in bulk. */
      readonly job?: WatchedJob;
    };

export interface WatchedJob {
  /** Ours. */
  readonly key: string;
  /** Userpilot's. */
  readonly jobId: string;
  readonly rows: number;
}

export type Missing = Pick<Counts, 'missing' | 'deleted'>;

export type JobEnd = 'running' | 'completed' | 'failed';

/** The steps of a run. Each bears repetition. */
export interface ResyncWork {
  /** Undefined when another run of the source is under way. */
  start(runId: string, input: ResyncInput): Promise<Started | undefined>;
  /** Lists, compares and submits up to one job. */
  chunk(runId: string, order: ChunkOrder): Promise<Chunk>;
  /** Asks for the job, and writes down its end. */
  poll(job: WatchedJob): Promise<JobEnd>;
  /** After the last page of a run that lists everybody. @default - nobody looks for them */
  missing?(runId: string, startedAt: string, state: ResyncState): Promise<Missing>;
  finish(runId: string, started: Started, counts: Counts): Promise<void>;
}

export type ResyncEnd =
  | { readonly ended: 'done'; readonly counts: Counts }
  /** Near the limits of one execution: another one is to be started with this. */
  | { readonly ended: 'handed over'; readonly successor: ResyncInput }
  | { readonly ended: 'already running' };

/** Seconds, and at least that between two looks at a job: docs.userpilot.com, background jobs. */
export const POLL_SECONDS = 60;
/** Userpilot's own figures are 1,200 and 1,800 a minute: the slower one never asks too early. */
export const ROWS_PER_SECOND = 20;
/** A job that takes three times as long as it should, and an hour, is lost. */
const LATE_FACTOR = 3;
const LATE_SECONDS = 3600;
const MAX_ATTEMPTS = 3;
/** A durable execution ends at 3,000, and a step that is tried again counts anew. */
export const HAND_OVER_AT = 2400;

export const secondsFor = (rows: number): number => Math.ceil(rows / ROWS_PER_SECOND);

/** A journal whose operations are counted, since one execution takes only so many. */
export const counted = (journal: Journal) => {
  let operations = 0;
  return {
    step<T>(name: string, run: () => Promise<T>): Promise<T> {
      operations += 1;
      return journal.step(name, run);
    },
    wait(name: string, seconds: number): Promise<void> {
      operations += 1;
      return journal.wait(name, seconds);
    },
    isNearLimits: () => operations + (journal.retries?.() ?? 0) >= HAND_OVER_AT,
  };
};

/** Until the job is over, or lost. Answers whether all its rows were written. */
export const watchJob = async (
  { step, wait }: Pick<Journal, 'step' | 'wait'>,
  job: WatchedJob,
  poll: (job: WatchedJob) => Promise<JobEnd>,
): Promise<boolean> => {
  const { key, rows } = job;
  let waited = 0;
  for (let look = 1; waited < secondsFor(rows) * LATE_FACTOR + LATE_SECONDS; look += 1) {
    const seconds = look === 1 ? Math.max(POLL_SECONDS, secondsFor(rows)) : POLL_SECONDS;
    await wait(`wait ${key} ${look}`, seconds);
    waited += seconds;
    const end = await step(`look ${key} ${look}`, () => poll(job));
    if (end !== 'running') return end === 'completed';
  }
  return false;
};

/**
 * Brings all users of a source over: chunk by chunk, one bulk job at a time, each watched until it is over. The rows of a failed
 * job are listed and sent again, after three times one by one through the queue.
 */
export const runResync = async (journal: Journal, work: ResyncWork, runId: string, input: ResyncInput): Promise<ResyncEnd> => {
  const { step, wait, isNearLimits } = counted(journal);
  const { goOn } = input;
  const started = goOn ?? (await step('start', () => work.start(runId, input)));
  if (started === undefined) return { ended: 'already running' };
  const { startedAt, since } = started;
  const times: Started = since === undefined ? { startedAt } : { startedAt, since };
  let state = goOn?.state ?? { chunk: 0, counts: NO_COUNTS };
  const handOver = (): ResyncEnd => ({
    ended: 'handed over',
    successor: { runId, full: input.full, goOn: { state, ...times, part: (goOn?.part ?? 1) + 1 } },
  });

  for (;;) {
    let attempt = 1;
    const job = `${runId}.${goOn?.part ?? 1}.${state.chunk}`;
    for (let round = 1; ; round += 1) {
      const order: ChunkOrder = { ...times, state, job, way: attempt > MAX_ATTEMPTS ? 'queue' : 'bulk' };
      const chunk = await step(`chunk ${job} ${round}`, () => work.chunk(runId, order));
      if (chunk.kind === 'busy') {
        if (isNearLimits()) return handOver();
        await wait(`busy ${job} ${round}`, POLL_SECONDS);
        continue;
      }
      if (chunk.job !== undefined && !(await watchJob({ step, wait }, chunk.job, (watched) => work.poll(watched)))) {
        attempt += 1;
        continue;
      }
      const { cursor: _, ...rest } = state;
      const counts = sumOf(rest.counts, chunk.counts);
      state = { ...(chunk.next !== undefined && { cursor: chunk.next }), chunk: rest.chunk + 1, counts };
      break;
    }
    if (state.cursor === undefined) break;
    if (isNearLimits()) return handOver();
  }
  const looksForMissing = since === undefined && work.missing !== undefined;
  const missing = looksForMissing ? await step('missing', async () => work.missing?.(runId, startedAt, state) ?? {}) : {};
  const counts = { ...state.counts, ...missing };
  await step('finish', () => work.finish(runId, times, counts));
  return { ended: 'done', counts };
};
