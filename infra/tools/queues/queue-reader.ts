import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { reached } from './trouble.ts';

/** A message that only this run sees for the time being. */
export interface Held {
  readonly messageId: string;
  readonly body: string;
  readonly sentAt: Date;
  /** Absent in a queue that is not FIFO. */
  readonly groupId?: string;
}

export interface QueueCounts {
  readonly visible: number;
  /** In somebody's hand. */
  readonly hidden: number;
}

export interface QueueReader {
  /** Approximate, as SQS counts them. */
  counts(): Promise<QueueCounts>;
  /**
   * Every message once, in the queue's order, until none is left or `stopping` says so. Each stays held until it is removed
   * or all are put back. Of a FIFO group SQS hands out ten, and more only when these are gone.
   *
   * @param startedAt what arrives later may be among the messages, and does not keep the run from ending.
   */
  messages(startedAt: Date, stopping: AbortSignal): AsyncGenerator<Held>;
  remove(messageId: string): Promise<void>;
  /** Makes everything that is held visible again at once. Answers how many messages that failed for: they wait for their time. */
  putBack(): Promise<number>;
}

export interface ReaderOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  /** What the run gets through, for the time that messages must stay held. */
  readonly messagesPerSecond: number;
}

const BATCH = 10;
/** A long poll asks all servers of a queue; a short one may find nothing though there is something. */
const LONG_POLL_SECONDS = 1;
const SPARE_SECONDS = 120;
/** Visibility: 12 hours at most. */
const LONGEST_SECONDS = 43_200;
/** SQS lets 120,000 messages be in hand; beyond that it hands out none. A handle is some 400 bytes. */
const MAX_HELD = 100_000;

const heldOf = ({ MessageId = '', Body = '', Attributes }: Message): Held => ({
  messageId: MessageId,
  body: Body,
  sentAt: new Date(Number(Attributes?.SentTimestamp ?? 0)),
  ...(Attributes?.MessageGroupId !== undefined && { groupId: Attributes.MessageGroupId }),
});

/** Reads a queue from end to end. Throws a Problem when the queue does not answer. */
export const createQueueReader = ({ sqs, queueUrl, messagesPerSecond }: ReaderOptions): QueueReader => {
  /** Receipt handles by message id. */
  const held = new Map<string, string>();

  const counts = async (): Promise<QueueCounts> => {
    const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
    const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [...AttributeNames] });
    const { Attributes } = await reached('the queue', sqs.send(command));
    const [visible = 0, hidden = 0] = AttributeNames.map((name) => Number(Attributes?.[name] ?? 0));
    return { visible, hidden };
  };

  const receive = async (visibilitySeconds: number): Promise<readonly Message[]> => {
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: BATCH,
      VisibilityTimeout: visibilitySeconds,
      WaitTimeSeconds: LONG_POLL_SECONDS,
      MessageSystemAttributeNames: ['SentTimestamp', 'MessageGroupId'],
    });
    return (await reached('the queue', sqs.send(command))).Messages ?? [];
  };

  return {
    counts,
    async *messages(startedAt, stopping) {
      const { visible } = await counts();
      const visibilitySeconds = Math.min(LONGEST_SECONDS, SPARE_SECONDS + Math.ceil((2 * visible) / messagesPerSecond));
      let isOld = true;
      while (isOld && !stopping.aborted && held.size < MAX_HELD) {
        const received = await receive(visibilitySeconds);
        // Before any of them is handed on: a run that ends in the middle puts back the whole batch.
        const fresh = received.filter(({ MessageId = '' }) => !held.has(MessageId));
        for (const { MessageId = '', ReceiptHandle = '' } of received) held.set(MessageId, ReceiptHandle);
        const messages = fresh.map(heldOf);
        isOld = messages.some(({ sentAt }) => sentAt <= startedAt);
        for (const message of messages) {
          if (stopping.aborted) return;
          yield message;
        }
      }
    },
    async remove(messageId) {
      const command = new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: held.get(messageId) });
      await reached('the queue', sqs.send(command));
      held.delete(messageId);
    },
    async putBack() {
      const handles = [...held.values()];
      held.clear();
      let failed = 0;
      for (let from = 0; from < handles.length; from += BATCH) {
        const batch = handles.slice(from, from + BATCH);
        const Entries = batch.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle, VisibilityTimeout: 0 }));
        const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries });
        const Failed = await sqs.send(command).then(
          (answer) => answer.Failed?.length ?? 0,
          () => batch.length,
        );
        failed += Failed;
      }
      return failed;
    },
  };
};
