import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { digest } from '../../functions/core/digest.ts';
import { toQueueMessage } from '../../functions/core/envelope.ts';
import { DeliveryError } from '../../functions/core/errors.ts';
import type { OverflowEnd } from '../../functions/core/overflow.ts';
import { createOverflow } from '../../functions/handlers/overflow.ts';
import { createOverflowWork } from '../../functions/handlers/overflow-work.ts';
import { METRICS } from '../../functions/manifest.ts';
import type { Job, Userpilot } from '../../functions/userpilot/client.ts';
import { capturedOutput, memoryJobs, memoryLedger, memorySecret } from '../support/doubles.ts';
import { runDurable } from '../support/durable-runner.ts';

/** A queue of so many sign-ups, and a table; Userpilot as told. */
const worldOf = (waiting: number, userpilot: Partial<Pick<Userpilot, 'bulkIdentifyUsers' | 'job' | 'jobs'>> = {}) => {
  const output = capturedOutput();
  const messages = Array.from({ length: waiting }, (_, user) => {
    const call = { kind: 'identifyUser', user_id: `invented-${user}`, metadata: { email: `${user}@example.com` } } as const;
    const head = { v: 1, source: 'clerk', eventId: `e${user}`, type: 'invented', receivedAt: new Date() } as const;
    return toQueueMessage({ ...head, change: { call, facet: 'profile', occurredAt: new Date() } })?.body ?? '';
  });
  const putOff = new Map<string, number>();
  let lease: string | undefined;
  const { jobs, items } = memoryJobs();
  const done: Job = { job_id: 'bulk:jobs:invented:1', status: 'completed' };
  const work = createOverflowWork({
    backlog: {
      size: async () => messages.length,
      take: async () => messages.splice(0, 10).map((body) => ({ body, receiptHandle: digest(body) })),
      retryIn: async (handles, seconds) => {
        for (const handle of handles) putOff.set(handle, seconds);
      },
    },
    ledger: memoryLedger().ledger,
    jobs,
    runs: {
      async take(_, runId) {
        lease ??= runId;
        return lease === runId ? {} : undefined;
      },
      renew: async (_, runId) => lease === runId,
      finish: async () => {
        lease = undefined;
      },
    },
    userpilot: { bulkIdentifyUsers: async () => done, job: async () => done, jobs: async () => [], ...userpilot },
    apiKey: memorySecret<string | undefined>('invented-key').cache,
    settings: { from: 10 },
    bulkFrom: 30,
    now: () => new Date(),
    ...output,
  });
  const run = () => runDurable<OverflowEnd>(createOverflow({ work: () => work, ...output }), {});
  return { ...output, run, putOff, items, seconds: () => [...new Set(putOff.values())] };
};

describe('an overflow as a durable execution', () => {
  beforeAll(() => LocalDurableTestRunner.setupTestEnvironment({ skipTime: true }));
  afterAll(() => LocalDurableTestRunner.teardownTestEnvironment());

  it('is one step when little waits', async () => {
    const { execution, written } = await worldOf(39).run();
    expect(execution.getResult()).toEqual({ ended: 'not needed' });
    expect(written.names).toEqual(['start']);
  });

  it('sends two thirds of the surplus, puts their messages off until the job is over, and writes nobody down', async () => {
    const { run, putOff, seconds } = worldOf(100);
    const { execution, written } = await run();
    expect(execution.getResult()).toEqual({ ended: 'done', jobs: 1, rows: 60 });
    expect(putOff.size).toBe(60);
    expect(seconds()).toEqual([3 + 180]);
    expect(written.text).not.toMatch(/invented-\d|@example\.com/);
    expect(written.largest).toBeLessThan(1024);
  });

  it.each([
    ['has another job', 'JOB_RUNNING', 'failed'],
    ['refuses the job', 'REFUSED', 'failed'],
  ] as const)('gives everything back when Userpilot %s', async (_, code, state) => {
    let calls = 0;
    const world = worldOf(100, {
      async bulkIdentifyUsers() {
        calls += 1;
        throw new DeliveryError(code);
      },
    });
    const { execution } = await world.run();
    expect(execution.getResult()).toEqual({ ended: 'done', jobs: 0, rows: 0 });
    expect(calls).toBe(1);
    expect(world.putOff.size).toBe(60);
    expect(world.seconds()).toEqual([0]);
    expect([...world.items.values()]).toMatchObject([{ state }]);
    const told = world.parsed().some((line) => METRICS.overflowFailed in line);
    expect(told).toBe(code === 'REFUSED');
  });

  it('takes nothing while Userpilot does not answer', async () => {
    const { run, putOff, items } = worldOf(100, {
      jobs: async () => {
        throw new DeliveryError('UNREACHABLE');
      },
    });
    const { execution } = await run();
    expect(execution.getResult()).toEqual({ ended: 'done', jobs: 0, rows: 0 });
    expect([putOff.size, items.size]).toEqual([0, 0]);
  });
});
