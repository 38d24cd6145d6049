import { join } from 'node:path';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { toDelete } from '../../../infra/local/batch-answer.ts';
import { clientOptions } from '../../../infra/local/engines/aws.ts';
import { queueArn, type SqsEngine, startSqs } from '../../../infra/local/engines/sqs.ts';
import { type EventSourceMapping, startEventSourceMapping } from '../../../infra/local/event-source-mapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';

let folder: ReturnType<typeof temporaryFolder>;
let engine: SqsEngine;
let client: SQSClient;
let mapping: EventSourceMapping | undefined;
let failures: unknown[];
let hiccups: unknown[];

const open = async () => {
  const queues = [{ name: 'events.fifo', attributes: { FifoQueue: 'true', VisibilityTimeout: '360' } }];
  engine = await startSqs({ folder: join(folder.path, 'queue'), queues });
  client = new SQSClient({ ...clientOptions(engine.url), maxAttempts: 1 });
};
beforeEach(async () => {
  folder = temporaryFolder();
  failures = [];
  hiccups = [];
  mapping = undefined;
  await open();
});
afterEach(async () => {
  await mapping?.stop();
  client.destroy();
  await engine.close();
  folder.remove();
});

type Handler = (records: readonly SQSRecord[]) => unknown;
const map = (handler: Handler, { concurrency = 1 } = {}) => {
  mapping = startEventSourceMapping({
    client,
    queueUrl: engine.queueUrl('events.fifo'),
    queueArn: queueArn('events.fifo'),
    invoke: async (event) => handler((event as SQSEvent).Records),
    batchSize: 10,
    concurrency,
    onFailure: (error) => failures.push(error),
    onHiccup: (error) => hiccups.push(error),
    pauseMs: 5,
  });
};
let sent = 0;
const send = async (body: string, group = 'ada') => {
  sent += 1;
  const QueueUrl = engine.queueUrl('events.fifo');
  const attributes = { kind: { DataType: 'String', StringValue: 'test' } };
  await client.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody: body,
      MessageGroupId: group,
      MessageDeduplicationId: `${sent}`,
      MessageAttributes: attributes,
    }),
  );
};
const counts = async () => {
  const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const command = new GetQueueAttributesCommand({ QueueUrl: engine.queueUrl('events.fifo'), AttributeNames: [...names] });
  const { Attributes } = await client.send(command);
  return names.map((name) => Number(Attributes?.[name]));
};
const left = async () => (await counts()).reduce((sum, count) => sum + count, 0);
const leaves = (count: number) => until(async () => (await left()) === count, { description: `${count} messages left` });

describe('a record', () => {
  it('has what Lambda puts into it', async () => {
    await send('hello');
    const records: SQSRecord[] = [];
    map((batch) => void records.push(...batch));
    await leaves(0);
    expect(records).toEqual([
      {
        messageId: expect.any(String),
        receiptHandle: expect.any(String),
        body: 'hello',
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: expect.stringMatching(/^\d{13}$/),
          SenderId: expect.any(String),
          ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
          SequenceNumber: expect.stringMatching(/^\d{20}$/),
          MessageGroupId: 'ada',
          MessageDeduplicationId: `${sent}`,
        },
        messageAttributes: { kind: { stringValue: 'test', stringListValues: [], binaryListValues: [], dataType: 'String' } },
        md5OfBody: '5d41402abc4b2a76b9719d911017c592',
        md5OfMessageAttributes: expect.stringMatching(/^[\da-f]{32}$/),
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:events.fifo',
        awsRegion: 'us-east-1',
      },
    ]);
  });
});

describe('what is deleted by the answer of the function', () => {
  const all = ['a', 'b', 'c'];
  const failed = (...ids: unknown[]) => ({ batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) });
  it.each<readonly [string, unknown, readonly string[]]>([
    ['null', null, all],
    ['nothing', undefined, all],
    ['an empty object', {}, all],
    ['an empty list', failed(), all],
    ['no list', { batchItemFailures: null }, all],
    ['some identifiers', failed('b'), ['a', 'c']],
    ['an identifier twice', failed('b', 'b'), ['a', 'c']],
    ['all identifiers', failed('a', 'b', 'c'), []],
    ['an unknown identifier', failed('b', 'x'), []],
    ['an empty identifier', failed(''), []],
    ['no identifier', failed(null), []],
    ['another name for it', { batchItemFailures: [{ identifier: 'b' }] }, []],
    ['a list of texts', { batchItemFailures: ['b'] }, []],
    ['a text for a list', { batchItemFailures: 'b' }, []],
    ['a text', 'done', []],
    ['a list', [], []],
  ])('%s', (_, answer, expected) => {
    expect(toDelete(answer, all)).toEqual(expected);
  });
});

describe('a batch', () => {
  it('leaves the queue when the function returns nothing', async () => {
    await send('1');
    map(() => undefined);
    await leaves(0);
  });

  it('loses only what the function finished; the rest stays invisible for its time', async () => {
    for (const body of ['1', '2', '3']) await send(body);
    map((records) => ({ batchItemFailures: records.slice(1).map(({ messageId }) => ({ itemIdentifier: messageId })) }));
    await leaves(2);
    expect(await counts()).toEqual([0, 2]);
  });

  it.each<readonly [string, Handler]>([
    ['throws', () => Promise.reject(new Error('broken'))],
    ['answers something malformed', () => ({ batchItemFailures: [{}] })],
  ])('stays whole when the function %s', async (_, handler) => {
    await send('1');
    let calls = 0;
    map((records) => {
      calls += 1;
      return handler(records);
    });
    await until(() => calls === 1);
    await mapping?.stop();
    expect(await counts()).toEqual([0, 1]);
  });

  it('tells of a function that throws', async () => {
    await send('1');
    map(() => Promise.reject(new Error('broken')));
    await until(() => failures.length === 1);
    expect(failures).toEqual([new Error('broken')]);
  });

  it('takes at most ten messages, and those of one group in order, one batch at a time', async () => {
    for (let index = 0; index < 25; index += 1) await send(`${index}`);
    const batches: number[] = [];
    const bodies: string[] = [];
    let busy = 0;
    map(
      async (records) => {
        busy += 1;
        batches.push(records.length);
        bodies.push(...records.map(({ body }) => body));
        expect(busy).toBe(1);
        await left();
        busy -= 1;
      },
      { concurrency: 2 },
    );
    await leaves(0);
    expect(failures).toEqual([]);
    expect(batches).toEqual([10, 10, 5]);
    expect(bodies).toEqual(Array.from({ length: 25 }, (_, index) => `${index}`));
  });
});

describe('the mapping', () => {
  it('has as many batches in hand as its concurrency, of different groups', async () => {
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    let busy = 0;
    map(
      async () => {
        busy += 1;
        await mayEnd;
      },
      { concurrency: 2 },
    );
    for (const group of ['ada', 'bela', 'chidi']) await send(group, group);
    await until(() => busy === 2, { description: 'two batches in hand' });
    end();
    await leaves(0);
  });

  it('stops at once when it is waiting, and after the batch when it has one in hand', async () => {
    map(() => undefined);
    await mapping?.stop();
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    await send('1');
    let begun = false;
    map(async () => {
      begun = true;
      await mayEnd;
    });
    await until(() => begun);
    const stopped = mapping?.stop();
    end();
    await stopped;
    expect(await left()).toBe(0);
    await send('2');
    expect(await counts()).toEqual([1, 0]);
  });

  it('goes on asking when the queue does not answer', async () => {
    await engine.close();
    map(() => undefined);
    await until(() => hiccups.length > 2, { description: 'several tries' });
    expect(failures).toEqual([]);
    await mapping?.stop();
    client.destroy();
    await open();
  });
});
