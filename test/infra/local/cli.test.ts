import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { senders } from '../../../functions/sources/senders.ts';
import { personOf } from '../../../infra/tools/send/person.ts';
import { type RunnerProcess, startRunnerProcess } from '../../support/runner-process.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';

const CLI = fileURLToPath(new URL('../../../infra/local/cli.ts', import.meta.url));

let folder: ReturnType<typeof temporaryFolder>;
let runner: RunnerProcess | undefined;
beforeEach(() => {
  folder = temporaryFolder();
  runner = undefined;
});
afterEach(async () => {
  await runner?.kill();
  folder.remove();
});

/** Runs it to its end. */
const run = async (...args: readonly string[]) => {
  const child = spawn(process.execPath, [CLI, ...args], { cwd: folder.path, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { out, err, code };
};
const dataDir = () => join(folder.path, 'data');

describe('npm start', () => {
  it('is ready in time, shows where to send to, and no noise', async () => {
    const begin = performance.now();
    runner = await startRunnerProcess(dataDir());
    expect(performance.now() - begin).toBeLessThan(15_000);
    const shown = runner.written();
    expect(shown).toContain(`${runner.url}/webhooks/<source>`);
    for (const source of ['auth0', 'clerk', 'stripe']) expect(shown).toMatch(new RegExp(`^  .*  ${source}( |$)`, 'm'));
    expect(shown).toContain(`${runner.url}/triggers/cognito`);
    expect(shown).toContain(`npm run send -- clerk --to ${runner.url} --secrets ${dataDir()}/secrets.json`);
    expect(shown).not.toMatch(/warning/i);
    expect(shown).not.toContain('\u001b');
    expect((await fetch(`${runner.url}/health`)).status).toBe(200);
  });

  it('ends with 0 within five seconds of Ctrl-C', async () => {
    runner = await startRunnerProcess(dataDir());
    const begin = performance.now();
    expect(await runner.interrupt()).toBe(0);
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  it('ends in time with a call in hand that does not return, and makes it again at the next start', async () => {
    runner = await startRunnerProcess(dataDir());
    const { url, userpilotUrl } = runner;
    await fetch(`${userpilotUrl}/_/faults`, { method: 'POST', body: '{"fault":{"kind":"hang"}}' });
    const body = senders.cognito.body(senders.cognito.types[0], personOf(1), { now: new Date(), eventId: 'evt1' });
    await fetch(`${url}/triggers/cognito`, { method: 'POST', body });
    const begin = performance.now();
    expect(await runner.interrupt()).toBe(0);
    expect(performance.now() - begin).toBeLessThan(5000);
    runner = await startRunnerProcess(dataDir());
    const user = `${runner.userpilotUrl}/_/users/${personOf(1).id}`;
    await until(async () => (await fetch(user)).status === 200, { description: 'the user at Userpilot' });
  });

  it('lets a second runner on the same data go with one line', async () => {
    runner = await startRunnerProcess(dataDir());
    const { out, err, code } = await run('--port', '0', '--data', dataDir());
    expect([out, err, code]).toEqual([
      '',
      `Another runner is using ${dataDir()}: stop it, or choose another folder with --data.\n`,
      1,
    ]);
  });

  it('lets one on a taken port go with one line', async () => {
    runner = await startRunnerProcess(dataDir());
    const { port } = new URL(runner.url);
    const { out, err, code } = await run('--port', port, '--data', 'other');
    expect([out, err, code]).toEqual(['', `Port ${port} is in use: choose another with --port, 0 for any free one.\n`, 1]);
  });

  it('shows its options', async () => {
    const { out, code } = await run('--help');
    expect(code).toBe(0);
    for (const option of ['--port', '--data', '--fresh', '--stage', '--secrets', '--userpilot']) expect(out).toContain(option);
  });

  it.each([
    [['--prot', '1'], /^Unknown option '--prot'\. Usage: npm start -- /],
    [['--port', 'http'], /^--port http: write a whole number from 0 to 65535\.$/],
    [['--port', '70000'], /^--port 70000: write a whole number/],
    [['--port'], /^Option '--port <value>' argument missing\. Usage: /],
    [['--fresh=yes'], /^Option '--fresh' does not take an argument\. Usage: /],
    [['clerk'], /^Unexpected argument 'clerk'\. Usage: /],
    [['--stage', 'nope'], /has no stage "nope"\. Known stages: /],
    [['--userpilot', 'example.com'], /^--userpilot: write "us", "eu"/],
    [['--data', '.'], /^Data folder .* has files that are not the runner's/],
    [['--data', 'mine.json'], /^Data folder .* cannot be used/],
    [['--data', 'new', '--secrets', 'mine.json'], /^Secrets file .*mine\.json is wrong: userpilot\.apiKey: /],
    [['--data', 'new', '--secrets', 'none.json'], /^Secrets file .*none\.json does not exist\.$/],
  ])('%j: one line, exit code 1', async (args, expected) => {
    writeFileSync(join(folder.path, 'mine.json'), '{"userpilot":{"apiKey":"top secret"}}');
    const { out, err, code } = await run(...args);
    expect([out, code, err.trimEnd().split('\n').length]).toEqual(['', 1, 1]);
    expect(err.trimEnd()).toMatch(expected);
    expect(err).not.toContain('top secret');
  });
});
