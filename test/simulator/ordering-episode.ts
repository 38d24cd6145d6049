import type { Context, SQSEvent } from 'aws-lambda';
import { DeliveryError, DependencyError } from '../../functions/core/errors.ts';
import { createLog } from '../../functions/core/log.ts';
import { createMetrics } from '../../functions/core/metrics.ts';
import { DeletionSettings, RetrySettings } from '../../functions/core/settings.ts';
import { createDeliver, type DeliverDeps } from '../../functions/handlers/deliver.ts';
import { toDelete } from '../../infra/local/batch-answer.ts';
import { freeLimiter, memoryErasures, memoryJobs, memorySecret } from '../support/doubles.ts';
import type { Choose } from './explore.ts';
import { createModel, EPOCH, type ModelEvent, type Rest, recordOf } from './ordering-state.ts';

export interface EpisodeOptions {
  /** In the order in which the queue took them in. */
  readonly events: readonly ModelEvent[];
  /** @default true: a group's messages are handed out only while none of them is in flight */
  readonly fifo?: boolean;
}
export interface Episode {
  readonly rest: Rest;
  /** What happened, step by step. */
  readonly trace: readonly string[];
}

/** A crossing of our code that waits for its turn. */
interface Pending {
  readonly port: string;
  /** Done at the other end, all or nothing. */
  readonly effect: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly failure: () => Error;
  /** The other end says that it will not do it. */
  readonly refusal?: () => Error;
}
interface Worker {
  readonly name: string;
  /** Indexes of events; empty = idle. */
  inHand: readonly number[];
  pending: readonly Pending[];
  /** A new one after each end: whatever the old process still waits for never comes. */
  life: number;
}
/** What may happen next. */
interface Step {
  readonly name: string;
  readonly act: () => unknown;
  /** Uses up one of the faults. */
  readonly fault?: true;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ignore = () => undefined;
const tableDown = () => new DependencyError('TABLE');
const queueDown = () => new DependencyError('QUEUE');
const now = () => new Date(EPOCH);
const RETRY = RetrySettings.parse({});
const DELETIONS = DeletionSettings.parse({});

type Errors = Pick<Pending, 'failure' | 'refusal'>;
type Gate = <T>(port: string, effect: () => T | Promise<T>, errors: Errors) => Promise<T>;
type Model = ReturnType<typeof createModel>;

const createHandler = (gate: Gate, { ledger, apply, park }: Model) => {
  const failure = tableDown;
  const userpilot: Pick<DeliverDeps['userpilot'], 'identify'> = {
    identify: (call) =>
      gate('call', () => apply(call), {
        failure: () => new DeliveryError('UNREACHABLE'),
        refusal: () => new DeliveryError('REFUSED'),
      }),
  };
  return createDeliver({
    ledger: {
      begin: (...args) => gate('begin', () => ledger.begin(...args), { failure }),
      commit: (...args) => gate('commit', () => ledger.commit(...args), { failure }),
    },
    jobs: memoryJobs().jobs,
    erasures: memoryErasures().erasures,
    deletions: DELETIONS,
    limiter: freeLimiter().limiter,
    breaker: { pass: async () => 'all', succeeded: async () => undefined, failed: async () => undefined },
    userpilot: userpilot as DeliverDeps['userpilot'], // deliver uses nothing else of it
    apiKey: memorySecret<string | undefined>('invented-key').cache,
    queue: { send: async () => undefined, retryIn: () => gate('back-off', ignore, { failure: queueDown }) },
    rejected: { park: ({ eventId }) => gate('park', () => park(eventId), { failure: queueDown }) },
    retry: RETRY,
    log: createLog(ignore, 'model', now),
    metrics: createMetrics(ignore, { namespace: 'Model', now }),
    now,
    random: () => 0.5,
  });
};

/** Every way to take some from the front of each list, except nothing at all. */
const frontsOf = (lists: readonly (readonly number[])[]): readonly (readonly number[])[] => {
  const nothing: readonly (readonly number[])[] = [[]];
  const all = lists.reduce(
    (taken, list) => taken.flatMap((some) => Array.from({ length: list.length + 1 }, (_, n) => [...some, ...list.slice(0, n)])),
    nothing,
  );
  return all.filter((some) => some.length > 0);
};

/** Without the queue's order two workers can keep overtaking each other; a schedule that long shows nothing new. */
const MOST_STEPS = 40;

/**
 * Two workers on the real deliver function, from one rest to the next. What SQS FIFO and Lambda can do, and no more: a
 * batch holds the first so many messages of one or several groups; while a message of a group is in flight, no other of
 * it is handed out; a message comes back when its back-off is over, when its worker died and its visibility ran out (six
 * times as long as a function lives), or when its deletion was lost. So nobody else has an entity in hand before its
 * worker has answered or is dead, and what a dead worker sent off has arrived by then or never will: dying before and
 * after the effect covers both. Limiter, breaker and secret have no say in the order and never fail here; dying while
 * waiting for one of them is dying before the next crossing.
 */
export const runEpisode = async ({ events, fifo = true }: EpisodeOptions, from: Rest, choose: Choose): Promise<Episode> => {
  const model = createModel(events, from);
  const trace: string[] = [];
  const workers = ['first', 'second'].map((name): Worker => ({ name, inHand: [], pending: [], life: 0 }));
  let left = from.faultsLeft;

  const pick = (steps: readonly Step[]): unknown => {
    const open = steps.filter(({ fault }) => fault === undefined || left > 0);
    const step = open[open.length > 1 ? choose(open.length) : 0];
    if (step === undefined) return undefined;
    if (step.fault) left -= 1;
    trace.push(step.name);
    return step.act();
  };
  /** What is not done comes back. The worker is idle, or a new process takes its place. */
  const release = (worker: Worker) => {
    worker.inHand = [];
    worker.pending = [];
    worker.life += 1;
  };

  const start = (worker: Worker, batch: readonly number[]) => {
    const { life, name } = worker;
    worker.inHand = batch;
    const gate: Gate = (port, effect, errors) =>
      new Promise((resolve, reject) => {
        // The effect's own value comes back, so it has the type that is waited for.
        const pending: Pending = { port, effect, resolve: (value) => resolve(value as never), reject, ...errors };
        if (worker.life === life) worker.pending = [...worker.pending, pending];
      });
    const finish = (answer: unknown) => {
      if (worker.life !== life) return;
      const ids = toDelete(
        answer,
        batch.map((index) => `m${index}`),
      );
      const done = batch.filter((index) => ids.includes(`m${index}`));
      if (done.length > 0)
        pick([
          { name: `${name}: done with ${done.length}`, act: () => done.map(model.remove) },
          { name: `${name}: done with ${done.length}, deletion lost`, act: ignore, fault: true },
        ]);
      release(worker);
    };
    const Records = batch.map((index) => recordOf(events[index] as ModelEvent, index)); // indexes of `events`
    const context = { awsRequestId: `${name}-${life}`, getRemainingTimeInMillis: () => 60_000 } as Context;
    createHandler(gate, model)({ Records } as SQSEvent, context).then(finish);
  };

  const stepsOf = (worker: Worker): readonly Step[] =>
    worker.pending.flatMap((crossing): readonly Step[] => {
      const { port, effect, resolve, reject, failure, refusal } = crossing;
      const step = (what: string, act: () => unknown, ends: boolean, fault?: true): Step => ({
        name: `${worker.name} ${port}: ${what}`,
        act: () => {
          if (ends) release(worker);
          else worker.pending = worker.pending.filter((other) => other !== crossing);
          return act();
        },
        ...(fault && { fault }),
      });
      const done = async () => effect();
      return [
        step('done', () => done().then(resolve, reject), false),
        step('fails', () => reject(failure()), false, true),
        step('done, answer lost', () => done().then(() => reject(failure()), reject), false, true),
        step('dies before', ignore, true, true),
        step('done, then dies', () => done().catch(ignore), true, true),
        ...(refusal === undefined ? [] : [step('refused', () => reject(refusal()), false, true)]),
      ];
    });

  const receiving = (): readonly Step[] => {
    const idle = workers.find(({ inHand }) => inHand.length === 0);
    if (idle === undefined) return [];
    const held = workers.flatMap(({ inHand }) => inHand);
    const waiting = [...events.keys()].filter((index) => !model.isDone(index));
    const groups = [...Map.groupBy(waiting, (index) => events[index]?.entity).values()];
    const free = groups.filter((group) => !group.some((index) => held.includes(index)));
    const batches = fifo ? frontsOf(free) : waiting.filter((index) => !held.includes(index)).map((index) => [index]);
    return batches.map((batch) => ({
      name: `${idle.name} receives ${batch.map((index) => events[index]?.id).join(', ')}`,
      act: () => start(idle, batch),
    }));
  };

  do {
    pick([...workers.flatMap(stepsOf), ...receiving()]);
    await settled();
  } while (workers.some(({ inHand }) => inHand.length > 0) && trace.length < MOST_STEPS);
  return { rest: model.rest(left), trace };
};
