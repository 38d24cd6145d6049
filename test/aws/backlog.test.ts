import { join } from 'node:path';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createBacklog } from '../../functions/aws/backlog.ts';
import { createEventQueue } from '../../functions/aws/queue.ts';
import type { Backlog, EventQueue } from '../../functions/core/ports.ts';
import { clientOptions } from '../../infra/local/engines/aws.ts';
import { type SqsEngine, startSqs } from '../../infra/local/engines/sqs.ts';
import { createFifoQueue } from '../simulator/queue.ts';
import { createWorld } from '../simulator/world.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let folder: ReturnType<typeof temporaryFolder>;
let engine: SqsEngine;
let client: SQSClient;
const NAMES = ['one.fifo', 'two.fifo', 'three.fifo', 'four.fifo'];

beforeAll(async () => {
  folder = temporaryFolder();
  const attributes = { FifoQueue: 'true', VisibilityTimeout: '360' };
  engine = await startSqs({ folder: join(folder.path, 'queue'), queues: NAMES.map((name) => ({ name, attributes })) });
  client = new SQSClient({ ...clientOptions(engine.url), maxAttempts: 1 });
});
afterAll(async () => {
  client.destroy();
  await engine.close();
  folder.remove();
});

/** The simulator's queue behind the same two ports; test/simulator/overflow-runs.ts does it so. */
const inMemory = () => {
  const queue = createFifoQueue({ world: createWorld(1), onReady: () => undefined });
  const retryIn = async (handles: readonly string[], seconds: number) => {
    for (const handle of handles) queue.retryIn(handle, seconds * 1000);
  };
  const backlog: Backlog = {
    retryIn,
    size: async () => queue.figures.sizes().waiting,
    take: async (seconds) => queue.receive(10, 10, seconds * 1000).map(({ body, handle }) => ({ body, receiptHandle: handle })),
  };
  const events: EventQueue = { send: async (messages) => queue.send(messages), retryIn };
  return { backlog, events };
};
let used = 0;
const onSqs = () => {
  const url = engine.queueUrl(NAMES[used] ?? '');
  used += 1;
  return { backlog: createBacklog(client, url), events: createEventQueue(client, url) };
};

const message = (group: number, body: string) => ({ body, groupId: `g${group}`, deduplicationId: `${group}-${body}` });
const all = async (backlog: Backlog) => {
  const taken = [];
  for (let batch = await backlog.take(600); batch.length > 0; batch = await backlog.take(600)) taken.push(...batch);
  return taken;
};

describe.each([
  ['SQS', onSqs],
  ['the simulator', inMemory],
] as const)('the backlog in %s', (_, create) => {
  let backlog: Backlog;
  let events: EventQueue;
  beforeEach(() => {
    ({ backlog, events } = create());
  });

  it('is as large as what waits, and is taken ten at a time until nothing is left', async () => {
    await events.send(Array.from({ length: 24 }, (_, index) => message(index, 'a')));
    expect(await backlog.size()).toBe(24);
    expect((await backlog.take(600)).length).toBeLessThanOrEqual(10);
    await all(backlog);
    expect(await backlog.size()).toBe(0);
    expect(await backlog.take(600)).toEqual([]);
  });

  it("gives an entity's messages in their order, and nobody more of it meanwhile", async () => {
    await events.send(['a', 'b', 'c'].map((body) => message(1, body)));
    const taken = await all(backlog);
    expect(taken.map(({ body }) => body)).toEqual(['a', 'b', 'c'].slice(0, taken.length));
    await events.send([message(1, 'd')]);
    expect(await backlog.take(600)).toEqual([]);
  });
});

describe('what was taken from SQS', () => {
  it('is seen again at once when it is put off by nothing', async () => {
    const { backlog, events } = onSqs();
    await events.send(Array.from({ length: 12 }, (_, index) => message(index, 'a')));
    const taken = await all(backlog);
    await backlog.retryIn(
      taken.map(({ receiptHandle }) => receiptHandle),
      0,
    );
    expect(await all(backlog)).toHaveLength(12);
  });

  it('is a failure of ours when the queue does not answer', async () => {
    const backlog = createBacklog(client, `${engine.url}/000000000000/no-such.fifo`);
    await expect(backlog.size()).rejects.toMatchObject({ name: 'DependencyError', code: 'QUEUE' });
    await expect(backlog.take(1)).rejects.toMatchObject({ name: 'DependencyError', code: 'QUEUE' });
  });
});
