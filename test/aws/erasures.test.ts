import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createErasureNotes } from '../../functions/aws/erasure-notes.ts';
import { createErasures } from '../../functions/aws/erasures.ts';
import type { Erasure, ErasureNotes, Erasures } from '../../functions/core/erasure.ts';
import { TABLE_KEY } from '../../functions/manifest.ts';
import { memoryErasures } from '../support/doubles.ts';
import { startTestDynamo, TABLE } from '../support/dynamo.ts';

let dynamo: Awaited<ReturnType<typeof startTestDynamo>>;
beforeAll(async () => {
  dynamo = await startTestDynamo();
});
afterAll(() => dynamo.close());

const doubles: readonly (readonly [string, () => ErasureNotes & Erasures])[] = [
  ['memory', () => memoryErasures().erasures],
  ['DynamoDB', () => ({ ...createErasureNotes(dynamo.client, TABLE), ...createErasures(dynamo.client, TABLE) })],
];
const RECEIPT = { status: 'SENT', requestedAt: 1, endedAt: 9 } as const;

describe.each(doubles)('erasures in %s', (name, create) => {
  let erasures: ErasureNotes & Erasures;
  let noted: Erasure;
  let count = 0;
  beforeEach(() => {
    erasures = create();
    count += 1;
    noted = { key: `${name}-${count}`, kind: 'user', id: `invented ${count}`, requestedAt: 1, due: '2026-11-21' };
  });
  const due = async (day = '2026-11-21') => {
    const found: Erasure[] = [];
    for await (const page of erasures.listDue(day)) found.push(...page);
    return found.filter(({ key }) => key === noted.key);
  };

  it('lists what is due by a day, and not what is due later', async () => {
    await erasures.note(noted, false);
    expect([await due('2026-11-20'), await due(), await due('2026-12-31')]).toEqual([[], [noted], [noted]]);
  });
  it('notes twice what is noted twice, once', async () => {
    await erasures.note(noted, false);
    await erasures.note(noted, false);
    expect(await due()).toEqual([noted]);
  });
  it('keeps the earlier one where it should, and takes the later one where it should', async () => {
    const later = { ...noted, requestedAt: 2, due: '2026-11-30' };
    await erasures.note(noted, false);
    await erasures.note(later, true);
    expect(await due('2026-11-30')).toEqual([noted]);
    await erasures.note(later, false);
    expect(await due('2026-11-30')).toEqual([later]);
  });
  it('notes one where an earlier one should be kept, and there is none', async () => {
    await erasures.note(noted, true);
    expect(await due()).toEqual([noted]);
  });
  it('moves its day for somebody who comes back, and never to an earlier one', async () => {
    await erasures.note(noted, false);
    expect(await erasures.hold(noted.key, '2026-11-23', 100)).toBeUndefined();
    expect(await erasures.hold(noted.key, '2026-11-22', 100)).toBeUndefined();
    expect(await due('2026-11-23')).toEqual([{ ...noted, due: '2026-11-23' }]);
  });
  it('knows nothing of somebody who was never deleted', async () => {
    expect(await erasures.hold(noted.key, '2026-11-23', 100)).toBeUndefined();
    expect(await due('2026-11-23')).toEqual([]);
  });
  it('a claim stops whoever comes back, until it is old', async () => {
    await erasures.note(noted, false);
    expect(await erasures.claim(noted, 100)).toBe(true);
    expect(await erasures.hold(noted.key, '2026-11-23', 100)).toBe(100);
    expect(await due()).toEqual([noted]);
    expect(await erasures.hold(noted.key, '2026-11-23', 101)).toBeUndefined();
    expect(await due()).toEqual([]);
  });
  it('a claim still stops them when the deletion was sent, or noted anew', async () => {
    await erasures.note(noted, false);
    await erasures.claim(noted, 100);
    await erasures.conclude(noted, RECEIPT);
    expect(await erasures.hold(noted.key, '2026-11-23', 100)).toBe(100);
    await erasures.note({ ...noted, requestedAt: 2 }, false);
    expect(await erasures.hold(noted.key, '2026-11-23', 100)).toBe(100);
  });
  it('whoever comes back stops a claim', async () => {
    await erasures.note(noted, false);
    await erasures.hold(noted.key, '2026-11-23', 100);
    expect(await erasures.claim(noted, 200)).toBe(false);
  });
  it('can be claimed again, as a run that is tried again does', async () => {
    await erasures.note(noted, false);
    expect([await erasures.claim(noted, 100), await erasures.claim(noted, 200)]).toEqual([true, true]);
  });
  it('ends once, and is not listed any more', async () => {
    await erasures.note(noted, false);
    expect(await erasures.conclude(noted, RECEIPT)).toBe(true);
    expect(await erasures.conclude(noted, RECEIPT)).toBe(false);
    expect(await erasures.claim(noted, 200)).toBe(false);
    expect(await due('2026-12-31')).toEqual([]);
  });
  it('does not end one that was noted anew meanwhile', async () => {
    await erasures.note(noted, false);
    const anew = { ...noted, requestedAt: 2 };
    await erasures.note(anew, false);
    expect(await erasures.conclude(noted, RECEIPT)).toBe(false);
    expect(await due()).toEqual([anew]);
  });
});

describe('erasures in DynamoDB', () => {
  it('keep a receipt and forget the id', async () => {
    const erasures = { ...createErasureNotes(dynamo.client, TABLE), ...createErasures(dynamo.client, TABLE) };
    const noted: Erasure = { key: 'receipt', kind: 'company', id: 'forgotten', requestedAt: 1, due: '2026-11-21' };
    await erasures.note(noted, false);
    await erasures.claim(noted, 8);
    await erasures.conclude(noted, RECEIPT);
    const { Items = [] } = await dynamo.client.send(new ScanCommand({ TableName: TABLE }));
    const item = Items.map((attributes) => unmarshall(attributes)).find(({ [TABLE_KEY]: key }) => key === 'erasure#receipt');
    expect(item).toEqual({ [TABLE_KEY]: 'erasure#receipt', claimedAt: 8, receipt: RECEIPT, expiresAt: expect.any(Number) });
  });
  it('come in pages, all of them', async () => {
    const { note } = createErasureNotes(dynamo.client, TABLE);
    const id = 'x'.repeat(1000);
    // DynamoDB ends a page at a megabyte.
    for (let from = 0; from < 1200; from += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          note({ key: `page-${from + index}`, kind: 'user', id, requestedAt: 1, due: '2027-01-01' }, false),
        ),
      );
    }
    const pages: number[] = [];
    for await (const page of createErasures(dynamo.client, TABLE).listDue('2027-01-01'))
      pages.push(page.filter(({ key }) => key.startsWith('page-')).length);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.reduce((sum, length) => sum + length, 0)).toBe(1200);
  });
  it('asks DynamoDB how many are known, which the embedded one does not count', async () => {
    expect(await createErasures(dynamo.client, TABLE).countKnown()).toBe(0);
  });
  it('throw a DependencyError when the table does not answer', async () => {
    const client = new DynamoDBClient({
      endpoint: 'http://127.0.0.1:9',
      region: 'us-east-1',
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
      maxAttempts: 1,
    });
    const noted: Erasure = { key: 'k', kind: 'user', id: 'u', requestedAt: 1, due: '2026-11-21' };
    const error = { name: 'DependencyError', code: 'TABLE' };
    const notes = createErasureNotes(client, TABLE);
    const erasures = createErasures(client, TABLE);
    await expect(notes.note(noted, false)).rejects.toMatchObject(error);
    await expect(notes.hold('k', noted.due, 1)).rejects.toMatchObject(error);
    await expect(erasures.claim(noted, 1)).rejects.toMatchObject(error);
    await expect(erasures.listDue(noted.due)[Symbol.asyncIterator]().next()).rejects.toMatchObject(error);
    await expect(erasures.countKnown()).rejects.toMatchObject(error);
    client.destroy();
  });
});
