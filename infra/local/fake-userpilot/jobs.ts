import type { Knobs } from './knobs.ts';
import type { CompanyWrite, UserWrite } from './store.ts';

export type JobStatus = 'queued' | 'validating' | 'processing' | 'pending_refresh' | 'completed' | 'failed';
export type Row = { readonly user: UserWrite } | { readonly company: CompanyWrite };

export interface JobOrder {
  readonly id: string;
  /** Whose job it is: jobs of other scopes are neither seen nor waited for. */
  readonly scope: string;
  readonly kind: 'users' | 'companies';
  readonly filename: string;
  /** Bytes. */
  readonly fileSize: number;
  /** null: a row that is skipped, and so never counted as completed. */
  readonly rows: readonly (Row | null)[];
  /** Absent: it completes. A number: it fails when this many rows are done, and their effect stays. */
  readonly fails?: 'validating' | number;
}

interface Job {
  readonly order: Omit<JobOrder, 'rows'>;
  /** Emptied when the job is over. */
  rows: readonly (Row | null)[];
  readonly totalRows: number;
  readonly submittedAt: number;
  readonly validatingAt: number;
  readonly processingAt: number;
  readonly processedAt: number;
  readonly endsAt: number;
  readonly rowsToWrite: number;
  done: number;
  completed: number;
}

const iso = (at: number): string => new Date(at).toISOString();

/** Nothing ticks here: the whole course of a job is fixed when it is submitted, and read off the clock when asked. */
export class Jobs {
  readonly #knobs: Knobs;
  readonly #jobs = new Map<string, Job>();
  readonly #open = new Set<Job>();

  constructor(knobs: Knobs) {
    this.#knobs = knobs;
  }

  submit({ rows, ...order }: JobOrder, submittedAt: number): void {
    const { queuedMs, validatingMs, pendingRefreshMs, bulkRowsPerMinute } = this.#knobs;
    const validatingAt = submittedAt + queuedMs;
    const processingAt = validatingAt + validatingMs;
    const rowsToWrite = order.fails === 'validating' ? 0 : Math.min(rows.length, order.fails ?? rows.length);
    const processedAt = processingAt + Math.ceil((rowsToWrite * 60_000) / bulkRowsPerMinute);
    const endsAt = order.fails === undefined ? processedAt + pendingRefreshMs : processedAt;
    const times = { submittedAt, validatingAt, processingAt, processedAt, endsAt };
    const job: Job = { order, rows, totalRows: rows.length, rowsToWrite, ...times, done: 0, completed: 0 };
    this.#jobs.set(order.id, job);
    this.#open.add(job);
  }

  /** Writes the rows that are due by then. */
  progress(at: number, write: (row: Row, at: number) => void): void {
    const rowsPerMinute = this.#knobs.bulkRowsPerMinute;
    for (const job of this.#open) {
      const due = at >= job.processedAt ? job.rowsToWrite : Math.floor(((at - job.processingAt) * rowsPerMinute) / 60_000);
      for (; job.done < due; job.done += 1) {
        const row = job.rows[job.done];
        if (!row) continue;
        write(row, job.processingAt + Math.ceil(((job.done + 1) * 60_000) / rowsPerMinute));
        job.completed += 1;
      }
      if (at < job.endsAt) continue;
      job.rows = [];
      this.#open.delete(job);
    }
  }

  /** One job at a time, users and companies together: docs.userpilot.com/api-references/bulk-updates/companies */
  isBusy(scope: string): boolean {
    return [...this.#open].some((job) => job.order.scope === scope);
  }

  /** Absent for an unknown id and for a job of another scope. */
  find(scope: string, id: string, at: number): Record<string, unknown> | undefined {
    const job = this.#jobs.get(id);
    return job?.order.scope === scope ? { ...viewOf(job, at), completed_rows: job.completed } : undefined;
  }

  /** Newest first; without `completed_rows`, as in the published OpenAPI file. */
  list(scope: string | undefined, at: number): readonly Record<string, unknown>[] {
    const jobs = [...this.#jobs.values()].filter((job) => scope === undefined || job.order.scope === scope);
    return jobs.reverse().map((job) => viewOf(job, at));
  }
}

const statusOf = (job: Job, at: number): JobStatus => {
  if (at >= job.endsAt) return job.order.fails === undefined ? 'completed' : 'failed';
  if (at < job.validatingAt) return 'queued';
  if (at < job.processingAt) return 'validating';
  return at < job.processedAt ? 'processing' : 'pending_refresh';
};

/** The members of both documented shapes of a job together. The values of `type` and `links` are published nowhere. */
const viewOf = (job: Job, at: number): Record<string, unknown> => ({
  job_id: job.order.id,
  status: statusOf(job, at),
  type: `bulk_identify_${job.order.kind}`,
  filename: job.order.filename,
  file_size: job.order.fileSize,
  total_rows: job.totalRows,
  elapsed_time: Math.floor((Math.min(at, job.endsAt) - job.submittedAt) / 1000),
  submitted_at: iso(job.submittedAt),
  start_time: iso(job.submittedAt),
  end_time: at >= job.endsAt ? iso(job.endsAt) : null,
  links: '',
});
