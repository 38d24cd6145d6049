import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { senders } from '../../functions/sources/senders.ts';
import { parseSecrets, readText } from '../../infra/local/secrets-file.ts';
import { person } from '../support/people.ts';
import { type RunnerProcess, startRunnerProcess } from '../support/runner-process.ts';
import { until } from '../support/until.ts';

const USERS = 200;
const STATES = 5;
const FIRST = Date.parse('2026-11-23T12:00:00Z');

const dataDir = mkdtempSync(join(tmpdir(), 'userpilot-webhooks-kill-'));
let runner: RunnerProcess;
afterAll(async () => {
  await runner.kill();
  rmSync(dataDir, { recursive: true, force: true });
});

const secretOf = () => {
  const path = join(dataDir, 'secrets.json');
  return parseSecrets(readText(path), path).clerk?.signingSecrets?.[0] ?? '';
};

/** Answers whether the runner acknowledged it. A connection that ends with the runner is not an acknowledgement. */
const post = async (runner: RunnerProcess, secret: string, index: number): Promise<boolean> => {
  const state = Math.floor(index / USERS);
  const moment = { now: new Date(FIRST + state * 1000), eventId: `kill${index}` };
  const who = { ...person(`kill-${index % USERS}`), firstName: `State${state}` };
  const body = Buffer.from(senders.clerk.body(state === 0 ? 'user.created' : 'user.updated', who, moment));
  const headers = senders.clerk.headers(body, secret, { ...moment, now: new Date() });
  try {
    const response = await fetch(`${runner.url}/webhooks/clerk`, { method: 'POST', headers, body });
    return response.status === 202;
  } catch {
    return false;
  }
};

interface Seen {
  readonly user_id: string;
  readonly metadata: { readonly name: string };
}
interface Logged {
  readonly status: number | null;
  readonly body?: Seen;
}
const usersOf = async (runner: RunnerProcess): Promise<readonly Seen[]> =>
  (await fetch(`${runner.userpilotUrl}/_/users`)).json() as Promise<readonly Seen[]>;

describe('the runner, killed hard with 1,000 events in flight', () => {
  it('goes on after a restart: every event arrives, and the newest state of each user stays', async () => {
    runner = await startRunnerProcess(dataDir);
    const secret = secretOf();
    let acknowledged = 0;
    for (let index = 0; index < USERS * STATES; index += 20) {
      const posted = await Promise.all(Array.from({ length: 20 }, (_, offset) => post(runner, secret, index + offset)));
      acknowledged += posted.filter(Boolean).length;
    }
    expect(acknowledged).toBe(USERS * STATES);
    const delivered = (await usersOf(runner)).length;
    expect(delivered).toBeLessThan(USERS); // most are still on their way
    await runner.kill();

    runner = await startRunnerProcess(dataDir);
    const finished = async () =>
      (await usersOf(runner)).filter(({ metadata }) => metadata.name.startsWith(`State${STATES - 1}`)).length;
    await until(async () => (await finished()) === USERS, { deadlineMs: 90_000, description: 'every user in its newest state' });
    const requests = (await (await fetch(`${runner.userpilotUrl}/_/requests`)).json()) as readonly Logged[];
    const byUser = Map.groupBy(
      requests.filter(({ status }) => status === 202),
      ({ body }) => body?.user_id ?? '',
    );
    for (const states of byUser.values()) {
      const names = states.map(({ body }) => body?.metadata.name ?? '');
      // In order, and no state twice: what was delivered before the kill is not delivered again.
      expect(names).toEqual([...new Set(names)].sort());
    }
    expect(await runner.interrupt()).toBe(0);
  }, 180_000);
});
