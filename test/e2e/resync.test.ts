import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { isUnfinished } from '../../infra/local/journal.ts';
import { type Running, startEndToEnd } from '../support/end-to-end.ts';
import { until } from '../support/until.ts';

const PEOPLE = 25_000;
/** A second of the run's waits, in milliseconds: a job of 10,000 rows takes four seconds instead of eight minutes. */
const SECOND_MS = 8;
const ROWS_PER_MINUTE = 150_000;

const users = inventUsers(PEOPLE, new Date());
const one = (index: number): FakeUser => users[index] as FakeUser; // there are that many

let running: Running;
beforeAll(async () => {
  const userpilotKnobs = { bulkRowsPerMinute: ROWS_PER_MINUTE, queuedMs: 50, validatingMs: 50, pendingRefreshMs: 100 };
  running = await startEndToEnd({ userpilotKnobs, vendorUsers: users });
}, 120_000);
afterAll(() => running.close());

const FILE = fileURLToPath(new URL('../support/resync-process.ts', import.meta.url));
const startResync = (...args: readonly string[]) => {
  const { stack } = running;
  const child = spawn(process.execPath, [FILE, String(SECOND_MS), 'clerk', '--to', stack.url, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = Promise.all([text(child.stdout), text(child.stderr)]).then((parts) => parts.join(''));
  const exit = once(child, 'exit');
  return {
    kill: async () => {
      child.kill('SIGKILL');
      await exit;
    },
    ended: async () => {
      const [code] = await exit;
      return { code: Number(code), out: await out };
    },
  };
};

interface Job {
  readonly status: string;
  readonly total_rows: number;
  readonly start_time: string;
  readonly end_time: string | null;
}
/** Oldest first. */
const jobs = async (): Promise<readonly Job[]> => {
  const response = await fetch(`${running.stack.userpilotUrl}/_/jobs`);
  return ((await response.json()) as Job[]).toReversed();
};
const isRunning = async (): Promise<boolean> => (await jobs()).some(({ end_time }) => end_time === null);

/** Renames somebody at the vendor and posts what Clerk posts then. */
const rename = async (index: number, firstName: string): Promise<string> => {
  const { who, createdAt } = one(index);
  const { vendors } = running.stack;
  if (vendors === undefined) throw new Error('the stack has its fake vendors');
  vendors.add({ who: { ...who, firstName }, createdAt, updatedAt: new Date() });
  const secretKey = running.secrets().clerk?.api?.secretKey;
  const headers = { authorization: `Bearer ${secretKey}` };
  const response = await fetch(`${vendors.baseOf('clerk')}/v1/users?limit=1&order_by=%2Bcreated_at&offset=${index}`, { headers });
  const [data] = (await response.json()) as unknown[];
  const body = JSON.stringify({ type: 'user.updated', object: 'event', timestamp: Date.now(), data });
  const answer = await running.send('clerk', 'user.updated', who, { body });
  expect(answer.status).toBe(202);
  return who.id;
};
const nameOf = (id: string): unknown => running.userpilot.store.user(id)?.metadata.name;

describe('npm run resync over the local stack', () => {
  it(`brings ${PEOPLE} users over, killed twice on the way`, async () => {
    const { stack, userpilot } = running;
    const journal = join(stack.dataDir, 'resync-clerk.jsonl');
    const began = performance.now();

    const first = startResync();
    await until(async () => userpilot.store.users().length > 2000 && (await isRunning()), {
      deadlineMs: 90_000,
      description: 'the first job under way',
    });
    // Its row in the job is older and comes later.
    const early = await rename(9_500, 'Renamed');
    await first.kill();
    expect(isUnfinished(journal)).toBe(true);

    const second = startResync();
    await until(async () => (await jobs()).length > 1, { deadlineMs: 90_000, description: 'the second job' });
    await second.kill();
    const late = await rename(12_000, 'Renamed');

    const { code, out } = await startResync().ended();
    expect(out).toMatch(/Going on with the run that was not finished/);
    expect(code).toBe(0);
    expect(out).toMatch(/Listed +25000\n/);
    expect(userpilot.store.users()).toHaveLength(PEOPLE);

    const all = await jobs();
    for (const [index, { start_time }] of all.entries()) {
      const before = all[index - 1];
      if (before !== undefined) expect(Date.parse(start_time)).toBeGreaterThanOrEqual(Date.parse(before.end_time ?? ''));
    }
    expect(userpilot.requests().filter(({ status }) => status === 409)).toEqual([]);

    await running.idle(60_000);
    for (const id of [early, late]) expect(nameOf(id)).toMatch(/^Renamed /);
    console.log(`${PEOPLE} users in ${all.length} jobs, killed twice: ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }, 240_000);

  it('has nothing to send the second time', async () => {
    const before = (await jobs()).length;
    const requests = running.userpilot.requests().filter(({ method }) => method === 'POST').length;
    const { code, out } = await startResync().ended();
    expect(out).toMatch(/Listed +25000\n +Unchanged +25000\n +Sent in bulk +0\n +Sent live +0\n/);
    expect(code).toBe(0);
    expect(await jobs()).toHaveLength(before);
    expect(running.userpilot.requests().filter(({ method }) => method === 'POST')).toHaveLength(requests);
  }, 120_000);

  it('shows in a trial what it would send, without values, and sends nothing', async () => {
    const { vendors, userpilot } = running.stack;
    const who = { ...one(3).who, id: 'invented-newcomer' };
    vendors?.add({ who, createdAt: one(3).createdAt, updatedAt: new Date() });
    const { code, out } = await startResync('--dry-run').ended();
    expect(code).toBe(0);
    expect(out).toMatch(/\{kind:identifyUser, user_id:string, metadata:\{/);
    expect(out).not.toContain(who.email);
    expect(out).toMatch(/Listed +25001\n +Unchanged +25000\n +Sent in bulk +0\n +Sent live +1\n/);
    expect(userpilot?.store.user(who.id)).toBeUndefined();
  }, 120_000);
});
