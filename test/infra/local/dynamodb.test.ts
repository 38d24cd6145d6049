import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOptions } from '../../../infra/local/engines/aws.ts';
import { type DynamoEngine, startDynamo } from '../../../infra/local/engines/dynamodb.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const table = { name: 'ledger', key: 'pk' };

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const using = async <T>(work: (client: DynamoDBClient) => Promise<T>): Promise<T> => {
  const engine: DynamoEngine = await startDynamo({ folder: folder.path, table });
  const client = new DynamoDBClient(clientOptions(engine.url));
  try {
    return await work(client);
  } finally {
    client.destroy();
    await engine.close();
  }
};

describe('the embedded DynamoDB', () => {
  it('has the table, and keeps its items over a restart', async () => {
    await using((client) => client.send(new PutItemCommand({ TableName: 'ledger', Item: { pk: { S: 'a' }, n: { N: '1' } } })));
    const { Item } = await using((client) => client.send(new GetItemCommand({ TableName: 'ledger', Key: { pk: { S: 'a' } } })));
    expect(Item).toEqual({ pk: { S: 'a' }, n: { N: '1' } });
  });

  it('says what to do when its folder is no table, and leaves nothing open', async () => {
    mkdirSync(join(folder.path, 'CURRENT'));
    await expect(startDynamo({ folder: folder.path, table })).rejects.toThrow(/cannot be opened; start again with --fresh/);
  });

  it('says the same when the file that names its state is damaged', async () => {
    await using(async () => undefined);
    writeFileSync(join(folder.path, 'CURRENT'), 'nonsense');
    await expect(startDynamo({ folder: folder.path, table })).rejects.toThrow(/--fresh/);
  });
});
