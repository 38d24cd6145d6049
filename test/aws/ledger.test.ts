import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createBulkLedger } from '../../functions/aws/bulk-ledger.ts';
import { createLedger } from '../../functions/aws/ledger.ts';
import { type BulkLedger, EMPTY_ITEM, type Ledger, type LedgerUpdate } from '../../functions/core/ledger.ts';
import { memoryLedger } from '../support/doubles.ts';
import { startTestDynamo, TABLE } from '../support/dynamo.ts';

const seen = (asOf: number) => ({ asOf, hash: `h${asOf}`, events: [`e${asOf}`] });
const update = (changes: Partial<LedgerUpdate> = {}): LedgerUpdate => ({
  seen: { 'clerk/profile': seen(1) },
  forgetSeen: false,
  ...changes,
});
const claim = (owner: string) => ({ owner, until: new Date('2026-11-23T12:00:00Z') });

let dynamo: Awaited<ReturnType<typeof startTestDynamo>>;
beforeAll(async () => {
  dynamo = await startTestDynamo();
});
afterAll(() => dynamo.close());

const ledgers: readonly (readonly [string, () => Ledger & BulkLedger])[] = [
  ['DynamoDB', () => ({ ...createLedger(dynamo.client, TABLE), ...createBulkLedger(dynamo.client, TABLE) })],
  ['the double in memory', () => memoryLedger().ledger],
];

describe.each(ledgers)('ledger in %s', (name, create) => {
  let ledger: Ledger & BulkLedger;
  let key: string;
  let keys = 0;
  const fresh = () => {
    ledger = create();
    keys += 1;
    key = `${name}-${keys}`;
  };

  it('knows nothing of a new entity', async () => {
    fresh();
    expect(await ledger.begin(key, claim('a'))).toEqual(EMPTY_ITEM);
  });
  it('gives back what was committed, and is clean after a settled attempt', async () => {
    fresh();
    await ledger.begin(key, claim('a'));
    await ledger.commit(key, claim('a'), update({ createdAt: 5 }), true);
    expect(await ledger.begin(key, claim('b'))).toEqual({ seen: { 'clerk/profile': seen(1) }, createdAt: 5, dirty: false });
  });
  it('is dirty after an attempt that never committed, and stays so until one settles', async () => {
    fresh();
    await ledger.begin(key, claim('a'));
    expect((await ledger.begin(key, claim('b'))).dirty).toBe(true);
    await ledger.commit(key, claim('b'), update(), false);
    expect(await ledger.begin(key, claim('c'))).toEqual({ seen: { 'clerk/profile': seen(1) }, dirty: true });
    await ledger.commit(key, claim('c'), { seen: {}, forgetSeen: false }, true);
    expect((await ledger.begin(key, claim('d'))).dirty).toBe(false);
  });
  it('refuses the commit of an attempt that was overtaken', async () => {
    fresh();
    await ledger.begin(key, claim('a'));
    await ledger.begin(key, claim('b'));
    await expect(ledger.commit(key, claim('a'), update(), true)).rejects.toMatchObject({
      name: 'DependencyError',
      code: 'OVERTAKEN',
    });
    expect((await ledger.begin(key, claim('c'))).seen).toEqual({});
  });
  it('keeps the other facets, and forgets all of them after a deletion', async () => {
    fresh();
    await ledger.begin(key, claim('a'));
    await ledger.commit(key, claim('a'), update({ seen: { 'clerk/profile': seen(1), 'stripe/profile': seen(2) } }), true);
    await ledger.begin(key, claim('b'));
    await ledger.commit(key, claim('b'), update({ seen: { 'clerk/profile': seen(3) } }), true);
    expect((await ledger.begin(key, claim('c'))).seen).toEqual({ 'clerk/profile': seen(3), 'stripe/profile': seen(2) });
    await ledger.commit(key, claim('c'), { seen: {}, forgetSeen: true, deletedAt: 9 }, true);
    expect(await ledger.begin(key, claim('d'))).toEqual({ seen: {}, deletedAt: 9, dirty: false });
  });
});

describe.each(ledgers)('marks for a bulk job in %s', (name, create) => {
  const row = (asOf: number) => ({ 'clerk/profile': { asOf, bulk: `b${asOf}` } });
  const marked = (asOf: number, events: readonly string[] = []) => ({ asOf, hash: '', events, bulk: `b${asOf}` });
  let ledger: Ledger & BulkLedger;
  let key: string;
  let keys = 0;
  const fresh = () => {
    ledger = create();
    keys += 1;
    key = `${name}-mark-${keys}`;
  };
  const itemNow = async () => (await ledger.read([key])).get(key) ?? EMPTY_ITEM;
  const told = async (owner: string, changes: Partial<LedgerUpdate> = {}) => {
    await ledger.begin(key, claim(owner));
    await ledger.commit(key, claim(owner), update(changes), true);
  };

  it('reads what is there, and leaves out what is not', async () => {
    fresh();
    await told('a');
    const items = await ledger.read([key, `${key}-other`]);
    expect([...items]).toEqual([[key, { seen: { 'clerk/profile': seen(1) }, dirty: false }]]);
  });
  it('gives an entity that was never seen to a job', async () => {
    fresh();
    expect(await ledger.mark(key, { job: 'j1', item: EMPTY_ITEM, seen: row(4) })).toBe(true);
    expect(await itemNow()).toEqual({ seen: { 'clerk/profile': marked(4) }, dirty: false, job: 'j1' });
  });
  it('gives a known entity to a job, and keeps its other facets', async () => {
    fresh();
    await told('a', { seen: { 'clerk/profile': seen(1), 'stripe/profile': seen(2) }, createdAt: 1 });
    expect(await ledger.mark(key, { job: 'j1', item: await itemNow(), seen: row(4) })).toBe(true);
    const expected = { 'clerk/profile': marked(4), 'stripe/profile': seen(2) };
    expect(await itemNow()).toEqual({ seen: expected, createdAt: 1, dirty: false, job: 'j1' });
  });
  it('remembers the events of the same instant', async () => {
    fresh();
    await told('a');
    expect(await ledger.mark(key, { job: 'j1', item: await itemNow(), seen: row(1) })).toBe(true);
    expect((await itemNow()).seen).toEqual({ 'clerk/profile': marked(1, ['e1']) });
  });
  it("refuses what is in somebody's hand, also when it was not yet when it was read", async () => {
    fresh();
    const before = await itemNow();
    await ledger.begin(key, claim('a'));
    expect(await ledger.mark(key, { job: 'j1', item: before, seen: row(4) })).toBe(false);
    expect(await ledger.mark(key, { job: 'j1', item: await itemNow(), seen: row(4) })).toBe(false);
  });
  it('refuses what was told something, deleted or given to another job since it was read', async () => {
    for (const change of [
      () => told('b', { seen: { 'clerk/profile': seen(2) } }),
      () => told('b', { seen: {}, forgetSeen: true, deletedAt: 9 }),
      async () => void (await ledger.mark(key, { job: 'other', item: await itemNow(), seen: row(2) })),
    ]) {
      fresh();
      await told('a');
      const before = await itemNow();
      await change();
      expect(await ledger.mark(key, { job: 'j1', item: before, seen: row(4) })).toBe(false);
    }
    fresh();
    await told('b');
    expect(await ledger.mark(key, { job: 'j1', item: EMPTY_ITEM, seen: row(4) })).toBe(false);
  });
  it('marks once more for the same job, as a step that is tried again does', async () => {
    fresh();
    for (let round = 0; round < 2; round += 1) {
      expect(await ledger.mark(key, { job: 'j1', item: await itemNow(), seen: row(4) })).toBe(true);
    }
    expect(await itemNow()).toEqual({ seen: { 'clerk/profile': marked(4) }, dirty: false, job: 'j1' });
  });
  it('hands the job to the next attempt, which forgets it when told so', async () => {
    fresh();
    await ledger.mark(key, { job: 'j1', item: EMPTY_ITEM, seen: row(4) });
    expect(await ledger.begin(key, claim('a'))).toEqual({ seen: { 'clerk/profile': marked(4) }, dirty: false, job: 'j1' });
    await ledger.commit(key, claim('a'), update({ seen: {} }), true);
    expect((await itemNow()).job).toBe('j1');
    await ledger.begin(key, claim('b'));
    await ledger.commit(key, claim('b'), update({ seen: {}, forgetJob: true }), true);
    expect(await itemNow()).toEqual({ seen: { 'clerk/profile': marked(4) }, dirty: false });
  });
});

describe('ledger in DynamoDB', () => {
  it('throws a DependencyError when the table does not answer', async () => {
    const client = new DynamoDBClient({
      endpoint: 'http://127.0.0.1:9',
      region: 'us-east-1',
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
      maxAttempts: 1,
    });
    const ledger = createLedger(client, TABLE);
    await expect(ledger.begin('k', claim('a'))).rejects.toMatchObject({ name: 'DependencyError', code: 'TABLE' });
    await expect(ledger.commit('k', claim('a'), update(), true)).rejects.toMatchObject({ code: 'TABLE' });
    client.destroy();
  });
  it('stores no profile: hashes, times and facet names only', async () => {
    const { Items = [] } = await dynamo.client.send(new ScanCommand({ TableName: TABLE }));
    expect(Items.length).toBeGreaterThan(0);
    for (const item of Items)
      expect(
        Object.keys(item).every((name) => ['pk', 'seen', 'inFlight', 'owner', 'deletedAt', 'createdAt', 'job'].includes(name)),
      ).toBe(true);
  });
});
