import { DescribeTableCommand, type DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import type { Erasure, Erasures } from '../core/erasure.ts';
import { DUE_INDEX, TABLE_KEY, TABLE_TTL } from '../manifest.ts';
import { PENDING, PREFIX, unanswered, updateIn } from './erasure-item.ts';

/** A receipt proves that a deletion was passed on, for as long as somebody may ask. */
const RECEIPT_KEPT_MS = 3 * 365 * 86_400_000;

const Listed = z.object({
  [TABLE_KEY]: z.string().startsWith(PREFIX),
  kind: z.enum(['user', 'company']),
  id: z.string(),
  requestedAt: z.number(),
  due: z.string(),
});

const { key: PENDING_NAME, sort: DUE_NAME } = DUE_INDEX;
const AS_LISTED = `${DUE_NAME} = :due AND requestedAt = :requestedAt`;

/**
 * Erasures as the function sees them that sends them. While a deletion is to be sent, its item holds the id and stands in the
 * index; afterwards it holds the receipt, so that to leave one and to forget the other is a single write.
 */
export const createErasures = (client: DynamoDBClient, table: string): Erasures => {
  const update = updateIn(client, table);
  return {
    async *listDue(day) {
      let start: Readonly<Record<string, unknown>> | undefined;
      do {
        const command = new QueryCommand({
          TableName: table,
          IndexName: DUE_INDEX.name,
          KeyConditionExpression: `${PENDING_NAME} = :pending AND ${DUE_NAME} <= :day`,
          ExpressionAttributeValues: marshall({ ':pending': PENDING, ':day': day }),
          ...(start !== undefined && { ExclusiveStartKey: marshall(start) }),
        });
        const { Items = [], LastEvaluatedKey } = await client.send(command).catch(unanswered);
        yield Items.map((item): Erasure => {
          const { [TABLE_KEY]: name, ...rest } = Listed.parse(unmarshall(item));
          return { key: name.slice(PREFIX.length), ...rest };
        });
        start = LastEvaluatedKey === undefined ? undefined : unmarshall(LastEvaluatedKey);
      } while (start !== undefined);
    },

    claim: ({ key, due, requestedAt }, now) =>
      update(key, {
        expression: 'SET claimedAt = :now',
        condition: AS_LISTED,
        values: { ':now': now, ':due': due, ':requestedAt': requestedAt },
      }),

    conclude: ({ key, due, requestedAt }, receipt) =>
      update(key, {
        expression: `SET receipt = :receipt, ${TABLE_TTL} = :ttl REMOVE id, kind, requestedAt, ${DUE_NAME}, ${PENDING_NAME}`,
        condition: AS_LISTED,
        values: {
          ':receipt': receipt,
          ':ttl': Math.floor((receipt.endedAt + RECEIPT_KEPT_MS) / 1000),
          ':due': due,
          ':requestedAt': requestedAt,
        },
      }),

    async countKnown() {
      const { Table } = await client.send(new DescribeTableCommand({ TableName: table })).catch(unanswered);
      return Table?.ItemCount ?? 0;
    },
  };
};
