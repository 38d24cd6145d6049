import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bindErase } from '../../functions/entry/erase.ts';
import { ENV } from '../../functions/manifest.ts';
import { clientOptions } from '../../infra/local/engines/aws.ts';
import { contextOf } from '../support/doubles.ts';
import { type Running, startEndToEnd } from '../support/end-to-end.ts';
import { person } from '../support/people.ts';
import { until } from '../support/until.ts';

const DAY = 86_400_000;
const CREATED = Date.parse('2026-11-20T09:14:58.300Z');
/** Further than the hold-back of the local stage. */
const dayIn = (days: number): string => new Date(Date.now() + days * DAY).toISOString().slice(0, 10);

let running: Running;
beforeAll(async () => {
  running = await startEndToEnd();
});
afterAll(() => running.close());

const run = async (event: unknown = {}) => {
  const response = await fetch(`${running.stack.url}/triggers/erase`, { method: 'POST', body: JSON.stringify(event) });
  return { status: response.status, body: await response.json() };
};
/** The function with other settings, on the engines of the running stack. */
const runWith = (deletions: unknown, event: object = {}) => {
  const erase = bindErase(
    {
      [ENV.tableName]: running.stack.tableName,
      [ENV.userpilotSecretId]: 'userpilot',
      [ENV.userpilotBaseUrl]: running.stack.userpilotUrl,
      [ENV.deletions]: JSON.stringify(deletions),
    },
    () => undefined,
  );
  return erase({ dueBy: dayIn(9), ...event }, contextOf());
};
const deletes = () => running.userpilot.requests().filter(({ method }) => method === 'DELETE');
const told = async (type: string, id: string, seconds: number): Promise<void> => {
  await running.send('clerk', type, person(id), { now: new Date(CREATED + seconds * 1000) });
  await running.idle();
};
/** What the table knows of erasures. */
const erasures = async () => {
  const client = new DynamoDBClient(clientOptions(running.stack.engines.dynamodb));
  const { Items = [] } = await client.send(new ScanCommand({ TableName: running.stack.tableName }));
  client.destroy();
  return Items.map((item) => unmarshall(item)).filter(({ pk }) => String(pk).startsWith('erasure#'));
};

describe('a deletion, from its vendor to Userpilot', () => {
  it('is held back, then sent with others in one call, and leaves a receipt without the id', async () => {
    for (const id of ['gone-1', 'gone-2', 'stays']) await told('user.created', id, 0);
    for (const id of ['gone-1', 'gone-2']) await told('user.deleted', id, 1);
    expect((await run()).body).toMatchObject({ due: 0, sent: 0 });
    expect((await run({ dueBy: dayIn(6) })).body).toMatchObject({ due: 0, sent: 0 });
    expect(deletes()).toEqual([]);
    expect((await run({ dueBy: dayIn(9) })).body).toMatchObject({ due: 2, sent: 2, calls: 1 });
    expect(deletes().map(({ path, body, status }) => [path, body, status])).toEqual([
      ['/v1/users', { users: expect.arrayContaining(['gone-1', 'gone-2']) }, 202],
    ]);
    expect(running.userpilot.store.user('gone-1')).toBeDefined();
    running.userpilot.advance(DAY);
    expect(['gone-1', 'gone-2', 'stays'].map((id) => running.userpilot.store.user(id)?.user_id)).toEqual([
      undefined,
      undefined,
      'stays',
    ]);
    const items = await erasures();
    expect(items.map(({ receipt }) => receipt.status)).toEqual(['SENT', 'SENT']);
    expect(JSON.stringify(items)).not.toContain('gone');
  });

  it('is not undone by a late update', async () => {
    const calls = running.userpilot.requests().length;
    await told('user.updated', 'gone-1', 30);
    expect(running.userpilot.requests()).toHaveLength(calls);
    expect(running.userpilot.store.user('gone-1')).toBeUndefined();
  });

  it('is cancelled when the user is created again before', async () => {
    await told('user.created', 'back', 0);
    await told('user.deleted', 'back', 1);
    await told('user.created', 'back', 2);
    const before = deletes().length;
    expect((await run({ dueBy: dayIn(9) })).body).toMatchObject({ due: 1, sent: 0, cancelled: 1 });
    expect([deletes().length, running.userpilot.store.user('back')?.user_id]).toEqual([before, 'back']);
  });

  it('of a company takes the way of companies', async () => {
    await told('organization.created', 'worker', 0);
    await told('organization.deleted', 'worker', 1);
    expect((await run({ dueBy: dayIn(9) })).body).toMatchObject({ sent: 1 });
    expect(deletes().at(-1)).toMatchObject({ path: '/v1/companies', status: 202 });
  });

  it('stays due while Userpilot refuses it', async () => {
    await told('user.created', 'patient', 0);
    await told('user.deleted', 'patient', 1);
    running.userpilot.faults.always({ kind: 'status', status: 400 });
    expect(await run({ dueBy: dayIn(9) })).toMatchObject({ status: 500, body: { errorType: 'IdsRefused' } });
    running.userpilot.faults.clear();
    expect((await run({ dueBy: dayIn(9) })).body).toMatchObject({ sent: 1 });
  });

  it('is counted and not sent where the stage only reports', async () => {
    await told('user.created', 'reported', 0);
    await told('user.deleted', 'reported', 1);
    const before = deletes().length;
    expect(await runWith({ mode: 'report' })).toMatchObject({ sent: 1, calls: 0, mode: 'report' });
    expect(await run({ dueBy: dayIn(9) })).toMatchObject({ body: { due: 0 } });
    running.userpilot.advance(DAY);
    expect([deletes().length, running.userpilot.store.user('reported')?.user_id]).toEqual([before, 'reported']);
  });

  it('waits for a person when there are too many, and is sent when the person says so', async () => {
    for (const id of ['many-1', 'many-2']) await told('user.deleted', id, 1);
    const before = deletes().length;
    const mass = { mode: 'erase', mass: { count: 1 } } as const;
    expect(await runWith(mass)).toMatchObject({ mass: true, sent: 0, later: 2 });
    expect(deletes()).toHaveLength(before);
    expect(await runWith(mass, { force: true })).toMatchObject({ sent: 2, calls: 1 });
  });

  // The last one: what it leaves in the queue comes back for hours.
  it('keeps whom it concerns from coming back before Userpilot has carried it out', async () => {
    await running.send('clerk', 'user.created', person('gone-2'), { now: new Date(CREATED + 60_000) });
    await until(() => running.events.some(({ code }) => code === 'BEING_ERASED'), { deadlineMs: 10_000 });
    expect(running.userpilot.store.user('gone-2')).toBeUndefined();
  });
});
