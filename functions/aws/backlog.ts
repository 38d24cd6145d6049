import { GetQueueAttributesCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { DependencyError } from '../core/errors.ts';
import type { Backlog } from '../core/ports.ts';
import { createEventQueue } from './queue.ts';

/** SQS gives at most ten messages a call. */
const MOST = 10;
/** A receive that waits asks all of the queue's servers; one that does not may find nothing where there is something. */
const WAIT_SECONDS = 1;

const failed = (cause: unknown) => {
  throw new DependencyError('QUEUE', { cause });
};

/** The FIFO queue of events, taken from and never deleted from. */
export const createBacklog = (client: SQSClient, queueUrl: string): Backlog => ({
  retryIn: createEventQueue(client, queueUrl).retryIn,
  async size() {
    const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['ApproximateNumberOfMessages'] });
    const { Attributes } = await client.send(command).catch(failed);
    return Number(Attributes?.ApproximateNumberOfMessages ?? 0);
  },
  async take(seconds) {
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: MOST,
      WaitTimeSeconds: WAIT_SECONDS,
      VisibilityTimeout: seconds,
    });
    const { Messages = [] } = await client.send(command).catch(failed);
    return Messages.map(({ Body: body = '', ReceiptHandle: receiptHandle = '' }) => ({ body, receiptHandle }));
  },
});
