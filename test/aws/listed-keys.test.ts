import { createHash } from 'node:crypto';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createListedKeys } from '../../functions/aws/listed-keys.ts';
import { createKeySet, type ListedKeys } from '../../functions/core/missing.ts';
import { memoryListedKeys } from '../support/doubles.ts';
import { startTestDynamo, TABLE } from '../support/dynamo.ts';

const NOON = new Date('2026-11-23T12:00:00Z');
const keyOf = (index: number) => createHash('sha256').update(String(index)).digest('hex');
const setOf = (from: number, to: number) => {
  const keys = createKeySet();
  for (let index = from; index < to; index += 1) keys.add(keyOf(index));
  return keys;
};

let dynamo: Awaited<ReturnType<typeof startTestDynamo>>;
beforeAll(async () => {
  dynamo = await startTestDynamo();
});
afterAll(() => dynamo.close());

const stores: readonly (readonly [string, () => ListedKeys])[] = [
  ['DynamoDB', () => createListedKeys(dynamo.client, TABLE, () => NOON)],
  ['the double in memory', memoryListedKeys],
];

describe.each(stores)('listed keys in %s', (_, create) => {
  it('come back from all chunks of a run, and from no other run', async () => {
    const store = create();
    await store.write('r1', 0, setOf(0, 100));
    await store.write('r1', 1, setOf(0, 0));
    await store.write('r1', 2, setOf(100, 90_100)); // three items of DynamoDB
    await store.write('r2', 0, setOf(100_000, 100_010));
    const keys = await store.read('r1', 3);
    expect(keys?.size).toBe(90_100);
    expect([0, 99, 100, 90_099, 90_100, 100_000].map((index) => keys?.has(keyOf(index)))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });
  it('are those of the last try of a chunk', async () => {
    const store = create();
    await store.write('r3', 0, setOf(0, 50_000));
    await store.write('r3', 0, setOf(10, 12));
    expect((await store.read('r3', 1))?.size).toBe(2);
    await store.write('r3', 0, setOf(0, 0));
    expect((await store.read('r3', 1))?.size).toBe(0);
  });
  it('are unknown when those of a chunk are', async () => {
    const store = create();
    await store.write('r4', 0, setOf(0, 1));
    await store.write('r4', 2, setOf(1, 2));
    expect(await store.read('r4', 3)).toBeUndefined();
    expect((await store.read('r4', 1))?.size).toBe(1);
  });
});

describe('listed keys in DynamoDB', () => {
  it('are binary, below the size of an item, and go after two weeks', async () => {
    const { Items = [] } = await dynamo.client.send(new ScanCommand({ TableName: TABLE }));
    expect(Items.length).toBeGreaterThan(0);
    for (const { listed, expiresAt } of Items) {
      expect(listed?.B?.byteLength ?? 0).toBeLessThanOrEqual(320_000);
      expect(Number(expiresAt?.N)).toBe(NOON.getTime() / 1000 + 14 * 86_400);
    }
  });
});
