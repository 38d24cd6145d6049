import { DeleteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createBreakerStore } from '../../functions/aws/breaker.ts';
import { type BreakerStore, CLOSED } from '../../functions/core/breaker.ts';
import { TABLE_KEY } from '../../functions/manifest.ts';
import { memoryBreakerStore } from '../support/doubles.ts';
import { startTestDynamo, TABLE } from '../support/dynamo.ts';

let dynamo: Awaited<ReturnType<typeof startTestDynamo>>;
beforeAll(async () => {
  dynamo = await startTestDynamo();
});
afterAll(() => dynamo.close());
beforeEach(() => dynamo.client.send(new DeleteItemCommand({ TableName: TABLE, Key: { [TABLE_KEY]: { S: 'breaker' } } })));

const stores: readonly (readonly [string, () => BreakerStore])[] = [
  ['DynamoDB', () => createBreakerStore(dynamo.client, TABLE)],
  ['the double in memory', () => memoryBreakerStore().store],
];

describe.each(stores)('breaker store in %s', (_, create) => {
  it('is closed at first, counts failures, and is closed again', async () => {
    const store = create();
    expect(await store.read()).toEqual(CLOSED);
    expect(await store.countFailure()).toEqual({ failures: 1, opens: 0 });
    expect(await store.countFailure()).toEqual({ failures: 2, opens: 0 });
    await store.close();
    expect(await store.read()).toEqual(CLOSED);
  });
  it('lets one of two workers open it, and one of two take the trial', async () => {
    const store = create();
    expect([await store.open(100, 1, CLOSED), await store.open(200, 1, CLOSED)]).toEqual([true, false]);
    const seen = await store.read();
    expect(seen).toEqual({ failures: 0, opens: 1, openUntil: 100 });
    expect([await store.open(300, 1, seen), await store.open(400, 1, seen)]).toEqual([true, false]);
    expect(await store.countFailure()).toEqual({ failures: 1, opens: 1, openUntil: 300 });
  });
});

it('throws a DependencyError when the table does not answer', async () => {
  const client = new DynamoDBClient({
    endpoint: 'http://127.0.0.1:9',
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    maxAttempts: 1,
  });
  const store = createBreakerStore(client, TABLE);
  for (const call of [store.read(), store.countFailure(), store.open(1, 1, CLOSED), store.close()]) {
    await expect(call).rejects.toMatchObject({ name: 'DependencyError', code: 'TABLE' });
  }
  client.destroy();
});
