import { type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import type { BulkJobs } from '../core/bulk-job.ts';
import { DependencyError } from '../core/errors.ts';
import { TABLE_KEY, TABLE_TTL } from '../manifest.ts';

const Job = z.object({
  state: z.enum(['running', 'completed', 'failed']),
  endsAt: z.number(),
  jobId: z.string().exactOptional(),
  rows: z.number(),
});

/** A ledger item may refer to its job until it is next looked at; without its job it only loses the right to be unchanged. */
const KEPT_MS = 400 * 86_400_000;

const keyOf = (key: string) => marshall({ [TABLE_KEY]: `job#${key}` });

/** One DynamoDB item per bulk job, for somewhat more than a year. */
export const createBulkJobs = (client: DynamoDBClient, table: string): BulkJobs => ({
  async write(key, { state, endsAt, jobId, rows }) {
    const command = new UpdateItemCommand({
      TableName: table,
      Key: keyOf(key),
      UpdateExpression: `SET #state = :state, endsAt = :endsAt, #rows = :rows, ${TABLE_TTL} = :ttl${jobId === undefined ? '' : ', jobId = :jobId'}`,
      ExpressionAttributeNames: { '#state': 'state', '#rows': 'rows' },
      ExpressionAttributeValues: marshall({
        ':state': state,
        ':endsAt': endsAt,
        ':rows': rows,
        ':ttl': Math.floor((endsAt + KEPT_MS) / 1000),
        ...(jobId !== undefined && { ':jobId': jobId }),
      }),
    });
    await client.send(command).catch((cause: unknown) => {
      throw new DependencyError('TABLE', { cause });
    });
  },
  async read(key) {
    const command = new GetItemCommand({ TableName: table, Key: keyOf(key), ConsistentRead: true });
    const { Item } = await client.send(command).catch((cause: unknown) => {
      throw new DependencyError('TABLE', { cause });
    });
    return Item === undefined ? undefined : Job.parse(unmarshall(Item));
  },
});
