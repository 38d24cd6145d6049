import { ConditionalCheckFailedException, type DynamoDBClient, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { Facet } from '../core/calls.ts';
import { COMPANY_KEY } from '../core/envelope.ts';
import { DependencyError } from '../core/errors.ts';
import type { Census } from '../core/missing.ts';
import { TABLE_KEY } from '../manifest.ts';
import { Item, keyOf } from './ledger.ts';

const ENTITY = 'entity#';

const unanswered = (cause: unknown): never => {
  throw new DependencyError('TABLE', { cause });
};

/** A scan reads the whole table, 1 MB a page: once in a full run, and for the resync alone. */
export const createCensus = (client: DynamoDBClient, table: string): Census => ({
  async *listUsers(source) {
    const facets = Facet.options.map((facet, index) => [`#f${index}`, `${source}/${facet}`] as const);
    const isOfSource = facets.map(([name]) => `attribute_exists(seen.${name})`).join(' OR ');
    let start: Record<string, unknown> | undefined;
    do {
      const command = new ScanCommand({
        TableName: table,
        FilterExpression: `begins_with(${TABLE_KEY}, :entity) AND NOT begins_with(${TABLE_KEY}, :company) AND (${isOfSource})`,
        ProjectionExpression: `${TABLE_KEY}, seen, deletedAt, createdAt, inFlight, job`,
        ExpressionAttributeNames: Object.fromEntries(facets),
        ExpressionAttributeValues: marshall({ ':entity': ENTITY, ':company': `${ENTITY}${COMPANY_KEY}` }),
        ...(start !== undefined && { ExclusiveStartKey: marshall(start) }),
      });
      const { Items = [], LastEvaluatedKey } = await client.send(command).catch(unanswered);
      yield Items.map((attributes) => {
        const { [TABLE_KEY]: name, ...item } = unmarshall(attributes);
        return [String(name).slice(ENTITY.length), Item.parse(item)] as const;
      });
      start = LastEvaluatedKey === undefined ? undefined : unmarshall(LastEvaluatedKey);
    } while (start !== undefined);
  },

  async bury(key, { dirty, seen, job, createdAt, deletedAt: before }, deletedAt) {
    if (dirty) return false;
    const values: Record<string, unknown> = { ':none': {}, ':at': deletedAt, ':facets': Object.keys(seen).length };
    const names: Record<string, string> = { '#hash': 'hash' };
    const conditions = ['attribute_not_exists(inFlight)', 'size(seen) = :facets'];
    for (const [name, value] of Object.entries({ job, deletedAt: before, createdAt })) {
      conditions.push(value === undefined ? `attribute_not_exists(${name})` : `${name} = :${name}`);
      if (value !== undefined) values[`:${name}`] = value;
    }
    for (const [index, [facet, { asOf, hash }]] of Object.entries(seen).entries()) {
      // Every change of an entry changes one of the two, or the job.
      conditions.push(`seen.#f${index}.asOf = :a${index} AND seen.#f${index}.#hash = :h${index}`);
      names[`#f${index}`] = facet;
      values[`:a${index}`] = asOf;
      values[`:h${index}`] = hash;
    }
    const command = new UpdateItemCommand({
      TableName: table,
      Key: keyOf(key),
      UpdateExpression: 'SET seen = :none, deletedAt = :at REMOVE job',
      ConditionExpression: conditions.join(' AND '),
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: marshall(values),
    });
    try {
      await client.send(command);
      return true;
    } catch (error) {
      return error instanceof ConditionalCheckFailedException ? false : unanswered(error);
    }
  },
});
