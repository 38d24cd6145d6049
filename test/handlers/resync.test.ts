import { withDurableExecution } from '@aws/durable-execution-sdk-js';
import { LocalDurableTestRunner, type TestResult } from '@aws/durable-execution-sdk-js-testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DependencyError, Overtaken } from '../../functions/core/errors.ts';
import { type ChunkOrder, HAND_OVER_AT, NO_COUNTS, type ResyncEnd, type ResyncWork } from '../../functions/core/resync.ts';
import { createResync } from '../../functions/handlers/resync.ts';
import { METRICS } from '../../functions/manifest.ts';
import { createResyncWorld, type WorldOptions } from '../simulator/resync-world.ts';
import { capturedOutput } from '../support/doubles.ts';
import { DURABLE_LIMITS, runDurable, type Written } from '../support/durable-runner.ts';

const run = async (work: ResyncWork, payload: unknown = { runId: 'r1' }, output = capturedOutput()) => {
  const durable = createResync({ source: 'clerk', work: () => work, log: output.log, metrics: output.metrics });
  return { ...(await runDurable<ResyncEnd>(durable, payload)), ...output };
};

const ofType = (execution: TestResult, type: string) =>
  execution.getOperations().filter((operation) => operation.getType() === type);
const waitsOf = (execution: TestResult) => ofType(execution, 'WAIT').map((wait) => wait.getWaitDetails()?.waitSeconds ?? 0);
const delaysOf = (execution: TestResult) =>
  execution.getHistoryEvents().flatMap((event) => event.StepFailedDetails?.RetryDetails?.NextAttemptDelaySeconds ?? []);

const expectWithinLimits = ({ names, operations, bytes, largest }: Written) => {
  expect(new Set(names).size).toBe(names.length);
  expect(operations).toBeLessThan(DURABLE_LIMITS.operations);
  expect(bytes).toBeLessThan(DURABLE_LIMITS.bytes);
  expect(largest).toBeLessThan(DURABLE_LIMITS.payloadBytes / 64);
};

/** The real work, whose clock goes on by ten minutes before each look at a job. */
const worldOf = (options: Partial<WorldOptions> = {}) => {
  const states = new Map<string, number>();
  const world = createResyncWorld({
    people: 47,
    pageSize: 5,
    maxRows: 15,
    bulkFrom: 3,
    onUser: (id, state) => states.set(id, state),
    ...options,
  });
  const work: ResyncWork = {
    ...world.work,
    poll(...looked) {
      world.pass(600);
      return world.work.poll(...looked);
    },
  };
  return { world, states, work };
};
const everybody = Object.fromEntries(Array.from({ length: 47 }, (_, index) => [`u${index}`, 1]));

/** Pages without a user to send. */
const listing = (pages: number): ResyncWork => ({
  start: async () => ({ startedAt: '2026-11-23T03:00:00.000Z' }),
  chunk: async (_, { state: { chunk } }) => ({
    kind: 'done',
    counts: { ...NO_COUNTS, pages: 1 },
    ...(chunk + 1 < pages && { next: `page-${chunk + 1}` }),
  }),
  poll: async () => 'completed',
  finish: async () => undefined,
});

const failing = (times: number, error: () => unknown, work: ResyncWork) => {
  let calls = 0;
  const failed: ResyncWork = {
    ...work,
    async chunk(runId, order) {
      calls += 1;
      if (calls <= times) throw error();
      return work.chunk(runId, order);
    },
  };
  return { work: failed, calls: () => calls };
};

describe('a resync as a durable execution', () => {
  beforeAll(() => LocalDurableTestRunner.setupTestEnvironment({ skipTime: true }));
  afterAll(() => LocalDurableTestRunner.teardownTestEnvironment());

  it('brings everybody over, replayed after each wait, inside the limits', async () => {
    const { world, states, work } = worldOf({
      people: 4700,
      pageSize: 500,
      maxRows: 1500,
      bulkFrom: 300,
      jobEnds: (job) => (job === 2 ? 'failed' : 'completed'),
    });
    const { execution, written, parsed } = await run(work);
    expect(execution.getResult()).toMatchObject({ ended: 'done', counts: { listed: 4700, bulk: 4500, live: 200, jobs: 3 } });
    expect(states.size).toBe(4700);
    expect(world.figures).toMatchObject({ jobs: 4, overlapping: 0 });
    expect(waitsOf(execution)).toEqual([75, 75, 75, 75]);
    expect(written.invocations).toBe(1 + 4);
    expectWithinLimits(written);
    expect(parsed().filter(({ level }) => level === 'ERROR')).toEqual([]);
  });

  it('writes down cursors, counts and ids of jobs, and nobody', async () => {
    const { work } = worldOf();
    const { written } = await run(work);
    expect(written.text).toContain('bulk:jobs:fake:1');
    expect(written.text).not.toMatch(/@example\.com|\bu\d+\b/);
  });

  it('would be found out if its steps changed from one replay to the next', async () => {
    let invocation = 0;
    const restless = withDurableExecution(async (_, context) => {
      invocation += 1;
      await context.step(`step ${invocation}`, async () => undefined);
      await context.wait('a minute', { seconds: 60 });
    });
    const { execution } = await runDurable(restless, {});
    expect(execution.getError().errorMessage).toContain('Non-deterministic execution detected');
  });

  it('tries a step that failed again, later and later, and keeps of the error its class and code', async () => {
    const output = capturedOutput();
    const { states, work } = worldOf();
    const unreachable = () => {
      output.metrics.add(METRICS.secretUnavailable);
      return new DependencyError('TABLE', { cause: new Error('canary of ada@example.com') });
    };
    const { execution, written, lines, parsed } = await run(failing(2, unreachable, work).work, { runId: 'r1' }, output);
    expect(execution.getResult()).toMatchObject({ ended: 'done' });
    expect(Object.fromEntries(states)).toEqual(everybody);
    expect(delaysOf(execution)).toEqual([15, 30]);
    const warnings = parsed().filter(({ level }) => level === 'WARN');
    expect(warnings).toMatchObject([
      { source: 'clerk', attempt: 1, error: { name: 'DependencyError', code: 'TABLE' } },
      { source: 'clerk', attempt: 2, error: { name: 'DependencyError', code: 'TABLE' } },
    ]);
    // Counted when it happened, in an invocation that ended with the step.
    expect(parsed().filter((line) => METRICS.secretUnavailable in line)).toHaveLength(2);
    expect(written.text).toContain('"ErrorMessage":"TABLE"');
    expect(written.text + lines.join()).not.toMatch(/canary|ada@example/);
  });

  it('gives up after fifty tries, and says so', async () => {
    const { work, calls } = failing(1000, () => new DependencyError('TABLE'), listing(1));
    const { execution, written, parsed } = await run(work);
    expect(execution.getError()).toMatchObject({ errorType: 'StepError', errorMessage: 'TABLE' });
    expect(calls()).toBe(50);
    expect(delaysOf(execution).slice(0, 8)).toEqual([15, 30, 60, 120, 240, 480, 900, 900]);
    expect(written.operations).toBeGreaterThanOrEqual(50);
    expect(parsed()).toContainEqual(expect.objectContaining({ source: 'clerk', [METRICS.resyncFailed]: [1] }));
  });

  it('stops when another run has taken over', async () => {
    const { work, calls } = failing(1, () => new Overtaken(), listing(3));
    const { execution, parsed } = await run(work);
    expect(execution.getStatus()).toBe('FAILED');
    expect(calls()).toBe(1);
    expect(parsed()).toContainEqual(expect.objectContaining({ [METRICS.resyncFailed]: [1] }));
  });

  it('does nothing while another run of the source is under way', async () => {
    const { world, work } = worldOf();
    await world.work.start('another', { full: true });
    const { execution, written } = await run(work);
    expect(execution.getResult()).toEqual({ ended: 'already running' });
    expect(written.names).toEqual(['start']);
  });

  it('takes its name from the execution when it is given none, the same in each replay', async () => {
    const { world, states, work } = worldOf();
    const { written } = await run(work, {});
    expect(Object.fromEntries(states)).toEqual(everybody);
    expect(world.figures.overlapping).toBe(0);
    const runs = written.names.flatMap((name) => /^chunk ([0-9a-f]{16})\./.exec(name)?.[1] ?? []);
    expect(new Set(runs).size).toBe(1);
  });

  it('ends at once where the stage lacks a setting, and names it', async () => {
    const { log, metrics, parsed } = capturedOutput();
    const work = () => {
      throw new Error('keycloak: the settings lack "api"');
    };
    const { execution, written } = await runDurable(createResync({ source: 'keycloak', work, log, metrics }), {});
    expect(execution.getError().errorMessage).toContain('the settings lack "api"');
    expect(written.names).toEqual([]);
    expect(parsed()).toContainEqual(expect.objectContaining({ [METRICS.resyncFailed]: [1] }));
  });

  it('refuses an input that it does not understand', async () => {
    const { execution, parsed } = await run(listing(1), { runId: 'r1', ful: true });
    expect(execution.getStatus()).toBe('FAILED');
    expect(parsed()).toContainEqual(expect.objectContaining({ [METRICS.resyncFailed]: [1] }));
  });
});

describe('a resync near the limits of one execution', () => {
  // Nothing waits here, and real timers are six times as fast as skipped ones.
  beforeAll(() => LocalDurableTestRunner.setupTestEnvironment());
  afterAll(() => LocalDurableTestRunner.teardownTestEnvironment());

  it('hands over to a successor, started through the alias, which goes on where it was', async () => {
    const pages = HAND_OVER_AT + 10;
    const work = listing(pages);
    const orders: (ChunkOrder & { readonly runId: string })[] = [];
    const watched: ResyncWork = {
      ...work,
      chunk(runId, order) {
        orders.push({ runId, ...order });
        return work.chunk(runId, order);
      },
    };
    const { execution, written, successors } = await run(watched);
    expect(execution.getResult()).toMatchObject({ ended: 'done', counts: { pages } });
    expect(orders.map(({ state }) => state.chunk)).toEqual(Array.from({ length: pages }, (_, index) => index));
    expect(new Set(orders.map(({ runId }) => runId))).toEqual(new Set(['r1']));
    expect(new Set(orders.map(({ job }) => job)).size).toBe(pages);
    expect(written.names.at(-1)).toBe('successor');
    expectWithinLimits(written);
    expect(successors).toHaveLength(1);
    expect(successors[0]?.names).not.toContain('start');
  }, 120_000);
});
