import type { BreakerStore } from '../../functions/core/breaker.ts';
import type { BulkJobs } from '../../functions/core/bulk-job.ts';
import type { ErasureNotes } from '../../functions/core/erasure.ts';
import { DependencyError } from '../../functions/core/errors.ts';
import type { BulkLedger, Ledger } from '../../functions/core/ledger.ts';
import type { LimiterStore } from '../../functions/core/limiter.ts';
import type { Family } from '../../functions/core/pacing.ts';
import { memoryBreakerStore, memoryErasures, memoryJobs, memoryLedger } from '../support/doubles.ts';
import type { Process } from './process.ts';
import type { World } from './world.ts';

/** A deletion that the ledger knows of. Times are epoch milliseconds. */
export interface Tombstone {
  readonly key: string;
  readonly deletedAt: number;
  readonly committedAt: number;
}

/** The one table: each operation is one write or read, at one moment, all or nothing. */
export interface Table {
  /** The table as one process sees it. */
  seenBy(process: Process): {
    readonly ledger: Ledger & BulkLedger;
    readonly jobs: BulkJobs;
    readonly erasures: ErasureNotes;
    readonly limiter: LimiterStore;
    readonly breaker: BreakerStore;
  };
  readonly tombstones: readonly Tombstone[];
}

const failure = () => new DependencyError('TABLE');

/** The conditions are those of functions/aws/limiter.ts. */
const createLimiterItems = (): LimiterStore => {
  const items = new Map<Family, number>();
  const put = (family: Family, tat: number): number => {
    items.set(family, tat);
    return tat;
  };
  return {
    async grow(family, cost, now) {
      const tat = items.get(family);
      return tat !== undefined && tat >= now ? put(family, tat + cost) : undefined;
    },
    async restart(family, start, now) {
      const tat = items.get(family);
      return tat === undefined || tat < now ? put(family, start) : undefined;
    },
    async push(family, tat) {
      const before = items.get(family);
      if (before === undefined || before < tat) put(family, tat);
    },
  };
};

export const createTable = (world: World): Table => {
  const ledger = memoryLedger().ledger;
  const jobs = memoryJobs().jobs;
  const { erasures } = memoryErasures();
  const breaker = memoryBreakerStore().store;
  const limiter = createLimiterItems();
  const tombstones: Tombstone[] = [];
  return {
    tombstones,
    seenBy: ({ cross }) => ({
      jobs: {
        write: (...args) => cross('jobs.write', () => jobs.write(...args), { failure }),
        read: (key) => cross('jobs.read', () => jobs.read(key), { failure }),
      },
      erasures: {
        note: (...args) => cross('erasures.note', () => erasures.note(...args), { failure }),
        hold: (...args) => cross('erasures.hold', () => erasures.hold(...args), { failure }),
      },
      ledger: {
        read: (keys) => cross('ledger.read', () => ledger.read(keys), { failure }),
        mark: (key, mark) => cross('ledger.mark', () => ledger.mark(key, mark), { failure, partly: () => false }),
        begin: (key, claim) => cross('ledger.begin', () => ledger.begin(key, claim), { failure }),
        commit: (key, claim, update, settled) =>
          cross(
            'ledger.commit',
            async () => {
              await ledger.commit(key, claim, update, settled);
              const { deletedAt } = update;
              if (deletedAt !== undefined) tombstones.push({ key, deletedAt, committedAt: world.now() });
            },
            { failure, partly: () => Promise.reject(new DependencyError('OVERTAKEN')) },
          ),
      },
      limiter: {
        grow: (...args) => cross('limiter.write', () => limiter.grow(...args), { failure, partly: () => undefined }),
        restart: (...args) => cross('limiter.write', () => limiter.restart(...args), { failure, partly: () => undefined }),
        push: (...args) => cross('limiter.push', () => limiter.push(...args), { failure, partly: () => undefined }),
      },
      breaker: {
        read: () => cross('breaker.read', () => breaker.read(), { failure }),
        countFailure: () => cross('breaker.write', () => breaker.countFailure(), { failure }),
        open: (...args) => cross('breaker.write', () => breaker.open(...args), { failure, partly: () => false }),
        close: () => cross('breaker.write', () => breaker.close(), { failure }),
      },
    }),
  };
};
