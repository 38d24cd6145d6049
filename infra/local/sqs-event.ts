import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { SQSMessageAttribute, SQSRecord } from 'aws-lambda';
import { REGION } from './engines/aws.ts';

const toAttribute = ({ StringValue, BinaryValue, DataType = 'String' }: MessageAttributeValue): SQSMessageAttribute => ({
  ...(StringValue !== undefined && { stringValue: StringValue }),
  ...(BinaryValue !== undefined && { binaryValue: Buffer.from(BinaryValue).toString('base64') }),
  stringListValues: [],
  binaryListValues: [],
  dataType: DataType,
});

/** A received message as a record of the event that Lambda makes of it. */
export const toRecord = (message: Message, queueArn: string): SQSRecord => {
  const {
    SentTimestamp = '',
    SenderId = '',
    ApproximateReceiveCount = '',
    ApproximateFirstReceiveTimestamp = '',
  } = message.Attributes ?? {};
  const { SequenceNumber, MessageGroupId, MessageDeduplicationId } = message.Attributes ?? {};
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: {
      ApproximateReceiveCount,
      SentTimestamp,
      SenderId,
      ApproximateFirstReceiveTimestamp,
      ...(SequenceNumber && { SequenceNumber }),
      ...(MessageGroupId && { MessageGroupId }),
      ...(MessageDeduplicationId && { MessageDeduplicationId }),
    },
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, toAttribute(value)]),
    ),
    md5OfBody: message.MD5OfBody ?? '',
    ...(message.MD5OfMessageAttributes && { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion: REGION,
  };
};
