import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createBulkLedger } from '../../functions/aws/bulk-ledger.ts';
import { createCensus } from '../../functions/aws/census.ts';
import { createLedger } from '../../functions/aws/ledger.ts';
import { digest } from '../../functions/core/digest.ts';
import { COMPANY_KEY } from '../../functions/core/envelope.ts';
import type { BulkLedger, Ledger, LedgerItem, LedgerUpdate } from '../../functions/core/ledger.ts';
import type { Census } from '../../functions/core/missing.ts';
import { clientOptions } from '../../infra/local/engines/aws.ts';
import { memoryLedger } from '../support/doubles.ts';
import { startTestDynamo, TABLE } from '../support/dynamo.ts';

let dynamo: Awaited<ReturnType<typeof startTestDynamo>>;
beforeAll(async () => {
  dynamo = await startTestDynamo();
});
afterAll(() => dynamo.close());

const double = memoryLedger().ledger;
const tables: readonly (readonly [string, () => Ledger & BulkLedger & Census])[] = [
  [
    'DynamoDB',
    () => ({
      ...createLedger(dynamo.client, TABLE),
      ...createBulkLedger(dynamo.client, TABLE),
      ...createCensus(dynamo.client, TABLE),
    }),
  ],
  ['the double in memory', () => double],
];

const claim = (owner: string) => ({ owner, until: new Date('2026-11-23T12:00:00Z') });
const entry = (asOf: number, events: readonly string[] = []) => ({ asOf, hash: `h${asOf}`, events });

describe.each(tables)('the census in %s', (_, create) => {
  const told = async (name: string, facets: LedgerUpdate['seen'], more: Partial<LedgerUpdate> = {}) => {
    const key = name.startsWith(COMPANY_KEY) ? name : digest(name);
    await create().begin(key, claim('a'));
    await create().commit(key, claim('a'), { seen: facets, forgetSeen: false, ...more }, true);
    return key;
  };
  const census = async (source: string): Promise<ReadonlyMap<string, LedgerItem>> => {
    const found = new Map<string, LedgerItem>();
    for await (const page of create().listUsers(source)) for (const [key, item] of page) found.set(key, item);
    return found;
  };
  const itemOf = async (key: string) => (await create().read([key])).get(key);

  it('finds the users of a source, whichever facet it told of, and no companies', async () => {
    const member = await told('member', { 'clerk/membership': entry(1) });
    const both = await told('both', { 'stripe/profile': entry(1), 'clerk/profile': entry(2, ['e']) }, { createdAt: 2 });
    await told('other', { 'stripe/profile': entry(1) });
    await told(`${COMPANY_KEY}${digest('company')}`, { 'clerk/profile': entry(1) });
    const found = await census('clerk');
    expect([...found.keys()].sort()).toEqual([member, both].sort());
    expect(found.get(both)).toEqual(await itemOf(both));
    expect(await census('okta')).toEqual(new Map());
  });

  it('finds more than one page of them', async () => {
    const events = Array.from({ length: 100 }, (_, index) => digest(String(index))); // 7 KB, and a page has a megabyte
    const many: string[] = [];
    for (let first = 0; first < 200; first += 40)
      many.push(
        ...(await Promise.all(
          Array.from({ length: 40 }, (_, index) => told(`many-${first + index}`, { 'kinde/profile': entry(index, events) })),
        )),
      );
    expect([...(await census('kinde')).keys()].sort()).toEqual([...many].sort());
  }, 60_000);

  it('buries who is as they were listed, and forgets what was sent', async () => {
    const key = await told('gone', { 'ory/profile': entry(1) }, { createdAt: 1 });
    await create().mark(key, {
      job: 'j1',
      item: (await itemOf(key)) as LedgerItem,
      seen: { 'ory/profile': { asOf: 2, bulk: 'b' } },
    });
    const item = (await census('ory')).get(key) as LedgerItem;
    expect(item.job).toBe('j1');
    expect(await create().bury(key, item, 9)).toBe(true);
    expect(await itemOf(key)).toEqual({ seen: {}, createdAt: 1, deletedAt: 9, dirty: false });
    expect(await census('ory')).toEqual(new Map());
    expect(await create().bury(key, item, 9)).toBe(false);
  });

  it("buries nobody who is in somebody's hand, or of whom something was told since", async () => {
    const key = await told('alive', { 'okta/profile': entry(1) });
    const before = (await itemOf(key)) as LedgerItem;
    await told('alive', { 'okta/profile': entry(2) });
    expect(await create().bury(key, before, 9)).toBe(false);
    const now = (await itemOf(key)) as LedgerItem;
    await create().begin(key, claim('b'));
    expect(await create().bury(key, now, 9)).toBe(false);
    expect(await create().bury(key, (await itemOf(key)) as LedgerItem, 9)).toBe(false);
    expect((await itemOf(key))?.deletedAt).toBeUndefined();
  });
});

describe('the census in DynamoDB', () => {
  it('throws a DependencyError when the table does not answer', async () => {
    const client = new DynamoDBClient({ ...clientOptions('http://127.0.0.1:9'), maxAttempts: 1 });
    const down = createCensus(client, TABLE);
    const first = async (): Promise<unknown> => {
      for await (const page of down.listUsers('clerk')) return page;
      return undefined;
    };
    await expect(first()).rejects.toMatchObject({ name: 'DependencyError', code: 'TABLE' });
    await expect(down.bury('k', { seen: {}, dirty: false }, 9)).rejects.toMatchObject({ code: 'TABLE' });
    client.destroy();
  });
});
