import type { Context, SQSEvent, SQSRecord } from 'aws-lambda';
import { DependencyError } from '../../functions/core/errors.ts';
import type { BulkLedger, Ledger } from '../../functions/core/ledger.ts';
import { DeletionSettings, RetrySettings } from '../../functions/core/settings.ts';
import { createDeliver } from '../../functions/handlers/deliver.ts';
import { createErase } from '../../functions/handlers/erase.ts';
import type { Userpilot } from '../../functions/userpilot/client.ts';
import { toDelete } from '../../infra/local/batch-answer.ts';
import { freeLimiter, memoryErasures, memoryJobs, memoryLedger, memorySecret, silentOutput } from '../support/doubles.ts';
import type { Choose } from './explore.ts';
import { EPOCH, type ModelEvent, recordOf } from './ordering-state.ts';

/** What happened, and what is wrong in the end. */
export interface ErasureEpisode {
  readonly violations: readonly string[];
  readonly trace: readonly string[];
}

export interface ErasureOptions {
  /** Of one user, in the order of the queue. */
  readonly events: readonly ModelEvent[];
  /** How many of them have been dealt with before the night begins. */
  readonly before: number;
  /** How many crossings may fail or kill. */
  readonly faults: number;
  /** How often deliver is started at most while the nightly run goes on. */
  readonly starts: number;
}

interface Pending {
  readonly name: string;
  readonly effect: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}
interface Worker {
  readonly name: 'deliver' | 'erase';
  pending: readonly Pending[];
  isBusy: boolean;
  /** A new one after each death: whatever the old process waits for never comes. */
  life: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** 01:30 UTC of the first night after the events were received. */
const NIGHT = Math.floor(EPOCH / DAY_MS + 1) * DAY_MS + 1.5 * HOUR_MS;
const USER = 'a';
const RETRY = RetrySettings.parse({});
const DELETIONS = DeletionSettings.parse({ mode: 'erase', holdBackDays: 0 });

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Each event in a webhook of its own: what is asked for twice can be told apart. */
const received = ({ body, ...record }: SQSRecord, index: number): SQSRecord => {
  const receivedAt = new Date(EPOCH + index);
  return { ...record, body: JSON.stringify({ ...JSON.parse(body), receivedAt }) };
};

/**
 * The real deliver and erase functions on one user, both at work at 01:30; then Userpilot's run at 02:00, then everything that is
 * left, and two more nights without faults. Userpilot is as it is documented: a deletion is carried out at 02:00, and what an
 * identify before that does nobody knows, so that it counts as a violation.
 */
export const runErasureEpisode = async (
  { events, before, faults, starts: mostStarts }: ErasureOptions,
  choose: Choose,
): Promise<ErasureEpisode> => {
  const { ledger, items } = memoryLedger();
  const { erasures } = memoryErasures();
  const { log, metrics } = silentOutput();
  const jobs = memoryJobs().jobs;
  const violations: string[] = [];
  const trace: string[] = [];
  const waiting = [...events.keys()];
  const workers: readonly [Worker, Worker] = [
    { name: 'deliver', pending: [], isBusy: false, life: 0 },
    { name: 'erase', pending: [], isBusy: false, life: 0 },
  ];
  const [delivering, erasing] = workers;
  let clock = NIGHT - 12 * HOUR_MS;
  let left = 0;
  let isThere = true;
  let isToBeDeleted = false;
  let starts = 0;
  let hasErased = false;

  const now = () => new Date(clock);
  const gateOf = ({ life: started, ...self }: Worker, worker: Worker) => {
    const gate = <T>(port: string, effect: () => T | Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        if (worker.life !== started) return;
        // The effect's own value comes back, so it has the type that is waited for.
        const pending = { name: `${self.name} ${port}`, effect, resolve: (value: unknown) => resolve(value as T), reject };
        worker.pending = [...worker.pending, pending];
      });
    return gate;
  };
  const shared = {
    jobs,
    limiter: freeLimiter().limiter,
    apiKey: memorySecret<string | undefined>('invented-key').cache,
    deletions: DELETIONS,
    log,
    metrics,
    now,
  };
  const context = { awsRequestId: 'model', getRemainingTimeInMillis: () => 60_000 } as Context;
  const end = (worker: Worker) => {
    worker.isBusy = false;
    worker.pending = [];
    worker.life += 1;
  };

  const deliver = (batch: readonly number[]) => {
    const gate = gateOf(delivering, delivering);
    const { life } = delivering;
    delivering.isBusy = true;
    starts -= 1;
    const identify: Userpilot['identify'] = () =>
      gate('identify', () => {
        if (isToBeDeleted) violations.push('identified while a deletion was under way');
        isThere = true;
      });
    const own: Ledger = {
      begin: (...args) => gate('begin', () => ledger.begin(...args)),
      commit: (...args) => gate('commit', () => ledger.commit(...args)),
    };
    const handler = createDeliver({
      ...shared,
      ledger: own,
      erasures: {
        note: (...args) => gate('note', () => erasures.note(...args)),
        hold: (...args) => gate('hold', () => erasures.hold(...args)),
      },
      breaker: { pass: async () => 'all', succeeded: async () => undefined, failed: async () => undefined },
      userpilot: { identify } as Userpilot, // deliver uses nothing else of it
      queue: { send: async () => undefined, retryIn: async () => undefined },
      rejected: { park: async () => undefined },
      retry: RETRY,
      random: () => 0.5,
    });
    const Records = batch.map((index) => received(recordOf(events[index] as ModelEvent, index), index)); // indexes of `events`
    const ids = batch.map((index) => `m${index}`);
    void handler({ Records } as SQSEvent, context).then((answer) => {
      if (delivering.life !== life) return;
      const done = toDelete(answer, ids);
      for (const index of batch) if (done.includes(`m${index}`)) waiting.splice(waiting.indexOf(index), 1);
      end(delivering);
    });
  };

  const erase = () => {
    const gate = gateOf(erasing, erasing);
    const { life } = erasing;
    hasErased = true;
    const read: BulkLedger['read'] = (keys) => gate('read', () => ledger.read(keys));
    const handler = createErase({
      ...shared,
      ledger: { read },
      erasures: {
        ...erasures,
        claim: (...args) => gate('claim', () => erasures.claim(...args)),
        conclude: (...args) => gate('conclude', () => erasures.conclude(...args)),
      },
      userpilot: {
        deleteUsers: () =>
          gate('delete', () => {
            isToBeDeleted = true;
          }),
        deleteCompanies: async () => undefined,
      },
    });
    const over = () => void (erasing.life === life && end(erasing));
    void handler({}, context).then(over, over);
  };

  /** One thing that may happen; false when nothing can. */
  const step = async (mayErase: boolean): Promise<boolean> => {
    const options: (readonly [string, () => unknown])[] = [];
    for (const worker of workers) {
      for (const crossing of worker.pending) {
        const { name, effect, resolve, reject } = crossing;
        const take = (act: () => unknown) => {
          worker.pending = worker.pending.filter((other) => other !== crossing);
          return act();
        };
        const fault = (act: () => unknown) => () => {
          left -= 1;
          return act();
        };
        const done = async () => effect();
        options.push([`${name}: done`, () => take(() => done().then(resolve, reject))]);
        if (left === 0) continue;
        options.push(
          [`${name}: fails`, fault(() => take(() => reject(new DependencyError('TABLE'))))],
          [`${name}: dies before`, fault(() => end(worker))],
          [
            `${name}: done, then dies`,
            fault(() =>
              done()
                .catch(() => undefined)
                .finally(() => end(worker)),
            ),
          ],
        );
      }
    }
    if (!delivering.isBusy && waiting.length > 0 && starts > 0) {
      for (let size = 1; size <= waiting.length; size += 1) {
        const batch = waiting.slice(0, size);
        options.push([`deliver takes ${batch.join()}`, () => deliver(batch)]);
      }
    }
    if (mayErase) options.push(['erase starts', erase]);
    const chosen = options[options.length > 1 ? choose(options.length) : 0];
    if (chosen === undefined) return false;
    trace.push(chosen[0]);
    await chosen[1]();
    await settled();
    return true;
  };
  /** Without faults and choices, until nothing is left to do. */
  const drain = async (act: () => void) => {
    act();
    await settled();
    for (let worker = workers.find(({ pending }) => pending.length > 0); worker !== undefined; ) {
      const [crossing] = worker.pending;
      if (crossing === undefined) break;
      worker.pending = worker.pending.slice(1);
      await Promise.resolve(crossing.effect()).then(crossing.resolve, crossing.reject);
      await settled();
      worker = workers.find(({ pending }) => pending.length > 0);
    }
  };
  const nightlyRun = () => {
    if (isToBeDeleted) isThere = false;
    isToBeDeleted = false;
  };

  // The evening before.
  if (before > 0) await drain(() => deliver(waiting.slice(0, before)));
  // The night.
  clock = NIGHT;
  left = faults;
  starts = mostStarts;
  while (await step(!hasErased)) {
    // Until both have nothing left to do.
  }
  for (const worker of workers) end(worker);
  for (let night = 0; night < 3; night += 1) {
    clock = NIGHT + night * DAY_MS + HOUR_MS / 2;
    nightlyRun();
    clock += 2 * HOUR_MS;
    if (waiting.length > 0) await drain(() => deliver([...waiting]));
    clock = NIGHT + (night + 1) * DAY_MS;
    await drain(erase);
  }
  nightlyRun();

  const { deletedAt = -1, createdAt = -1 } = [...items.values()][0] ?? {};
  const isAlive = deletedAt < 0 || createdAt > deletedAt;
  if (waiting.length > 0) violations.push(`${waiting.length} messages are left`);
  if (isThere !== isAlive) violations.push(isAlive ? `${USER} came back and was erased` : `${USER} is dead and was not erased`);
  return { violations, trace };
};
