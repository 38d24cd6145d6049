import {
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MAX_BYTES = 1_048_576;
const FORBIDDEN = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u;
const ATTRIBUTE = /^[\x21-\x7e]{1,128}$/;

export interface Kept {
  readonly body: string;
  /** Shown in consoles and traces: group and deduplication ids, and what stands in message attributes. */
  readonly attributes: Readonly<Record<string, string>>;
}

type Entry = Pick<
  SendMessageBatchRequestEntry,
  'MessageBody' | 'MessageGroupId' | 'MessageDeduplicationId' | 'MessageAttributes'
>;

const keptOf = ({ MessageBody: body = '', MessageGroupId, MessageDeduplicationId, MessageAttributes = {} }: Entry): Kept => {
  const ids = Object.entries({ MessageGroupId, MessageDeduplicationId }).filter(
    (id): id is [string, string] => id[1] !== undefined,
  );
  const named = Object.entries(MessageAttributes).map(([name, { StringValue = '' }]) => [name, StringValue] as const);
  if (ids.some(([, id]) => !ATTRIBUTE.test(id))) throw new Error('InvalidParameterValue: an id');
  return { body, attributes: Object.fromEntries([...ids, ...named]) };
};

/** Attributes count too, each with its name and the name of its type. */
const bytesOf = ({ body, attributes }: Kept): number =>
  Buffer.byteLength(body) +
  Object.entries(attributes).reduce((sum, [name, value]) => sum + name.length + value.length + 'String'.length, 0);

/** The client of a queue in memory that refuses what SQS refuses: too many bytes, characters outside XML, ids out of form. */
export const createSqs = () => {
  const kept: Kept[] = [];
  const state = { down: false };
  const send = async (command: unknown): Promise<object> => {
    const batch = command instanceof SendMessageBatchCommand ? command.input.Entries : undefined;
    const entries = command instanceof SendMessageCommand ? [command.input] : batch;
    if (entries === undefined || entries.length === 0) throw new Error('UnsupportedOperation');
    const messages = entries.map(keptOf);
    // Services quote what they refuse, so an error is as private as the message.
    if (state.down) throw new Error(`ServiceUnavailable: ${messages.map(({ body }) => body).join()}`);
    if (messages.reduce((sum, message) => sum + bytesOf(message), 0) > MAX_BYTES)
      throw new Error('InvalidParameterValue: too long');
    if (messages.some(({ body }) => body === '' || FORBIDDEN.test(body))) throw new Error('InvalidMessageContents');
    kept.push(...messages);
    return { Failed: [] };
  };
  const client = { send } as unknown as SQSClient; // all of it that the queues call
  return { client, state, taken: () => kept.splice(0) };
};
