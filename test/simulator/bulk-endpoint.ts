import { DeliveryError } from '../../functions/core/errors.ts';
import type { BulkUser, Job, Userpilot } from '../../functions/userpilot/client.ts';
import type { Judge } from './judge.ts';
import type { Process } from './process.ts';
import { SECOND, type World } from './world.ts';

/** How a job ends: with all rows, with the first half of them and no more, or with those and an untrue word of success. */
export type JobEnding = 'completed' | 'failed' | 'partly';

export interface BulkEndpointOptions {
  readonly world: World;
  readonly judge: Judge;
  /** @default 20, Userpilot's slower figure: docs.userpilot.com/article/320 */
  readonly rowsPerSecond?: number;
  /** The n-th job, counted from 1. @default completed */
  readonly ends?: (job: number) => JobEnding;
}

/** Userpilot's bulk endpoint: one job at a time, row after row, each written when its time has come. */
export const createBulkEndpoint = ({ world, judge, rowsPerSecond = 20, ends = () => 'completed' }: BulkEndpointOptions) => {
  const figures = { jobs: 0, rows: 0, refused: 0, mostAtOnce: 0 };
  const jobs: { readonly id: string; status: string; readonly total: number; completed: number }[] = [];
  const isRunning = ({ status }: { readonly status: string }) => status === 'processing';

  const begin = (rows: readonly BulkUser[]): Job => {
    if (jobs.some(isRunning)) {
      figures.refused += 1;
      throw new DeliveryError('JOB_RUNNING', { status: 409 });
    }
    figures.jobs += 1;
    figures.rows += rows.length;
    const job = { id: `bulk:jobs:invented:${figures.jobs}`, status: 'processing', total: rows.length, completed: 0 };
    jobs.push(job);
    figures.mostAtOnce = Math.max(figures.mostAtOnce, jobs.filter(isRunning).length);
    const end = ends(figures.jobs);
    const written = end === 'completed' ? rows : rows.slice(0, Math.floor(rows.length / 2));
    for (let second = 0; second * rowsPerSecond < written.length; second += 1)
      world.after((second + 1) * SECOND, () => {
        for (const row of written.slice(second * rowsPerSecond, (second + 1) * rowsPerSecond)) {
          judge.writes(row);
          job.completed += 1;
        }
      });
    world.after((rows.length / rowsPerSecond + 1) * SECOND, () => {
      job.status = end === 'failed' ? 'failed' : 'completed';
    });
    return { job_id: job.id, status: 'queued' };
  };

  const seenBy = ({ cross }: Process): Pick<Userpilot, 'bulkIdentifyUsers' | 'job' | 'jobs'> => {
    const failure = () => new DeliveryError('UNREACHABLE');
    const viewOf = ({ id, status, completed }: (typeof jobs)[number]): Job => ({
      job_id: id,
      status,
      completed_rows: completed,
    });
    return {
      bulkIdentifyUsers: (users) => cross('userpilot.bulk', () => begin(users), { failure }),
      jobs: () => cross('userpilot.bulk', () => jobs.map(viewOf), { failure }),
      job: (id) =>
        cross(
          'userpilot.bulk',
          () => {
            const job = jobs.find((one) => one.id === id);
            if (job === undefined) throw new DeliveryError('UNEXPECTED', { status: 404 });
            return viewOf(job);
          },
          { failure },
        ),
    };
  };
  return { figures, seenBy };
};
