import { ConditionalCheckFailedException, type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { DependencyError } from '../core/errors.ts';
import type { LimiterStore } from '../core/limiter.ts';
import type { Family } from '../core/pacing.ts';
import { TABLE_KEY } from '../manifest.ts';

type Numbers = Readonly<Record<string, number>>;

/**
 * One DynamoDB item per endpoint family.
 * @param vendor the source whose API is paced; absent = Userpilot
 */
export const createLimiterStore = (client: DynamoDBClient, table: string, vendor?: string): LimiterStore => {
  const keyOf = (family: Family) => `limiter#${vendor === undefined ? family : `${family}#${vendor}`}`;
  const update = async (family: Family, expression: string, condition: string, values: Numbers): Promise<number | undefined> => {
    const command = new UpdateItemCommand({
      TableName: table,
      Key: { [TABLE_KEY]: { S: keyOf(family) } },
      UpdateExpression: expression,
      ConditionExpression: condition,
      ExpressionAttributeValues: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { N: String(value) }])),
      ReturnValues: 'UPDATED_NEW',
    });
    try {
      const { Attributes } = await client.send(command);
      return Number(Attributes?.tat?.N);
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined;
      throw new DependencyError('TABLE', { cause: error });
    }
  };
  return {
    grow: (family, cost, now) => update(family, 'SET tat = tat + :cost', 'tat >= :now', { ':cost': cost, ':now': now }),
    restart: (family, start, now) =>
      update(family, 'SET tat = :start', 'attribute_not_exists(tat) OR tat < :now', { ':start': start, ':now': now }),
    async push(family, tat) {
      await update(family, 'SET tat = :tat', 'attribute_not_exists(tat) OR tat < :tat', { ':tat': tat });
    },
  };
};
