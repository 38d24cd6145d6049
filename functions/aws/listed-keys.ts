import { type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import { DependencyError } from '../core/errors.ts';
import { createKeySet, type ListedKeys } from '../core/missing.ts';
import { TABLE_KEY, TABLE_TTL } from '../manifest.ts';

/** 320 KB; DynamoDB takes items of 400. */
const KEYS_PER_ITEM = 40_000;
/** Far longer than a run. */
const KEPT_MS = 14 * 86_400_000;

const Part = z.object({ parts: z.int(), listed: z.instanceof(Uint8Array).optional() });

const keyOf = (runId: string, chunk: number, part: number) => marshall({ [TABLE_KEY]: `listed#${runId}#${chunk}#${part}` });

const unanswered = (cause: unknown): never => {
  throw new DependencyError('TABLE', { cause });
};

/** At least one DynamoDB item per chunk of a run, which also tells how many more there are. */
export const createListedKeys = (client: DynamoDBClient, table: string, now: () => Date): ListedKeys => ({
  async write(runId, chunk, keys) {
    const parts = keys.parts(KEYS_PER_ITEM);
    // Nobody listed is known as well. The first one comes last: it says that the others are there.
    for (const [index, listed] of [...(parts.length === 0 ? [undefined] : parts).entries()].reverse()) {
      const command = new UpdateItemCommand({
        TableName: table,
        Key: keyOf(runId, chunk, index),
        UpdateExpression: `SET parts = :parts, ${TABLE_TTL} = :ttl ${listed === undefined ? 'REMOVE listed' : ', listed = :listed'}`,
        ExpressionAttributeValues: marshall({
          ':parts': parts.length,
          ':ttl': Math.floor((now().getTime() + KEPT_MS) / 1000),
          ...(listed !== undefined && { ':listed': listed }),
        }),
      });
      await client.send(command).catch(unanswered);
    }
  },

  async read(runId, chunks) {
    const keys = createKeySet();
    for (let chunk = 0; chunk < chunks; chunk += 1) {
      let parts = 1;
      for (let index = 0; index < Math.max(parts, 1); index += 1) {
        const command = new GetItemCommand({ TableName: table, Key: keyOf(runId, chunk, index), ConsistentRead: true });
        const { Item } = await client.send(command).catch(unanswered);
        if (Item === undefined) return undefined;
        const part = Part.parse(unmarshall(Item));
        if (index === 0) parts = part.parts;
        if (part.listed !== undefined) keys.addPart(part.listed);
      }
    }
    return keys;
  },
});
