import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOptions } from '../../../infra/local/engines/aws.ts';
import { queueArn, type SqsEngine, startSqs } from '../../../infra/local/engines/sqs.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';

const MAX_RECEIVE_COUNT = 3;
const queues = [
  { name: 'dead.fifo', attributes: { FifoQueue: 'true' } },
  {
    name: 'events.fifo',
    attributes: {
      FifoQueue: 'true',
      VisibilityTimeout: '360',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn('dead.fifo'), maxReceiveCount: MAX_RECEIVE_COUNT }),
    },
  },
  { name: 'rejected', attributes: { VisibilityTimeout: '360' } },
];

let folder: ReturnType<typeof temporaryFolder>;
let engine: SqsEngine;
let client: SQSClient;

const open = async () => {
  engine = await startSqs({ folder: join(folder.path, 'queue'), queues });
  client = new SQSClient(clientOptions(engine.url));
};
const close = async () => {
  client.destroy();
  await engine.close();
};
beforeEach(async () => {
  folder = temporaryFolder();
  await open();
});
afterEach(async () => {
  await close();
  folder.remove();
});

const url = (name = 'events.fifo') => engine.queueUrl(name);
let sent = 0;
const send = async (group: string, body: string) => {
  sent += 1;
  await client.send(
    new SendMessageCommand({
      QueueUrl: url(),
      MessageBody: body,
      MessageGroupId: group,
      MessageDeduplicationId: `event-${sent}`,
    }),
  );
};
const receive = async (max = 10, name = 'events.fifo'): Promise<readonly Message[]> =>
  (
    await client.send(
      new ReceiveMessageCommand({ QueueUrl: url(name), MaxNumberOfMessages: max, MessageSystemAttributeNames: ['All'] }),
    )
  ).Messages ?? [];
const show = ({ ReceiptHandle }: Message, seconds: number) =>
  client.send(new ChangeMessageVisibilityCommand({ QueueUrl: url(), ReceiptHandle, VisibilityTimeout: seconds }));
const remove = ({ ReceiptHandle }: Message) => client.send(new DeleteMessageCommand({ QueueUrl: url(), ReceiptHandle }));
const bodies = (messages: readonly Message[]) => messages.map(({ Body }) => Body);
const at = (messages: readonly Message[], index: number): Message => {
  const message = messages[index];
  if (message === undefined) throw new Error(`no message ${index}`);
  return message;
};

describe('a FIFO queue', () => {
  it('hands out as many messages of one group as fit, in the order sent', async () => {
    for (let index = 0; index < 12; index += 1) await send('ada', `${index}`);
    expect(bodies(await receive(10))).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  });

  it('fills a batch from several groups, each in its order', async () => {
    for (const body of ['a1', 'a2']) await send('ada', body);
    for (const body of ['b1', 'b2']) await send('bela', body);
    expect(bodies(await receive(3))).toEqual(['a1', 'a2', 'b1']);
  });

  it('holds a group back until all of its messages in hand are deleted', async () => {
    for (const body of ['1', '2', '3']) await send('ada', body);
    const batch = await receive(2);
    await remove(at(batch, 0));
    expect(await receive()).toEqual([]);
    await remove(at(batch, 1));
    expect(bodies(await receive())).toEqual(['3']);
  });

  it('brings messages back in the order sent, whichever became visible first', async () => {
    for (const body of ['1', '2', '3', '4']) await send('ada', body);
    const batch = await receive(3);
    for (const message of batch) await show(message, 0);
    expect(bodies(await receive())).toEqual(['1', '2', '3', '4']);
  });

  it('brings messages back in the order sent when their time runs out together', async () => {
    for (const body of ['1', '2', '3']) await send('ada', body);
    for (const message of await receive()) await show(message, 1);
    let again: readonly Message[] = [];
    const back = async () => {
      again = await receive();
      return again.length > 0;
    };
    await until(back, { description: 'the messages are visible again' });
    expect(bodies(again)).toEqual(['1', '2', '3']);
  });

  it('counts receives and moves a message to the dead letters after the last one; the group goes on', async () => {
    await send('ada', 'poison');
    for (let count = 1; count <= MAX_RECEIVE_COUNT; count += 1) {
      const message = at(await receive(), 0);
      expect(message.Attributes?.ApproximateReceiveCount).toBe(String(count));
      await show(message, 0);
    }
    await send('ada', 'next');
    expect(bodies(await receive())).toEqual(['next']);
    expect(bodies(await receive(10, 'dead.fifo'))).toEqual(['poison']);
  });

  it('swallows a second message with the same deduplication id', async () => {
    const twice = { QueueUrl: url(), MessageGroupId: 'ada', MessageDeduplicationId: 'same' };
    const first = await client.send(new SendMessageCommand({ ...twice, MessageBody: 'one' }));
    const second = await client.send(new SendMessageCommand({ ...twice, MessageBody: 'two' }));
    expect(second.MessageId).toBe(first.MessageId);
    expect(bodies(await receive())).toEqual(['one']);
  });
});

describe('a restart', () => {
  const restart = async () => {
    await close();
    await open();
  };

  it('keeps what was queued, in order, and takes up sequence numbers where they were', async () => {
    for (const body of ['1', '2']) await send('ada', body);
    await restart();
    await send('ada', '3');
    expect(bodies(await receive())).toEqual(['1', '2', '3']);
  });

  it('shows at once what the last run had in hand, with its receive count, and in order', async () => {
    for (const body of ['1', '2', '3']) await send('ada', body);
    const batch = await receive(2);
    await show(at(batch, 0), 1800);
    await restart();
    const again = await receive();
    expect(bodies(again)).toEqual(['1', '2', '3']);
    expect(again.map(({ Attributes }) => Attributes?.ApproximateReceiveCount)).toEqual(['2', '2', '1']);
  });

  it('does not bring back what was deleted', async () => {
    await send('ada', 'done');
    await remove(at(await receive(), 0));
    await restart();
    expect(await receive()).toEqual([]);
  });

  it('keeps dead letters', async () => {
    await send('ada', 'poison');
    for (let count = 1; count <= MAX_RECEIVE_COUNT; count += 1) await show(at(await receive(), 0), 0);
    expect(await receive()).toEqual([]);
    await restart();
    expect(await receive()).toEqual([]);
    expect(bodies(await receive(10, 'dead.fifo'))).toEqual(['poison']);
  });

  it('gives queues their attributes anew and the address of this run', async () => {
    await restart();
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: 'events.fifo' }));
    expect(QueueUrl).toBe(url());
    const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['VisibilityTimeout'] }));
    expect(Attributes).toEqual({ VisibilityTimeout: '360' });
  });
});

describe('a damaged file', () => {
  it('is reported with what to do', async () => {
    const other = temporaryFolder();
    writeFileSync(join(other.path, 'fauxqs.db'), 'this is no database, and long enough to be looked at as one');
    await expect(startSqs({ folder: other.path, queues })).rejects.toThrow(/cannot be opened; start again with --fresh/);
    other.remove();
  });
});

describe('a standard queue', () => {
  it('takes messages without a group and lets a visibility of zero show them again', async () => {
    await client.send(new SendMessageCommand({ QueueUrl: url('rejected'), MessageBody: 'kept' }));
    const message = at(await receive(1, 'rejected'), 0);
    expect(await receive(1, 'rejected')).toEqual([]);
    await client.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: url('rejected'),
        ReceiptHandle: message.ReceiptHandle,
        VisibilityTimeout: 0,
      }),
    );
    expect(bodies(await receive(1, 'rejected'))).toEqual(['kept']);
  });
});
