import { ConditionalCheckFailedException, type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import { DependencyError } from '../core/errors.ts';
import { EMPTY_ITEM, type Ledger, type LedgerItem } from '../core/ledger.ts';
import { TABLE_KEY } from '../manifest.ts';

const Seen = z.object({
  asOf: z.number(),
  hash: z.string(),
  events: z.array(z.string()),
  bulk: z.string().exactOptional(),
});
/** An item of the table as the ledger reads it. */
export const Item = z
  .object({
    seen: z.record(z.string(), Seen).default({}),
    deletedAt: z.number().exactOptional(),
    createdAt: z.number().exactOptional(),
    inFlight: z.number().optional(),
    job: z.string().exactOptional(),
  })
  .transform(({ inFlight, ...item }): LedgerItem => ({ ...item, dirty: inFlight !== undefined }));

/** `entity#<sha256>` or `entity#company-<sha256>`: no id from outside stands in the table. */
export const keyOf = (key: string) => marshall({ [TABLE_KEY]: `entity#${key}` });

export const expressionOf = (sets: readonly string[], removes: readonly string[]): string =>
  [sets.length > 0 ? `SET ${sets.join(', ')}` : '', removes.length > 0 ? `REMOVE ${removes.join(', ')}` : ''].join(' ').trim();

/** The ledger in DynamoDB, one item per entity. Items have no time to live: a tombstone must outlast every late update. */
export const createLedger = (client: DynamoDBClient, table: string): Ledger => ({
  async begin(key, { owner, until }) {
    const command = new UpdateItemCommand({
      TableName: table,
      Key: keyOf(key),
      UpdateExpression: 'SET inFlight = :until, #owner = :owner, seen = if_not_exists(seen, :none)',
      ExpressionAttributeNames: { '#owner': 'owner' },
      ExpressionAttributeValues: marshall({ ':until': until.getTime(), ':owner': owner, ':none': {} }),
      ReturnValues: 'ALL_OLD',
    });
    try {
      const { Attributes } = await client.send(command);
      if (Attributes === undefined) return EMPTY_ITEM;
      return Item.parse(unmarshall(Attributes));
    } catch (error) {
      throw new DependencyError('TABLE', { cause: error });
    }
  },

  async commit(key, { owner }, { seen, forgetSeen, deletedAt, createdAt, forgetJob }, settled) {
    const sets: string[] = [];
    const names: Record<string, string> = { '#owner': 'owner' };
    const values: Record<string, unknown> = { ':owner': owner };
    if (forgetSeen) {
      sets.push('seen = :seen');
      values[':seen'] = seen;
    } else {
      for (const [index, [facet, entry]] of Object.entries(seen).entries()) {
        sets.push(`seen.#f${index} = :f${index}`);
        names[`#f${index}`] = facet;
        values[`:f${index}`] = entry;
      }
    }
    for (const [name, value] of Object.entries({ deletedAt, createdAt })) {
      if (value === undefined) continue;
      sets.push(`${name} = :${name}`);
      values[`:${name}`] = value;
    }
    const removes = [...(settled ? ['inFlight', '#owner'] : []), ...(forgetJob === true ? ['job'] : [])];
    if (sets.length === 0 && removes.length === 0) return;
    const command = new UpdateItemCommand({
      TableName: table,
      Key: keyOf(key),
      UpdateExpression: expressionOf(sets, removes),
      ConditionExpression: '#owner = :owner',
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: marshall(values),
    });
    try {
      await client.send(command);
    } catch (error) {
      throw new DependencyError(error instanceof ConditionalCheckFailedException ? 'OVERTAKEN' : 'TABLE', { cause: error });
    }
  },
});
