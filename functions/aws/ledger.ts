import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  type KeysAndAttributes,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import { markedEntry } from '../core/bulk-job.ts';
import { DependencyError } from '../core/errors.ts';
import { type BulkLedger, EMPTY_ITEM, type Ledger, type LedgerItem } from '../core/ledger.ts';
import { TABLE_KEY } from '../manifest.ts';

const Seen = z.object({
  asOf: z.number(),
  hash: z.string(),
  events: z.array(z.string()),
  bulk: z.string().exactOptional(),
});
const Item = z
  .object({
    seen: z.record(z.string(), Seen).default({}),
    deletedAt: z.number().exactOptional(),
    createdAt: z.number().exactOptional(),
    inFlight: z.number().optional(),
    job: z.string().exactOptional(),
  })
  .transform(({ inFlight, ...item }): LedgerItem => ({ ...item, dirty: inFlight !== undefined }));

/** `entity#<sha256>`: no id from outside stands in the table. */
const keyOf = (key: string) => marshall({ [TABLE_KEY]: `entity#${key}` });

const expressionOf = (sets: readonly string[], removes: readonly string[]): string =>
  [sets.length > 0 ? `SET ${sets.join(', ')}` : '', removes.length > 0 ? `REMOVE ${removes.join(', ')}` : ''].join(' ').trim();

/** DynamoDB leaves keys for a next call when it is asked for too much at once; more rounds than this are an outage. */
const READ_ROUNDS = 5;

/** The ledger in DynamoDB, one item per entity. Items have no time to live: a tombstone must outlast every late update. */
export const createLedger = (client: DynamoDBClient, table: string): Ledger & BulkLedger => ({
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
