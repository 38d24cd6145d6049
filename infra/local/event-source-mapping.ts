import { setTimeout as pause } from 'node:timers/promises';
import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { toDelete } from './batch-answer.ts';
import type { Invoke } from './lambda.ts';
import { toRecord } from './sqs-event.ts';

export interface MappingOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  readonly queueArn: string;
  readonly invoke: Invoke;
  readonly batchSize: number;
  /** Batches that the function may have in hand at the same time. */
  readonly concurrency: number;
  /** The function threw or took too long; its batch comes back after the visibility timeout. */
  readonly onFailure: (error: unknown) => void;
  /** The queue did not answer; it is asked again. */
  readonly onHiccup: (error: unknown) => void;
  /** @default 1000 */
  readonly pauseMs?: number;
}

export interface EventSourceMapping {
  /** Receives nothing more; resolves when the batches in hand have ended. */
  stop(): Promise<void>;
}

/** Seconds: the longest that SQS lets a receive wait. */
const LONG_POLL_SECONDS = 20;
const DELETE_TRIES = 5;

/** A message that could not be deleted comes back and is found done by the ledger: worth some tries, not an error. */
const remove = async (
  done: readonly Message[],
  { client, queueUrl, onHiccup, pauseMs = 1000 }: MappingOptions,
): Promise<void> => {
  let left = done;
  for (let tries = 0; left.length > 0 && tries < DELETE_TRIES; tries += 1) {
    if (tries > 0) await pause(pauseMs);
    const Entries = left.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    try {
      const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      left = left.filter((_, index) => Failed.some(({ Id }) => Id === String(index)));
    } catch (error) {
      onHiccup(error);
    }
  }
};

/** A batch to the function, and what it finished out of the queue; the rest stays invisible until its time is up. */
const handle = async (messages: readonly Message[], options: MappingOptions): Promise<void> => {
  const { invoke, queueArn, onFailure } = options;
  try {
    const answer = await invoke({ Records: messages.map((message) => toRecord(message, queueArn)) });
    const ids = new Set(
      toDelete(
        answer,
        messages.map(({ MessageId = '' }) => MessageId),
      ),
    );
    await remove(
      messages.filter(({ MessageId = '' }) => ids.has(MessageId)),
      options,
    );
  } catch (error) {
    onFailure(error);
  }
};

/**
 * Lambda's event source mapping for an SQS queue with ReportBatchItemFailures: long polls, and as many batches at the
 * same time as the maximum concurrency. lambda/latest/dg/services-sqs-configure.html
 */
export const startEventSourceMapping = (options: MappingOptions): EventSourceMapping => {
  const { client, queueUrl, batchSize, concurrency, onHiccup, pauseMs = 1000 } = options;
  const stopping = new AbortController();

  const receive = async (): Promise<readonly Message[]> => {
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: batchSize,
      WaitTimeSeconds: LONG_POLL_SECONDS,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    });
    try {
      return (await client.send(command, { abortSignal: stopping.signal })).Messages ?? [];
    } catch (error) {
      if (stopping.signal.aborted) return [];
      onHiccup(error);
      await pause(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      return [];
    }
  };
  const work = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const messages = await receive();
      if (messages.length > 0) await handle(messages, options);
    }
  };

  const workers = Array.from({ length: concurrency }, work);
  return {
    async stop() {
      stopping.abort();
      await Promise.all(workers);
    },
  };
};
