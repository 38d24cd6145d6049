import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { DELIVER_BATCH_SIZE, DELIVER_CONCURRENCY, DELIVER_TIMEOUT_SECONDS } from '../../functions/manifest.ts';
import { toDelete } from '../../infra/local/batch-answer.ts';
import { createPool, type Process } from './process.ts';
import type { FifoQueue, Stored } from './queue.ts';
import { SECOND, type World } from './world.ts';

/** A function in its environment. */
export interface Worker {
  readonly process: Process;
  readonly handler: (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;
}

export interface MappingOptions {
  readonly world: World;
  readonly queue: () => FifoQueue;
  readonly createWorker: () => Worker;
  readonly concurrency?: number;
  /** How many messages of one group a receive takes at most; SQS takes as many as it can. */
  readonly mostOfAGroup: () => number;
  /** Whether a deletion gets through to the queue. */
  readonly deletes: () => boolean;
  /** Whether an idle environment is kept for the next batch. */
  readonly keeps: () => boolean;
}

const toRecord = ({ id, handle, body, receiveCount, groupId }: Stored): SQSRecord => ({
  messageId: id,
  receiptHandle: handle,
  body,
  attributes: {
    ApproximateReceiveCount: String(receiveCount),
    MessageGroupId: groupId,
    SentTimestamp: '',
    SenderId: '',
    ApproximateFirstReceiveTimestamp: '',
  },
  messageAttributes: {},
  md5OfBody: '',
  eventSource: 'aws:sqs',
  eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:events.fifo',
  awsRegion: 'us-east-1',
});

/**
 * Lambda's event source mapping: batches of at most ten, at most so many invocations at the same time, the function's
 * time limit, and what a partial batch answer means for the messages. Answers a function to call when there is work.
 */
export const createMapping = ({
  world,
  queue,
  createWorker,
  mostOfAGroup,
  deletes,
  keeps,
  concurrency = DELIVER_CONCURRENCY,
}: MappingOptions) => {
  const pool = createPool(createWorker);
  let busy = 0;
  let asked = false;
  let invocations = 0;

  const invoke = (messages: readonly Stored[]): void => {
    busy += 1;
    invocations += 1;
    const worker = pool.take();
    const { process } = worker;
    const end = world.now() + DELIVER_TIMEOUT_SECONDS * SECOND;
    let open = true;
    const finish = (done: readonly string[]) => {
      if (!open) return;
      open = false;
      for (const { id, handle } of messages) if (done.includes(id) && deletes()) queue().remove(handle);
      busy -= 1;
      pool.giveBack(worker, process.isAlive() && keeps());
      wake();
    };
    /** A dead environment answers nothing: its batch comes back when the visibility timeout is over. */
    process.onDeath(() => world.after(0, () => finish([])));
    world.after(DELIVER_TIMEOUT_SECONDS * SECOND, () => {
      if (open) process.die();
    });
    const context = {
      awsRequestId: `invocation-${invocations}`,
      getRemainingTimeInMillis: () => end - world.now(),
    } as Context;
    const ids = messages.map(({ id }) => id);
    worker.handler({ Records: messages.map(toRecord) }, context).then(
      (answer) => finish(toDelete(answer, ids)),
      () => finish([]),
    );
  };

  const wake = (): void => {
    if (asked) return;
    asked = true;
    world.after(world.random.between(5, 50), () => {
      asked = false;
      while (busy < concurrency) {
        const messages = queue().receive(DELIVER_BATCH_SIZE, mostOfAGroup());
        if (messages.length === 0) return;
        invoke(messages);
      }
    });
  };
  return { wake, invocations: () => invocations };
};
