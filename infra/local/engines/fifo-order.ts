import type { SqsQueue } from '../../../node_modules/fauxqs/dist/sqs/sqsStore.js';
import type { ReceivedMessage, SqsMessage } from '../../../node_modules/fauxqs/dist/sqs/sqsTypes.js';

type FindQueue = (arn: string) => SqsQueue | undefined;

/** SQS hands out at most ten messages a call. */
const MAX_MESSAGES = 10;

const bySequence = (a: SqsMessage, b: SqsMessage): number => ((a.sequenceNumber ?? '') < (b.sequenceNumber ?? '') ? -1 : 1);

/** True when the message went to the dead letters instead of being handed out. */
const wentToDeadLetters = (queue: SqsQueue, message: SqsMessage, findQueue: FindQueue | undefined): boolean => {
  const policy = queue.attributes.RedrivePolicy;
  if (policy === undefined) return false;
  const { maxReceiveCount, deadLetterTargetArn } = JSON.parse(policy);
  if (message.approximateReceiveCount <= maxReceiveCount) return false;
  const deadLetters = findQueue?.(deadLetterTargetArn);
  // On disk this replaces the row under the same message id: there is no moment at which the message stands nowhere.
  deadLetters?.enqueue(message);
  return deadLetters !== undefined;
};

const handOut = (queue: SqsQueue, message: SqsMessage, visibilitySeconds: number): ReceivedMessage => {
  const receiptHandle = crypto.randomUUID();
  const visibilityDeadline = Date.now() + visibilitySeconds * 1000;
  queue.inflightMessages.set(receiptHandle, { message, receiptHandle, visibilityDeadline });
  queue.persistence?.updateMessageInflight(
    message.messageId,
    receiptHandle,
    visibilityDeadline,
    message.approximateReceiveCount,
    message.approximateFirstReceiveTimestamp,
  );
  return {
    MessageId: message.messageId,
    ReceiptHandle: receiptHandle,
    MD5OfBody: message.md5OfBody,
    Body: message.body,
    ...(message.md5OfMessageAttributes ? { MD5OfMessageAttributes: message.md5OfMessageAttributes } : {}),
    ...(Object.keys(message.messageAttributes).length > 0 ? { MessageAttributes: message.messageAttributes } : {}),
  };
};

/**
 * Makes a FIFO queue of fauxqs 2.4.1 hand out messages as SQS does: as many of one group as fit, in the order in
 * which they were sent, and nothing more of the group until all of them are deleted or visible again.
 * The engine's own method hands out one message per group and call, and messages that become visible again
 * together come back in reverse. docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
 */
export const keepFifoOrder = (queue: SqsQueue): void => {
  queue.dequeue = (maxCount, visibilitySeconds = Number(queue.attributes.VisibilityTimeout), findQueue) => {
    queue.processTimers();
    const room = Math.min(maxCount, MAX_MESSAGES);
    const received: ReceivedMessage[] = [];
    for (const [group, waiting] of queue.fifoMessages) {
      if (received.length >= room) break;
      if (queue.fifoLockedGroups.has(group)) continue;
      waiting.sort(bySequence);
      let inHand = 0;
      for (let message = waiting.shift(); message !== undefined; message = received.length < room ? waiting.shift() : undefined) {
        message.approximateReceiveCount += 1;
        message.approximateFirstReceiveTimestamp ??= Date.now();
        if (wentToDeadLetters(queue, message, findQueue)) continue;
        received.push(handOut(queue, message, visibilitySeconds));
        inHand += 1;
      }
      if (inHand > 0) queue.fifoLockedGroups.set(group, inHand);
      if (waiting.length === 0) queue.fifoMessages.delete(group);
    }
    return received;
  };
};
