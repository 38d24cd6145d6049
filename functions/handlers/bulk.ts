import type { BulkJob, BulkJobs } from '../core/bulk-job.ts';
import type { IdentifyUser } from '../core/calls.ts';
import { DeliveryError } from '../core/errors.ts';
import type { BulkLedger, LedgerItem, Mark } from '../core/ledger.ts';
import { type JobEnd, ROWS_PER_SECOND, type WatchedJob } from '../core/resync.ts';
import type { SecretCache } from '../core/secrets.ts';
import type { BulkUser, Userpilot } from '../userpilot/client.ts';

/** What whoever fills bulk jobs works with. */
export interface BulkDeps {
  readonly ledger: BulkLedger;
  readonly jobs: BulkJobs;
  readonly userpilot: Pick<Userpilot, 'bulkIdentifyUsers' | 'job' | 'jobs'>;
  readonly apiKey: SecretCache<string | undefined>;
  readonly now: () => Date;
  /** By which the end of a job is reckoned. @default ROWS_PER_SECOND */
  readonly rowsPerSecond?: number;
}

/** A user on the way into a job. */
export interface BulkRow {
  readonly key: string;
  readonly call: IdentifyUser;
  readonly mark: Omit<Mark, 'job'>;
}

/** docs.userpilot.com, bulk updates: rows and bytes of one request. */
export const MAX_ROWS = 10_000;
export const MAX_JOB_BYTES = 40 * 1024 * 1024;
/**
 * Below this the queue is faster: identify takes some 540 a minute and a job 1,200, but a job is not looked at before a minute
 * has passed, and it blocks every other one.
 */
export const BULK_FROM = 1000;
/** DynamoDB takes 100 keys at once. */
const READ_KEYS = 100;
const CONCURRENCY = 25;
/** A job that was started so long ago and is still not over does not count as one. */
const ZOMBIE_MS = 24 * 3_600_000;
const RUNNING = new Set(['queued', 'validating', 'processing', 'pending_refresh']);

export const inParts = <T>(list: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size));

const toBulkUser = ({ user_id, company, metadata }: IdentifyUser): BulkUser => ({
  user_id,
  ...(company !== undefined && { company_id: company.id }),
  ...(metadata !== undefined && { metadata }),
});

/** With the key that counts right now, and once more with one that was just renewed. */
const withKey = async <T>({ apiKey }: BulkDeps, call: (key: string) => Promise<T>): Promise<T> => {
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
export const isBusy = async (deps: BulkDeps): Promise<boolean> => {
  const jobs = await withKey(deps, (key) => deps.userpilot.jobs(key));
  const oldest = deps.now().getTime() - ZOMBIE_MS;
  return jobs.some(({ status, start_time }) => {
    const begun = Date.parse(start_time ?? '');
    return RUNNING.has(status) && !(begun < oldest);
  });
};

/** Ledger items, with what became of the jobs that they refer to. `seen` holds the jobs that were read before. */
export const knownOf = async (
  keys: readonly string[],
  { ledger, jobs }: BulkDeps,
  seen: Map<string, BulkJob | undefined> = new Map(),
) => {
  const items = new Map<string, LedgerItem>();
  for (const part of inParts(keys, READ_KEYS)) for (const [key, item] of await ledger.read(part)) items.set(key, item);
  for (const job of new Set([...items.values()].flatMap((item) => item.job ?? []))) {
    if (!seen.has(job)) seen.set(job, await jobs.read(job));
  }
  return (key: string) => {
    const item = items.get(key);
    return { item, job: item?.job === undefined ? undefined : seen.get(item.job) };
  };
};

/** Gives the rows to the job; somebody else has the `others` meanwhile. */
export const markAll = async <Row extends BulkRow>(rows: readonly Row[], job: string, { ledger }: BulkDeps) => {
  const marked: Row[] = [];
  const others: Row[] = [];
  for (const part of inParts(rows, CONCURRENCY)) {
    const answers = await Promise.all(part.map(({ key, mark }) => ledger.mark(key, { ...mark, job })));
    for (const [index, row] of part.entries()) (answers[index] === true ? marked : others).push(row);
  }
  return { marked, others };
};

type Submitted = WatchedJob | 'busy' | 'refused';

/** As far as anyone can tell before it is over. */
export const jobOf = (rows: number, { now, rowsPerSecond = ROWS_PER_SECOND }: BulkDeps): BulkJob => ({
  state: 'running',
  endsAt: now().getTime() + Math.ceil((rows * 1000) / rowsPerSecond),
  rows,
});

export const submit = async (rows: readonly BulkRow[], key: string, deps: BulkDeps): Promise<Submitted> => {
  const { jobs, userpilot } = deps;
  const open = jobOf(rows.length, deps);
  try {
    const { job_id: jobId } = await withKey(deps, (apiKey) =>
      userpilot.bulkIdentifyUsers(
        rows.map(({ call }) => toBulkUser(call)),
        apiKey,
      ),
    );
    await jobs.write(key, { ...open, jobId });
    return { key, jobId, rows: rows.length };
  } catch (error) {
    // Userpilot said no before it did anything. After any other failure the job may run: its rows stay held, and the step is tried again.
    const code = error instanceof DeliveryError ? error.code : undefined;
    if (code !== 'JOB_RUNNING' && code !== 'REFUSED') throw error;
    await jobs.write(key, { ...open, state: 'failed' });
    return code === 'REFUSED' ? 'refused' : 'busy';
  }
};

/** Asks for the job, and writes down its end. */
export const poll = async ({ key, jobId, rows }: WatchedJob, deps: BulkDeps, onFailure: () => void): Promise<JobEnd> => {
  const close = async (state: 'completed' | 'failed') => {
    await deps.jobs.write(key, { state, endsAt: deps.now().getTime(), jobId, rows });
    if (state === 'failed') onFailure();
    return state;
  };
  try {
    const { status, completed_rows } = await withKey(deps, (apiKey) => deps.userpilot.job(jobId, apiKey));
    if (status === 'failed') return close('failed');
    if (status !== 'completed') return 'running';
    // Nobody can tell which rows are missing.
    return close(typeof completed_rows === 'number' && completed_rows < rows ? 'failed' : 'completed');
  } catch (error) {
    if (!(error instanceof DeliveryError)) throw error;
    // A job that Userpilot does not know has ended somehow; anything else says nothing about it.
    return error.status === 404 ? close('failed') : 'running';
  }
};
