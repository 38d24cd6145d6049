import type { RejectedEvent } from '../../functions/core/envelope.ts';
import { API_KEY_SECRET, createDeliverWorker } from './deliver-worker.ts';
import { createJudge, type Judge } from './judge.ts';
import { createMapping } from './mapping.ts';
import { type Crossing, createProcess, type Fate, type Process } from './process.ts';
import { createFifoQueue, type FifoQueue } from './queue.ts';
import { createTable, type Table } from './table.ts';
import { createVault, type Vault } from './vault.ts';
import type { Calling, Reaction } from './wire.ts';
import type { World } from './world.ts';

/** How a run goes wherever it could go one way or another. */
export interface Plan {
  readonly fateOf: (crossing: Crossing) => Fate;
  readonly react: (call: Calling) => Reaction | undefined;
  /** Milliseconds from our socket to Userpilot and back, each way. */
  readonly wayMs: () => number;
  /** Milliseconds that the clock of a new process is ahead. */
  readonly skewMs: (process: string) => number;
  /** Whether Lambda's deletion of a message gets through. */
  readonly deletes: () => boolean;
  /** Whether an idle environment is used again. */
  readonly keeps: () => boolean;
  readonly mostOfAGroup: () => number;
  readonly visibilityMs?: number;
  readonly maxReceiveCount?: number;
}

/** All that stands around our functions in one run. */
export interface Stage {
  readonly world: World;
  readonly plan: Plan;
  readonly queue: FifoQueue;
  readonly rejected: RejectedEvent[];
  readonly table: Table;
  readonly vault: Vault;
  readonly judge: Judge;
  /** What the breaker reported, in order. */
  readonly events: string[];
  createProcess(name: string): Process;
  readonly invocations: () => number;
}

/** Userpilot's key, and what the senders sign with, when a run begins. */
export const FIRST_KEY = 'invented-key-1';

export const createStage = (world: World, plan: Plan): Stage => {
  let processes = 0;
  const { visibilityMs, maxReceiveCount } = plan;
  const queue = createFifoQueue({
    world,
    onReady: () => mapping.wake(),
    ...(visibilityMs === undefined ? {} : { visibilityMs }),
    ...(maxReceiveCount === undefined ? {} : { maxReceiveCount }),
  });
  const judge = createJudge(world);
  const vault = createVault(world);
  judge.accept([FIRST_KEY]);
  vault.put(API_KEY_SECRET, { apiKey: FIRST_KEY });
  const stage: Stage = {
    world,
    plan,
    queue,
    rejected: [],
    table: createTable(world),
    vault,
    judge,
    events: [],
    createProcess(name) {
      processes += 1;
      return createProcess({ name: `${name}-${processes}`, world, skewMs: plan.skewMs(name), fateOf: plan.fateOf });
    },
    invocations: () => mapping.invocations(),
  };
  const mapping = createMapping({
    world,
    queue: () => queue,
    createWorker: () => createDeliverWorker(stage.createProcess('deliver'), stage),
    mostOfAGroup: plan.mostOfAGroup,
    deletes: plan.deletes,
    keeps: plan.keeps,
  });
  return stage;
};
