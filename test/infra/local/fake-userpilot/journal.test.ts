import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { callerOf, jsonOf, KEY, start, stopAll } from './harness.ts';

let folder: string;
let dataFile: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fake-userpilot-'));
  dataFile = join(folder, 'data.ndjson');
});
afterEach(async () => {
  await stopAll();
  await rm(folder, { recursive: true });
});

const SERVER = new URL('../../../../infra/local/fake-userpilot/server.ts', import.meta.url).href;

/** A fake in a process of its own, to be killed. */
const spawnFake = async () => {
  const code = `
    import { startFakeUserpilot } from ${JSON.stringify(SERVER)};
    const fake = await startFakeUserpilot({ apiKeys: () => [${JSON.stringify(KEY)}], dataFile: ${JSON.stringify(dataFile)} });
    console.log(fake.url);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`exit ${code}`))),
  ]);
  return { child, url: String(line).trim() };
};

describe('the data file', () => {
  it('holds every answered call after a SIGKILL in the middle of traffic', async () => {
    const { child, url } = await spawnFake();
    const call = callerOf(url);
    const answered: string[] = [];
    const exit = once(child, 'exit');
    const send = async (i: number) => {
      const { status } = await call('POST', '/v1/identify', { user_id: `u-${i}`, metadata: { seats: i } });
      if (status === 202) answered.push(`u-${i}`);
      if (answered.length === 100) child.kill('SIGKILL');
    };
    await Promise.allSettled(Array.from({ length: 400 }, (_, i) => send(i)));
    expect(await exit).toEqual([null, 'SIGKILL']);
    const { fake } = await start({ dataFile });
    const kept = new Set(fake.store.users().map((user) => user.user_id));
    expect(answered.length).toBeGreaterThanOrEqual(100);
    expect(answered.filter((id) => !kept.has(id))).toEqual([]);
  });

  it('brings back users, companies, a running job, a pending deletion and the clock', async () => {
    const first = await start({ dataFile });
    await first.call('POST', '/v1/identify', {
      user_id: 'u-1',
      metadata: { name: 'Ines', seats: 1 },
      company: { id: 'c-1', plan: 'team' },
    });
    await first.call('POST', '/v1/identify', { user_id: 'u-1', metadata: { seats: null } });
    await first.call('POST', '/v1/companies/identify', { company_id: 'c-2' });
    await first.call('POST', '/v1/identify', { user_id: 'u-2' });
    await first.call('DELETE', '/v1/users', { users: ['u-2'] });
    const answer = await first.call('POST', '/v1/users/bulk_identify', {
      users: [{ user_id: 'u-3', metadata: { name: 'Bo' } }, { user_id: 'u-4' }],
    });
    const { job_id } = await jsonOf<{ job_id: string }>(answer);
    first.fake.advance(3050);
    await first.call('POST', '/v1/identify', { user_id: 'u-3', metadata: { name: 'newer than the bulk row' } });
    const before = { users: first.fake.store.users(), companies: first.fake.store.companies() };
    await first.fake.close();

    const { fake, call } = await start({ dataFile });
    expect({ users: fake.store.users(), companies: fake.store.companies() }).toEqual(before);
    expect(before.users.map((user) => user.user_id)).toEqual(['u-1', 'u-2', 'u-3']);
    const found = await call('GET', `/v1/background_jobs/${encodeURIComponent(job_id)}`);
    expect(await found.json()).toMatchObject({ status: 'processing', completed_rows: 1 });
    fake.advance(24 * 3_600_000);
    expect(fake.store.users().map((user) => user.user_id)).toEqual(['u-1', 'u-3', 'u-4']);
  });

  it('does not go back behind what it recorded when the machine clock does', async () => {
    const first = await start({ dataFile });
    first.pass(60_000);
    await first.call('POST', '/v1/identify', { user_id: 'u-1' });
    await first.fake.close();
    const { fake, call } = await start({ dataFile });
    await call('POST', '/v1/identify', { user_id: 'u-1' });
    expect(fake.store.user('u-1')?.last_seen_at).toBe('2031-04-09T12:01:00.000Z');
  });

  it('loses a torn last line only, and goes on after it', async () => {
    const first = await start({ dataFile });
    await first.call('POST', '/v1/identify', { user_id: 'u-1' });
    await first.fake.close();
    await appendFile(dataFile, '{"op":"user","at":1933502400000,"user":{"user_id":"u-torn"');
    const second = await start({ dataFile });
    await second.call('POST', '/v1/identify', { user_id: 'u-2' });
    await second.fake.close();
    const { fake } = await start({ dataFile });
    expect(fake.store.users().map((user) => user.user_id)).toEqual(['u-1', 'u-2']);
  });

  it.each(['something else\n', 'something else', '{"name":"a setting"}'])(
    'refuses a file that is not its own, and leaves it alone: %j',
    async (text) => {
      await writeFile(dataFile, text);
      await expect(start({ dataFile })).rejects.toThrow(SyntaxError);
      expect(await readFile(dataFile, 'utf8')).toBe(text);
    },
  );

  it('refuses a file with a broken line in the middle', async () => {
    const first = await start({ dataFile });
    await first.call('POST', '/v1/identify', { user_id: 'u-1' });
    await first.fake.close();
    await appendFile(dataFile, '{"op":"us\n{"op":"advance","ms":1,"at":1}\n');
    await expect(start({ dataFile })).rejects.toThrow(SyntaxError);
  });

  it('keeps no key', async () => {
    const { call } = await start({ dataFile });
    await call('POST', '/v1/identify', { user_id: 'u-1' });
    await call('POST', '/v1/users/bulk_identify', { users: [{ user_id: 'u-2' }] });
    const text = await readFile(dataFile, 'utf8');
    expect(text.trim().split('\n')).toHaveLength(2);
    expect(text).not.toContain(KEY);
  });
});
