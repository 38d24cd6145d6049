import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import type { ErasureNotes } from '../core/erasure.ts';
import { DUE_INDEX, TABLE_TTL } from '../manifest.ts';
import { keyOf, PENDING, unanswered, updateIn } from './erasure-item.ts';

const Claimed = z.object({ claimedAt: z.number().optional() });

const { key: PENDING_NAME, sort: DUE_NAME } = DUE_INDEX;

/** Erasures as deliver sees them, one DynamoDB item per entity that was ever deleted. */
export const createErasureNotes = (client: DynamoDBClient, table: string): ErasureNotes => {
  const update = updateIn(client, table);
  return {
    async note({ key, kind, id, requestedAt, due }, keepEarlier) {
      await update(key, {
        expression: `SET kind = :kind, id = :id, requestedAt = :requestedAt, ${DUE_NAME} = :due, ${PENDING_NAME} = :pending REMOVE ${TABLE_TTL}`,
        ...(keepEarlier && { condition: `attribute_not_exists(${DUE_NAME})` }),
        values: { ':kind': kind, ':id': id, ':requestedAt': requestedAt, ':due': due, ':pending': PENDING },
      });
    },

    async hold(key, due, openSince) {
      const moved = await update(key, {
        expression: `SET ${DUE_NAME} = :due`,
        condition: `${DUE_NAME} < :due AND (attribute_not_exists(claimedAt) OR claimedAt < :openSince)`,
        values: { ':due': due, ':openSince': openSince },
      });
      if (moved) return undefined;
      const command = new GetItemCommand({
        TableName: table,
        Key: keyOf(key),
        ConsistentRead: true,
        ProjectionExpression: 'claimedAt',
      });
      const { Item } = await client.send(command).catch(unanswered);
      const { claimedAt } = Claimed.parse(unmarshall(Item ?? {}));
      return claimedAt !== undefined && claimedAt >= openSince ? claimedAt : undefined;
    },
  };
};
