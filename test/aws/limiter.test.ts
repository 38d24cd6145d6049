import { setImmediate as turn } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLimiterStore } from '../../functions/aws/limiter.ts';
import { createLimiter } from '../../functions/core/limiter.ts';
import { PACES } from '../../functions/core/pacing.ts';
import type { Limiter } from '../../functions/core/ports.ts';
import { startTestDynamo, TABLE } from '../support/dynamo.ts';

const NEVER = Number.POSITIVE_INFINITY;
/** Each test begins an hour after the one before, so that they do not share permits. */
let start = 1_800_000_000_000;
let clock: number;
let dynamo: Awaited<ReturnType<typeof startTestDynamo>>;
beforeAll(async () => {
  dynamo = await startTestDynamo();
});
afterAll(() => dynamo.close());
beforeEach(() => {
  start += 3_600_000;
  clock = start;
});

/** Waiting moves the clock, so the moments at which permits are used can be read off. */
const limiterWith = (skewMs = 0): Limiter =>
  createLimiter({
    store: createLimiterStore(dynamo.client, TABLE),
    turn: () => turn(),
    now: () => new Date(clock + skewMs),
    sleep: async (milliseconds) => {
      clock = Math.max(clock, clock + milliseconds);
    },
  });
/** One after the other, each at once after the one before. */
const take = async (limiter: Limiter, count: number): Promise<readonly number[]> => {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    await limiter.take('identify', NEVER);
    times.push(clock - start);
  }
  return times;
};
const maxInMinute = (times: readonly number[]): number =>
  Math.max(...times.map((time) => times.filter((other) => other >= time && other < time + 60_000).length));

describe('limiter', () => {
  it('gives a burst of 10, then 9 a second', async () => {
    const times = await take(limiterWith(), 100);
    expect(times.filter((time) => time === 0)).toHaveLength(10);
    expect(Math.abs((times.at(-1) ?? 0) - 90 * PACES.identify.intervalMs)).toBeLessThan(5);
  });
  it('stays below 600 in every minute and above 520, with two workers whose clocks are 4 s apart', async () => {
    const times: number[] = [];
    // Each asks for a batch of ten, uses each permit when it comes, and asks again 100 ms after the last.
    const worker = (skewMs: number) => {
      const state = { readyAt: start };
      const waits: number[] = [];
      const sleep = async (milliseconds: number) => void waits.push(milliseconds);
      const limiter = createLimiter({
        store: createLimiterStore(dynamo.client, TABLE),
        turn: () => turn(),
        now: () => new Date(state.readyAt + skewMs),
        sleep,
      });
      const batch = async () => {
        waits.length = 0;
        await Promise.all(Array.from({ length: 10 }, () => limiter.take('identify', NEVER)));
        const used = Array.from({ length: 10 }, (_, index) => state.readyAt + (waits[index - (10 - waits.length)] ?? 0));
        times.push(...used.map((time) => time - start));
        state.readyAt = Math.max(...used) + 100;
      };
      return { state, batch };
    };
    const workers = [worker(2000), worker(-2000)];
    while (times.length < 1500) {
      const next = workers.reduce((first, other) => (other.state.readyAt < first.state.readyAt ? other : first));
      await next.batch();
    }
    times.sort((a, b) => a - b);
    expect(maxInMinute(times)).toBeLessThanOrEqual(600);
    expect((times.length / (times.at(-1) ?? 0)) * 60_000).toBeGreaterThan(520);
  });
  it('reserves for all that ask at the same time by one write', async () => {
    let writes = 0;
    const count = (next: (args: unknown) => Promise<unknown>) => (args: unknown) => {
      writes += 1;
      return next(args);
    };
    dynamo.client.middlewareStack.add(count as never, { step: 'initialize', name: 'count-writes' });
    const limiter = limiterWith();
    await limiter.take('identify', NEVER);
    writes = 0;
    await Promise.all(Array.from({ length: 10 }, () => limiter.take('identify', NEVER)));
    dynamo.client.middlewareStack.remove('count-writes');
    expect(writes).toBe(1);
  });
  it('lets nobody through before the moment that a 429 named, the burst included', async () => {
    const limiter = limiterWith();
    await limiter.pushBack('identify', 8);
    expect(await take(limiterWith(), 1)).toEqual([expect.closeTo(8000, 0)]);
  });
  it('never pulls the next permit forward', async () => {
    const limiter = limiterWith();
    await limiter.pushBack('identify', 8);
    await limiter.pushBack('identify', 1);
    expect(await take(limiter, 1)).toEqual([expect.closeTo(8000, 0)]);
  });
  it('lets backfill have what live traffic leaves, and nothing while a live backlog stands', async () => {
    const limiter = limiterWith();
    const backfill = async (count: number) => {
      const times: number[] = [];
      for (let index = 0; index < count; index += 1) {
        await limiter.take('identify', NEVER, 'backfill');
        times.push(clock - start);
      }
      return times;
    };
    // Alone it runs at the full pace, without a burst.
    const alone = await backfill(10);
    expect(alone[0]).toBe(0);
    expect(Math.abs((alone[9] ?? 0) - 9 * PACES.identify.intervalMs)).toBeLessThan(20);
    // Behind 30 live calls, asked for at once, it waits until the last of them had its turn.
    await Promise.all(Array.from({ length: 30 }, () => limiterWith().take('identify', NEVER)));
    const before = clock;
    await limiter.take('identify', NEVER, 'backfill');
    expect(clock).toBeGreaterThanOrEqual(before);
    clock = start + 1_000_000;
    await Promise.all(Array.from({ length: 20 }, () => limiter.take('identify', NEVER)));
    clock = start + 1_000_000;
    await expect(limiter.take('identify', clock + 1000, 'backfill')).rejects.toMatchObject({ name: 'OutOfTime' });
    // A live call gets its permit all the same.
    await limiter.take('identify', NEVER);
  });
  it('gives each family an allowance of its own', async () => {
    await limiterWith().pushBack('identify', 60);
    await limiterWith().take('track', NEVER);
    expect(clock).toBe(start);
  });
  it('throws instead of waiting past the deadline', async () => {
    const limiter = limiterWith();
    await limiter.pushBack('identify', 30);
    await expect(limiter.take('identify', start + 20_000)).rejects.toMatchObject({ name: 'OutOfTime' });
    expect(clock).toBe(start);
  });
  it('gives no permit when the table cannot be reached', async () => {
    const client = new DynamoDBClient({
      endpoint: 'http://127.0.0.1:9',
      region: 'us-east-1',
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
      maxAttempts: 1,
    });
    const limiter = createLimiter({
      store: createLimiterStore(client, TABLE),
      turn: () => turn(),
      now: () => new Date(clock),
      sleep: async () => undefined,
    });
    await expect(limiter.take('identify', NEVER)).rejects.toMatchObject({ name: 'DependencyError', code: 'TABLE' });
    client.destroy();
  });
});
