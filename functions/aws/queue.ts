import {
  ChangeMessageVisibilityBatchCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { RejectedEvent } from '../core/envelope.ts';
import { DependencyError } from '../core/errors.ts';
import { toAsciiJson } from '../core/json.ts';
import type { EventQueue, RejectedQueue } from '../core/ports.ts';

/** SQS takes ten entries a batch. */
const BATCH = 10;

const batchesOf = <T>(list: readonly T[]): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(list.length / BATCH) }, (_, index) => list.slice(index * BATCH, (index + 1) * BATCH));

/** The FIFO queue of events. */
export const createEventQueue = (client: SQSClient, queueUrl: string): EventQueue => ({
  async send(messages, abortSignal) {
    for (const batch of batchesOf(messages)) {
      const entries = batch.map(({ body, groupId, deduplicationId }, index) => ({
        Id: String(index),
        MessageBody: body,
        MessageGroupId: groupId,
        MessageDeduplicationId: deduplicationId,
      }));
      const command = new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries });
      const { Failed } = await client.send(command, abortSignal === undefined ? {} : { abortSignal }).catch((cause) => {
        throw new DependencyError('QUEUE', { cause });
      });
      // A batch can fail for single entries with HTTP 200.
      if (Failed !== undefined && Failed.length > 0) throw new DependencyError('QUEUE');
    }
  },
  async retryIn(receiptHandles, seconds) {
    for (const batch of batchesOf(receiptHandles)) {
      const entries = batch.map((handle, index) => ({ Id: String(index), ReceiptHandle: handle, VisibilityTimeout: seconds }));
      await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries: entries })).catch((cause) => {
        throw new DependencyError('QUEUE', { cause });
      });
    }
  },
});

/** The standard queue of events to look at. Source and reason stand in attributes, so a list needs no bodies. */
export const createRejectedQueue = (client: SQSClient, queueUrl: string): RejectedQueue => ({
  async park(event: RejectedEvent) {
    const text = (value: string) => ({ DataType: 'String', StringValue: value });
    const command = new SendMessageCommand({
      QueueUrl: queueUrl,
      MessageBody: toAsciiJson(event),
      MessageAttributes: { source: text(event.source), reason: text(event.reason) },
    });
    await client.send(command).catch((cause) => {
      throw new DependencyError('QUEUE', { cause });
    });
  },
});
