import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import type { BreakerState, BreakerStore } from '../core/breaker.ts';
import { DependencyError } from '../core/errors.ts';
import { TABLE_KEY } from '../manifest.ts';

const State = z.object({ failures: z.number().default(0), openUntil: z.number().optional(), opens: z.number().default(0) });
const KEY = marshall({ [TABLE_KEY]: 'breaker' });

const stateOf = (item: Parameters<typeof unmarshall>[0] | undefined): BreakerState => {
  const { failures, opens, openUntil } = State.parse(item === undefined ? {} : unmarshall(item));
  return { failures, opens, ...(openUntil === undefined ? {} : { openUntil }) };
};

/** The breaker in one item of the table: an outage met by one worker spares all of them. */
export const createBreakerStore = (client: DynamoDBClient, table: string): BreakerStore => {
  const update = (input: Omit<UpdateItemCommandInput, 'TableName' | 'Key'>) =>
    client.send(new UpdateItemCommand({ TableName: table, Key: KEY, ...input })).catch((cause) => {
      throw cause instanceof ConditionalCheckFailedException ? cause : new DependencyError('TABLE', { cause });
    });
  return {
    async read() {
      const command = new GetItemCommand({ TableName: table, Key: KEY, ConsistentRead: true });
      const { Item } = await client.send(command).catch((cause) => {
        throw new DependencyError('TABLE', { cause });
      });
      return stateOf(Item);
    },
    async countFailure() {
      const { Attributes } = await update({
        UpdateExpression: 'ADD failures :one',
        ExpressionAttributeValues: marshall({ ':one': 1 }),
        ReturnValues: 'ALL_NEW',
      });
      return stateOf(Attributes);
    },
    async open(until, opens, { openUntil }) {
      const unchanged = openUntil === undefined ? 'attribute_not_exists(openUntil)' : 'openUntil = :seen';
      const seen = openUntil === undefined ? {} : { ':seen': openUntil };
      try {
        await update({
          UpdateExpression: 'SET openUntil = :until, opens = :opens',
          ConditionExpression: unchanged,
          ExpressionAttributeValues: marshall({ ':until': until, ':opens': opens, ...seen }),
        });
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },
    async close() {
      await update({
        UpdateExpression: 'SET failures = :none REMOVE openUntil, opens',
        ExpressionAttributeValues: marshall({ ':none': 0 }),
      });
    },
  };
};
