import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DUE_INDEX, TABLE_KEY } from '../../functions/manifest.ts';
import { clientOptions } from '../../infra/local/engines/aws.ts';
import { startDynamo } from '../../infra/local/engines/dynamodb.ts';

export const TABLE = 'ledger';

/** The embedded DynamoDB with our one table, and a client to it. */
export const startTestDynamo = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'userpilot-webhooks-dynamo-'));
  const engine = await startDynamo({ folder, table: { name: TABLE, key: TABLE_KEY, index: DUE_INDEX } });
  const client = new DynamoDBClient({ ...clientOptions(engine.url), maxAttempts: 1 });
  return {
    client,
    async close() {
      client.destroy();
      await engine.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
