import { ConditionalCheckFailedException, type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { DependencyError } from '../core/errors.ts';
import { TABLE_KEY } from '../manifest.ts';

export const PREFIX = 'erasure#';
/** The key of all that is to be sent in the index. One is enough for a thousand deletions a second. */
export const PENDING = 'erasure';

export const keyOf = (key: string) => marshall({ [TABLE_KEY]: `${PREFIX}${key}` });

export const unanswered = (cause: unknown): never => {
  throw new DependencyError('TABLE', { cause });
};

export interface Change {
  readonly expression: string;
  readonly condition?: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Changes the item of an entity; false when the condition does not hold. */
export const updateIn =
  (client: DynamoDBClient, table: string) =>
  async (key: string, { expression, condition, values }: Change): Promise<boolean> => {
    const command = new UpdateItemCommand({
      TableName: table,
      Key: keyOf(key),
      UpdateExpression: expression,
      ...(condition !== undefined && { ConditionExpression: condition }),
      ExpressionAttributeValues: marshall(values),
    });
    try {
      await client.send(command);
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      return unanswered(error);
    }
  };
