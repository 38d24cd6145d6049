import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRunStore } from '../../functions/aws/runs.ts';
import { NO_COUNTS } from '../../functions/core/resync.ts';
import { startTestDynamo, TABLE } from '../support/dynamo.ts';

let dynamo: Awaited<ReturnType<typeof startTestDynamo>>;
beforeAll(async () => {
  dynamo = await startTestDynamo();
});
afterAll(() => dynamo.close());

const now = new Date('2026-11-24T03:00:00Z');
const until = new Date('2026-11-24T09:00:00Z');
const counts = { ...NO_COUNTS, listed: 10, rejected: { NO_USER_ID: 2 } };

describe('the store of runs', () => {
  it('gives a source to one run, shows how far it is, and what it came to', async () => {
    const runs = createRunStore(dynamo.client, TABLE);
    expect(await runs.read('clerk')).toEqual({});
    expect(await runs.take('clerk', 'r1', { now, until })).toEqual({});
    expect(await runs.take('clerk', 'r2', { now, until })).toBeUndefined();
    expect(await runs.renew('clerk', 'r2', until, { counts, phase: 'listing' })).toBe(false);
    const progress = { counts, phase: 'bulk job', rows: 8 } as const;
    expect(await runs.renew('clerk', 'r1', until, progress)).toBe(true);
    expect(await runs.read('clerk')).toEqual({ owner: { runId: 'r1', until: until.getTime() }, progress });

    const startedAt = now.toISOString();
    await runs.finish('clerk', 'r1', { startedAt, counts, now: until });
    expect(await runs.read('clerk')).toEqual({
      progress: { counts, phase: 'done' },
      last: { runId: 'r1', startedAt, endedAt: until.toISOString(), counts },
    });
    expect(await runs.take('clerk', 'r2', { now, until })).toEqual({ startedAt });
  });

  it('takes a source from a run that did not renew it in time', async () => {
    const runs = createRunStore(dynamo.client, TABLE);
    await runs.take('okta', 'r1', { now, until });
    expect(await runs.take('okta', 'r2', { now: new Date(until.getTime() + 1), until })).toEqual({});
    expect(await runs.renew('okta', 'r1', until, { counts, phase: 'listing' })).toBe(false);
  });
});
