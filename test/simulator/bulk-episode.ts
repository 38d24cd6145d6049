import type { Context, SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import type { Change, Identify } from '../../functions/core/calls.ts';
import { DeliveryError, DependencyError } from '../../functions/core/errors.ts';
import { createLog } from '../../functions/core/log.ts';
import { createMetrics } from '../../functions/core/metrics.ts';
import { type ChunkOrder, NO_COUNTS } from '../../functions/core/resync.ts';
import { RetrySettings } from '../../functions/core/settings.ts';
import { createDeliver } from '../../functions/handlers/deliver.ts';
import { createResyncWork } from '../../functions/handlers/resync-work.ts';
import { changes, defineSource, type Source } from '../../functions/sources/source.ts';
import type { Userpilot } from '../../functions/userpilot/client.ts';
import { toDelete } from '../../infra/local/batch-answer.ts';
import { freeLimiter, memoryJobs, memoryLedger, memorySecret } from '../support/doubles.ts';
import type { Choose } from './explore.ts';

/** One state of the one user: times are small numbers. */
export interface State {
  readonly at: number;
  readonly value: string;
}

export interface BulkEpisodeOptions {
  /** Live events, in the order of the queue. */
  readonly live: readonly State[];
  /** What the vendor lists. */
  readonly listed: State;
  /** How many crossings may fail or kill. */
  readonly faults: number;
  /** How often a held message comes back while its job still runs. */
  readonly early?: number;
  /** The job ends badly, with its row written or not. */
  readonly jobFails?: boolean;
}

export interface BulkEpisode {
  readonly shown: string | undefined;
  readonly calls: number;
  readonly trace: readonly string[];
  /** Every message has left the queue and the run has ended. */
  readonly isOver: boolean;
}

const EPOCH = Date.UTC(2026, 10, 23, 12);
const USER = 'u1';
const SOURCE = 'clerk';
const now = () => new Date(EPOCH + 1000);
const ignore = () => undefined;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const RETRY = RetrySettings.parse({});
const tableDown = () => new DependencyError('TABLE');

const changeOf = ({ at, value }: State): Change => ({
  call: { kind: 'identifyUser', user_id: USER, metadata: { state: value } },
  facet: 'profile',
  occurredAt: new Date(EPOCH + at),
});

const Listed = z.object({ at: z.number(), value: z.string() });
const model: Source = defineSource<unknown>({
  id: SOURCE,
  docs: 'https://example.com',
  verify: () => ({ ok: false, code: 'SIGNATURE_MISSING' }),
  schema: z.unknown(),
  head: () => ({ eventId: 'listed', type: 'listed' }),
  map: (record) => changes(changeOf(Listed.parse(record))),
  directory: {
    hosts: () => ['https://vendor.example'],
    credential: [],
    authorize: () => ({ headers: {} }),
    pace: { intervalMs: 1, burst: 1 },
    list: async (api) => ({ records: [(await api({ url: '/' })).body] }),
  },
});

interface Crossing {
  readonly name: string;
  readonly effect: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly failure: () => Error;
}
interface Actor {
  readonly name: string;
  life: number;
  pending: readonly Crossing[];
}
interface Step {
  readonly name: string;
  readonly act: () => unknown;
  readonly fault?: true;
}

/** More would be the same again: a message that keeps coming back while the job runs. */
const MOST_STEPS = 60;

/**
 * One worker on the real deliver function, one run of the real resync steps, and a job of Userpilot's that writes its row when it
 * likes, in an order that is chosen. A message that was held comes back when the job is over, as its back-off says, and once
 * before. A step of the run that dies or fails is run again, as the journal does it.
 */
export const runBulkEpisode = async (options: BulkEpisodeOptions, choose: Choose): Promise<BulkEpisode> => {
  const { live, listed, jobFails = false } = options;
  const { ledger } = memoryLedger();
  const { jobs, items: jobItems } = memoryJobs();
  const trace: string[] = [];
  let left = options.faults;
  let shown: string | undefined;
  let calls = 0;

  const worker: Actor = { name: 'worker', life: 0, pending: [] };
  const resync: Actor = { name: 'resync', life: 0, pending: [] };
  const gateOf =
    (actor: Actor, life = actor.life) =>
    <T>(name: string, effect: () => T | Promise<T>, failure: () => Error = tableDown): Promise<T> =>
      new Promise((resolve, reject) => {
        // The effect's own value comes back, so it has the type that is waited for.
        const crossing: Crossing = { name, effect, resolve: (value) => resolve(value as never), reject, failure };
        if (actor.life === life) actor.pending = [...actor.pending, crossing];
      });

  const pick = (steps: readonly Step[]): unknown => {
    const open = steps.filter(({ fault }) => fault === undefined || left > 0);
    const step = open[open.length > 1 ? choose(open.length) : 0];
    if (step === undefined) return undefined;
    if (step.fault) left -= 1;
    trace.push(step.name);
    return step.act();
  };

  // Userpilot's side of bulk.
  let job: { readonly value: string; lands: boolean; over: boolean } | undefined;
  const apply = (value: unknown) => {
    calls += 1;
    shown = String(value);
  };

  // The queue: the messages of one group, in order; the first that is there holds back the rest.
  const messages = live.map((state, index) => ({ state, eventId: `e${index}`, isDone: false }));
  const waiting = () => messages.find(({ isDone }) => !isDone);
  const isOpen = () => [...jobItems.values()].some(({ state }) => state === 'running');
  let isHeld = false;
  let early = options.early ?? 0;
  let isBusy = false;

  const deliver = (): void => {
    const gate = gateOf(worker);
    const { life } = worker;
    const message = waiting();
    if (message === undefined) return;
    const { state, eventId } = message;
    const userpilot: Pick<Userpilot, 'identify'> = {
      identify: (call: Identify) =>
        gate(
          'call',
          () => apply(call.metadata?.state),
          () => new DeliveryError('UNREACHABLE'),
        ),
    };
    const handler = createDeliver({
      ledger: {
        begin: (...args) => gate('begin', () => ledger.begin(...args)),
        commit: (...args) => gate('commit', () => ledger.commit(...args)),
      },
      jobs: { read: (key) => gate('job', () => jobs.read(key)) },
      limiter: freeLimiter().limiter,
      breaker: { pass: async () => 'all', succeeded: async () => undefined, failed: async () => undefined },
      userpilot: userpilot as Userpilot, // deliver uses nothing else of it
      apiKey: memorySecret<string | undefined>('invented-key').cache,
      queue: {
        send: async () => undefined,
        async retryIn() {
          if (worker.life === life) isHeld = isOpen();
        },
      },
      rejected: { park: async () => undefined },
      retry: RETRY,
      log: createLog(ignore, 'model', now),
      metrics: createMetrics(ignore, { namespace: 'Model', now }),
      now,
      random: () => 0.5,
    });
    isBusy = true;
    const head = { v: 1, source: SOURCE, eventId, type: 'live', receivedAt: new Date(EPOCH) };
    const body = JSON.stringify({ ...head, change: changeOf(state) });
    const record = { messageId: 'm', receiptHandle: 'r', body, attributes: { ApproximateReceiveCount: '1' } } as SQSRecord;
    const context = { awsRequestId: `w${life}`, getRemainingTimeInMillis: () => 60_000 } as Context;
    handler({ Records: [record] } as SQSEvent, context).then((answer) => {
      if (worker.life !== life) return;
      if (toDelete(answer, ['m']).length > 0) message.isDone = true;
      isBusy = false;
    });
  };

  // The run: its steps in order, each again until it ends.
  type Phase = 'chunk' | 'look' | 'over';
  let phase = 'chunk' as Phase;
  let isStepping = false;
  let round = 1;
  let jobId = '';
  const step = (): void => {
    const gate = gateOf(resync);
    const { life } = resync;
    isStepping = true;
    const work = createResyncWork({
      source: model,
      settings: {},
      api: async () => ({ status: 200, headers: {}, body: listed }),
      ledger: {
        read: (keys) => gate('read', () => ledger.read(keys)),
        mark: (key, mark) => gate('mark', () => ledger.mark(key, mark)),
      },
      jobs: { read: async (key) => jobs.read(key), write: (key, item) => gate('write job', () => jobs.write(key, item)) },
      runs: { take: async () => ({}), renew: async () => true, finish: async () => undefined },
      userpilot: {
        jobs: async () => (job !== undefined && !job.over ? [{ job_id: 'up', status: 'processing' }] : []),
        job: (id) =>
          gate('look', () => ({ job_id: id, status: job?.over === true ? (jobFails ? 'failed' : 'completed') : 'processing' })),
        bulkIdentifyUsers: (users) =>
          gate(
            'submit',
            () => {
              job = { value: String(users[0]?.metadata?.state), lands: false, over: false };
              return { job_id: 'up', status: 'queued' };
            },
            () => new DeliveryError('UNREACHABLE'),
          ),
      },
      apiKey: memorySecret<string | undefined>('invented-key').cache,
      queue: {
        async send(sent) {
          if (resync.life === life && sent.length > 0)
            messages.push({ state: listed, eventId: `listed${messages.length}`, isDone: false });
        },
        retryIn: async () => undefined,
      },
      log: createLog(ignore, 'model', now),
      metrics: createMetrics(ignore, { namespace: 'Model', now }),
      now,
      bulkFrom: 1,
    });
    const key = `run.${round}`;
    const order: ChunkOrder = {
      startedAt: new Date(EPOCH).toISOString(),
      state: { chunk: 0, counts: NO_COUNTS },
      job: key,
      ...(round > 1 && { former: `run.${round - 1}` }),
      way: round > 3 ? 'queue' : 'bulk',
    };
    const end = (next: Phase) => {
      if (resync.life !== life) return;
      phase = next;
      isStepping = false;
    };
    if (phase === 'chunk')
      work.chunk('run', order).then(
        (chunk) => {
          if (resync.life !== life) return;
          if (chunk.kind === 'busy') round += 1;
          jobId = chunk.kind === 'done' ? (chunk.job?.jobId ?? '') : '';
          end(chunk.kind === 'busy' ? 'chunk' : jobId === '' ? 'over' : 'look');
        },
        () => end('chunk'),
      );
    else
      work.poll({ key, jobId, rows: 1 }).then(
        (what) => {
          if (resync.life === life && what === 'failed') round += 1;
          end(what === 'running' ? 'look' : what === 'failed' ? 'chunk' : 'over');
        },
        () => end('look'),
      );
  };

  const crossingsOf = (actor: Actor, release: () => void): readonly Step[] =>
    actor.pending.flatMap((crossing): readonly Step[] => {
      const { name, effect, resolve, reject, failure } = crossing;
      const one = (what: string, act: () => unknown, dies: boolean, fault?: true): Step => ({
        name: `${actor.name} ${name}: ${what}`,
        act: () => {
          actor.pending = actor.pending.filter((other) => other !== crossing);
          if (dies) {
            actor.life += 1;
            actor.pending = [];
            release();
          }
          return act();
        },
        ...(fault && { fault }),
      });
      const run = async () => effect();
      return [
        one('done', () => run().then(resolve, reject), false),
        one('done, answer lost', () => run().then(() => reject(failure()), reject), false, true),
        one('fails', () => reject(failure()), false, true),
        one('done, then dies', () => run().catch(ignore), true, true),
        one('dies before', ignore, true, true),
      ];
    });

  for (;;) {
    const steps: Step[] = [
      ...crossingsOf(worker, () => {
        isBusy = false;
      }),
      ...crossingsOf(resync, () => {
        isStepping = false;
      }),
    ];
    if (!isBusy && waiting() !== undefined && (!isHeld || !isOpen())) steps.push({ name: 'worker receives', act: deliver });
    else if (!isBusy && waiting() !== undefined && early > 0)
      steps.push({
        name: 'worker receives early',
        act: () => {
          early -= 1;
          deliver();
        },
      });
    // A look while the job runs changes nothing.
    const isWorthIt = phase === 'chunk' ? job === undefined || job.over || round === 1 : phase === 'look' && job?.over === true;
    if (!isStepping && isWorthIt) steps.push({ name: `resync ${phase}`, act: step });
    const current = job;
    if (current !== undefined && !current.over) {
      if (!current.lands)
        steps.push({
          name: 'the job writes its row',
          act: () => {
            current.lands = true;
            apply(current.value);
          },
        });
      if (current.lands || jobFails)
        steps.push({
          name: 'the job ends',
          act: () => {
            current.over = true;
          },
        });
    }
    if (steps.length === 0 || trace.length >= MOST_STEPS) break;
    pick(steps);
    await settled();
  }
  return { shown, calls, trace, isOver: waiting() === undefined && phase === 'over' };
};
