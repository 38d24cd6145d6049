import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import { DependencyError } from '../core/errors.ts';
import type { RunStore, RunView } from '../core/ports.ts';
import { Counts } from '../core/resync.ts';
import { TABLE_KEY } from '../manifest.ts';

const Item = z.object({ lastStartedAt: z.string().optional() });

const View = z
  .object({
    owner: z.string().optional(),
    until: z.number().default(0),
    progress: z
      .object({ counts: Counts, phase: z.enum(['listing', 'bulk job', 'done']), rows: z.number().exactOptional() })
      .exactOptional(),
    lastRunId: z.string().default(''),
    lastStartedAt: z.string().optional(),
    lastEndedAt: z.string().optional(),
    lastCounts: Counts.optional(),
  })
  .transform(({ owner, until, progress, lastRunId: runId, lastStartedAt, lastEndedAt, lastCounts }): RunView => {
    const hasLast = lastStartedAt !== undefined && lastEndedAt !== undefined && lastCounts !== undefined;
    return {
      ...(owner !== undefined && { owner: { runId: owner, until } }),
      ...(progress !== undefined && { progress }),
      ...(hasLast && { last: { runId, startedAt: lastStartedAt, endedAt: lastEndedAt, counts: lastCounts } }),
    };
  });

const keyOf = (source: string) => marshall({ [TABLE_KEY]: `resync#${source}` });

/** One DynamoDB item per source. */
export const createRunStore = (client: DynamoDBClient, table: string): RunStore => {
  /** The item afterwards; undefined when the condition did not hold. */
  const update = async (source: string, expression: string, condition: string, values: Readonly<Record<string, unknown>>) => {
    const command = new UpdateItemCommand({
      TableName: table,
      Key: keyOf(source),
      UpdateExpression: expression,
      ConditionExpression: condition,
      ExpressionAttributeNames: { '#owner': 'owner', ...(expression.includes('#until') && { '#until': 'until' }) },
      ExpressionAttributeValues: marshall(values),
      ReturnValues: 'ALL_NEW',
    });
    try {
      const { Attributes } = await client.send(command);
      return Item.parse(unmarshall(Attributes ?? {}));
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined;
      throw new DependencyError('TABLE', { cause: error });
    }
  };
  return {
    async take(source, runId, { now, until }) {
      const item = await update(
        source,
        'SET #owner = :run, #until = :until',
        'attribute_not_exists(#owner) OR #owner = :run OR #until < :now',
        { ':run': runId, ':until': until.getTime(), ':now': now.getTime() },
      );
      return item === undefined ? undefined : { ...(item.lastStartedAt !== undefined && { startedAt: item.lastStartedAt }) };
    },
    async renew(source, runId, until, progress) {
      const item = await update(source, 'SET #until = :until, progress = :progress', '#owner = :run', {
        ':run': runId,
        ':until': until.getTime(),
        ':progress': progress,
      });
      return item !== undefined;
    },
    async finish(source, runId, { startedAt, counts, now }) {
      await update(
        source,
        'SET lastRunId = :run, lastStartedAt = :startedAt, lastCounts = :counts, lastEndedAt = :now, progress = :progress REMOVE #owner, #until',
        '#owner = :run',
        {
          ':run': runId,
          ':startedAt': startedAt,
          ':counts': counts,
          ':now': now.toISOString(),
          ':progress': { counts, phase: 'done' },
        },
      );
    },
    async read(source) {
      const command = new GetItemCommand({ TableName: table, Key: keyOf(source), ConsistentRead: true });
      const { Item: item } = await client.send(command).catch((cause: unknown) => {
        throw new DependencyError('TABLE', { cause });
      });
      return View.parse(item === undefined ? {} : unmarshall(item));
    },
  };
};
