import * as z from 'zod';
import { counted, type JobEnd, type Journal, POLL_SECONDS, type WatchedJob, watchJob } from './resync.ts';

const OverflowState = z.strictObject({
  round: z.int().positive(),
  /** Of the first job that may be open still. */
  number: z.int().positive(),
  /** In a row. */
  failures: z.int().nonnegative(),
  jobs: z.int().nonnegative(),
  rows: z.int().nonnegative(),
});
export type OverflowState = z.infer<typeof OverflowState>;
const FIRST: OverflowState = { round: 1, number: 1, failures: 0, jobs: 0, rows: 0 };

/** What starts a run, or a part of one. */
export const OverflowInput = z.strictObject({
  runId: z
    .string()
    .regex(/^[\w-]{1,64}$/)
    .optional(),
  /** Left by a predecessor that came near the limits of one execution. */
  goOn: z.strictObject({ state: OverflowState, startedAt: z.iso.datetime({ offset: true }) }).optional(),
});
export type OverflowInput = z.infer<typeof OverflowInput>;

export type Round =
  /** What waits is left to single calls. */
  | { readonly kind: 'calm' }
  /** Userpilot has a job under way. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'job'; readonly number: number; readonly job: WatchedJob };

/** The steps of a run. Each bears repetition. */
export interface OverflowWork {
  /** ISO 8601; undefined when there is nothing to do, or another run does it. */
  start(runId: string): Promise<string | undefined>;
  /** One job filled from the queue. `number` is that of the first job that may be open still, left by a try that died. */
  round(runId: string, number: number): Promise<Round>;
  /** Asks for the job, and writes down its end. */
  poll(job: WatchedJob): Promise<JobEnd>;
  finish(runId: string, startedAt: string, done: Pick<OverflowState, 'jobs' | 'rows'>): Promise<void>;
}

export type OverflowEnd =
  | { readonly ended: 'done'; readonly jobs: number; readonly rows: number }
  | { readonly ended: 'not needed' }
  /** Near the limits of one execution: another one is to be started with this. */
  | { readonly ended: 'handed over'; readonly successor: OverflowInput };

/** Then bulk is of no use right now: single calls go on, and the next run tries again. */
const MAX_FAILURES = 3;

/** While more waits than single calls can drain soon: job after job, one at a time, each watched until it is over. */
export const runOverflow = async (
  journal: Journal,
  work: OverflowWork,
  runId: string,
  { goOn }: OverflowInput,
): Promise<OverflowEnd> => {
  const { step, wait, isNearLimits } = counted(journal);
  const startedAt = goOn?.startedAt ?? (await step('start', () => work.start(runId)));
  if (startedAt === undefined) return { ended: 'not needed' };
  let state = goOn?.state ?? FIRST;
  while (state.failures < MAX_FAILURES) {
    if (isNearLimits()) return { ended: 'handed over', successor: { runId, goOn: { state, startedAt } } };
    const { round, number, failures, jobs, rows } = state;
    const found = await step(`round ${round}`, () => work.round(runId, number));
    if (found.kind === 'calm') break;
    state = { ...state, round: round + 1 };
    if (found.kind === 'busy') {
      await wait(`busy ${round}`, POLL_SECONDS);
      continue;
    }
    const isDone = await watchJob({ step, wait }, found.job, (job) => work.poll(job));
    state = isDone
      ? { ...state, number: found.number + 1, failures: 0, jobs: jobs + 1, rows: rows + found.job.rows }
      : { ...state, failures: failures + 1 };
  }
  const { jobs, rows } = state;
  await step('finish', () => work.finish(runId, startedAt, { jobs, rows }));
  return { ended: 'done', jobs, rows };
};
