import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient, ResourceInUseException } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { listenOnLoopback } from '../http.ts';
import { Problem } from '../problem.ts';
import { clientOptions } from './aws.ts';

export interface DynamoEngine {
  readonly url: string;
  close(): Promise<void>;
}

export interface TableSpec {
  readonly name: string;
  /** The partition key, a string; there is no sort key. */
  readonly key: string;
  /** Strings too, with all attributes. Items that lack one of the two are not in it. */
  readonly index?: { readonly name: string; readonly key: string; readonly sort: string };
}

/** The LevelDB that dynalite uses. */
const { Level }: typeof import('level') = createRequire(import.meta.resolve('dynalite'))('level');

const unusable = (folder: string, cause: unknown): Problem =>
  new Problem(`The table in ${folder} cannot be opened; start again with --fresh to begin with an empty one.`, { cause });

/** dynalite opens the folder in the background, and an error there ends the process: a trial shows it while it can be told. */
const tryToOpen = async (folder: string): Promise<void> => {
  const level = new Level(folder);
  try {
    await level.open();
  } catch (cause) {
    throw unusable(folder, cause);
  } finally {
    await level.close();
  }
};

const ACTIVE_WITHIN_MS = 5000;

const createTable = async (client: DynamoDBClient, { name, key, index }: TableSpec): Promise<void> => {
  const attributes = [key, ...(index === undefined ? [] : [index.key, index.sort])];
  const command = new CreateTableCommand({
    TableName: name,
    KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
    AttributeDefinitions: attributes.map((attribute) => ({ AttributeName: attribute, AttributeType: 'S' })),
    BillingMode: 'PAY_PER_REQUEST',
    ...(index !== undefined && {
      GlobalSecondaryIndexes: [
        {
          IndexName: index.name,
          KeySchema: [
            { AttributeName: index.key, KeyType: 'HASH' },
            { AttributeName: index.sort, KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
    }),
  });
  await client.send(command).catch((error: unknown) => {
    if (!(error instanceof ResourceInUseException)) throw error;
  });
  const deadline = Date.now() + ACTIVE_WITHIN_MS;
  for (;;) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
    const indexes = Table?.GlobalSecondaryIndexes ?? [];
    // dynalite cannot add an index to a table of an older version.
    if (index !== undefined && !indexes.some(({ IndexName }) => IndexName === index.name)) throw new Error('an index is missing');
    if (Table?.TableStatus === 'ACTIVE') return;
    // Killed in the instant between the two states of a new table, dynalite never goes on from there.
    if (Date.now() > deadline) throw new Error(`table ${name} stays in ${Table?.TableStatus}`);
    await pause(5);
  }
};

/**
 * DynamoDB on loopback with one table, kept in `folder`. LevelDB hands each write to the operating system before
 * dynalite answers, so a killed process loses nothing.
 *
 * @throws Problem when the folder cannot be read as a table.
 */
export const startDynamo = async ({
  folder,
  table,
}: {
  readonly folder: string;
  readonly table: TableSpec;
}): Promise<DynamoEngine> => {
  await tryToOpen(folder);
  const server = dynalite({ path: folder, createTableMs: 0 });
  const url = await listenOnLoopback(server);
  // The callback comes after LevelDB has let go of its folder; the server's own event comes before.
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const client = new DynamoDBClient({ ...clientOptions(url), maxAttempts: 1 });
  try {
    await createTable(client, table);
  } catch (cause) {
    await close();
    throw unusable(folder, cause);
  } finally {
    client.destroy();
  }
  return { url, close };
};
