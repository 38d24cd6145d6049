import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  type KeysAndAttributes,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { markedEntry } from '../core/bulk-job.ts';
import { DependencyError } from '../core/errors.ts';
import type { BulkLedger, LedgerItem } from '../core/ledger.ts';
import { TABLE_KEY } from '../manifest.ts';
import { expressionOf, Item, keyOf } from './ledger.ts';

/** DynamoDB leaves keys for a next call when it is asked for too much at once; more rounds than this are an outage. */
const READ_ROUNDS = 5;

/** What a resync needs of the ledger, in DynamoDB. Apart from the rest, so that deliver may do no more than it does. */
export const createBulkLedger = (client: DynamoDBClient, table: string): BulkLedger => ({
  async read(keys) {
    const items = new Map<string, LedgerItem>();
    const names = new Map(keys.map((key) => [`entity#${key}`, key]));
    let left: Record<string, KeysAndAttributes> = { [table]: { Keys: keys.map(keyOf), ConsistentRead: true } };
    for (let round = 0; round < READ_ROUNDS && left[table] !== undefined; round += 1) {
      const { Responses, UnprocessedKeys } = await client
        .send(new BatchGetItemCommand({ RequestItems: left }))
        .catch((cause: unknown) => {
          throw new DependencyError('TABLE', { cause });
        });
      for (const attributes of Responses?.[table] ?? []) {
        const { [TABLE_KEY]: name, ...item } = unmarshall(attributes);
        items.set(names.get(name) ?? '', Item.parse(item));
      }
      left = UnprocessedKeys ?? {};
    }
    if (left[table] !== undefined) throw new DependencyError('TABLE');
    return items;
  },

  async mark(key, { job, item, seen }) {
    const isNew = Object.keys(item.seen).length === 0 && item.deletedAt === undefined && item.job === undefined;
    const values: Record<string, unknown> = { ':job': job };
    const names: Record<string, string> = {};
    const sets = ['job = :job'];
    const conditions = ['attribute_not_exists(inFlight)'];
    const unless = (name: string, before: string | number | undefined) => {
      conditions.push(before === undefined ? `attribute_not_exists(${name})` : `${name} = :${name}Before`);
      if (before !== undefined) values[`:${name}Before`] = before;
    };
    unless('job', item.job);
    unless('deletedAt', item.deletedAt);
    const entries = Object.entries(seen).map(([facet, row]) => [facet, markedEntry(item.seen[facet], row)] as const);
    if (isNew) {
      conditions.push('(attribute_not_exists(seen) OR seen = :none)');
      sets.push('seen = :seen');
      values[':none'] = {};
      values[':seen'] = Object.fromEntries(entries);
    } else {
      for (const [index, [facet, entry]] of entries.entries()) {
        const before = item.seen[facet];
        names[`#f${index}`] = facet;
        values[`:f${index}`] = entry;
        sets.push(`seen.#f${index} = :f${index}`);
        if (before === undefined) {
          conditions.push(`attribute_not_exists(seen.#f${index})`);
          continue;
        }
        // Every change of an entry changes one of the two.
        names['#hash'] = 'hash';
        conditions.push(`seen.#f${index}.asOf = :a${index} AND seen.#f${index}.#hash = :h${index}`);
        values[`:a${index}`] = before.asOf;
        values[`:h${index}`] = before.hash;
      }
    }
    const command = new UpdateItemCommand({
      TableName: table,
      Key: keyOf(key),
      UpdateExpression: expressionOf(sets, []),
      ConditionExpression: conditions.join(' AND '),
      ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
      ExpressionAttributeValues: marshall(values),
    });
    try {
      await client.send(command);
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw new DependencyError('TABLE', { cause: error });
    }
  },
});
