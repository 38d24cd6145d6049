import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SOURCE_IDS, WEBHOOK_SOURCES } from '../../../functions/manifest.ts';
import { senders } from '../../../functions/sources/senders.ts';
import { closeServer, listenOnLoopback, sendJson } from '../../../infra/local/http.ts';
import { inventSecrets, type Secrets, writeSecrets } from '../../../infra/local/secrets-file.ts';
import { readSendOptions } from '../../../infra/tools/send/options.ts';
import { personOf } from '../../../infra/tools/send/person.ts';
import { progressLine, showProgress } from '../../../infra/tools/send/progress.ts';
import { Tally } from '../../../infra/tools/send/tally.ts';
import { contracts } from '../../support/contracts/index.ts';
import { verdictOf } from '../../support/sources.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';

const SEND = fileURLToPath(new URL('../../../infra/tools/send.ts', import.meta.url));

interface Received {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}
type Answer = readonly [number, unknown];

let folder: ReturnType<typeof temporaryFolder>;
let secrets: Secrets;
let secretsFile: string;
let server: Server;
let url: string;
let received: Received[];
let sockets: number;
let answer: (index: number) => Answer;
let health: () => Answer;
beforeEach(async () => {
  folder = temporaryFolder();
  secrets = inventSecrets();
  secretsFile = join(folder.path, 'secrets.json');
  writeSecrets(secretsFile, secrets);
  received = [];
  sockets = 0;
  answer = () => [202, { status: 'accepted' }];
  health = () => [200, { status: 'ok', userpilot: 'http://127.0.0.1:1', sources: SOURCE_IDS }];
  server = createServer((request, response) => {
    if (request.url === '/health') return void sendJson(response, ...health());
    void buffer(request).then((body) => {
      received.push({ path: request.url, headers: request.headers, body });
      sendJson(response, ...answer(received.length - 1));
    });
  });
  server.on('connection', () => {
    sockets += 1;
  });
  url = await listenOnLoopback(server);
});
afterEach(async () => {
  await closeServer(server);
  folder.remove();
});

/** Runs it to its end. */
const send = async (...args: readonly string[]) => {
  const all = [SEND, '--to', url, '--secrets', secretsFile, ...args];
  const child = spawn(process.execPath, all, { cwd: folder.path, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { out, err, code };
};
const rowsOf = (out: string): Record<string, string> =>
  Object.fromEntries([...out.matchAll(/^ {2}(\w+) +([\d.]+.*)$/gm)].map(([, name = '', rest = '']) => [name, rest.trim()]));

describe('npm run send', () => {
  it.each(WEBHOOK_SOURCES)('signs an event of %s as the vendor does', async (id) => {
    const { out, code } = await send(id);
    expect(code).toBe(0);
    const [{ path, headers, body } = { path: '', headers: {}, body: Buffer.of() }] = received;
    expect(path).toBe(`/webhooks/${id}`);
    const request = { headers: headers as Record<string, string>, body, receivedAt: new Date() };
    const contract = contracts.find(({ source }) => source.id === id);
    expect(contract && verdictOf(contract, request, secrets[id]?.signingSecrets ?? [])).toEqual({ ok: true });
    expect(rowsOf(out)).toMatchObject({ accepted: '1', ignored: '0', parked: '0', refused: '0', failed: '0' });
    expect(out).toContain(`See http://127.0.0.1:1/_/users/${personOf(1).id}`);
  });

  it('posts a Cognito trigger without a signature', async () => {
    answer = () => [200, { version: '1', triggerSource: 'PostAuthentication_Authentication' }];
    const { out, code } = await send('cognito', '--event', 'PostAuthentication_Authentication');
    expect([code, rowsOf(out).accepted]).toEqual([0, '1']);
    expect(received[0]?.path).toBe('/triggers/cognito');
    expect(JSON.parse(String(received[0]?.body))).toMatchObject({ triggerSource: 'PostAuthentication_Authentication' });
  });

  it('sends many about few people, each an event of its own, over few connections', async () => {
    const { out, code } = await send('clerk', '--event', 'user.updated', '--count', '60', '--users', '3', '--concurrency', '4');
    expect([code, rowsOf(out).accepted]).toEqual([0, '60']);
    const ids = received.map(({ body }) => JSON.parse(String(body)).data.id);
    expect(new Set(ids)).toEqual(new Set([1, 2, 3].map((number) => personOf(number).id)));
    expect(new Set(received.map(({ headers }) => headers['svix-id'])).size).toBe(60);
    expect(sockets).toBeLessThanOrEqual(4);
    expect(out).not.toMatch(/[█░]|See /);
  });

  it('sends no faster than asked', async () => {
    const begin = performance.now();
    const { out } = await send('stripe', '--count', '6', '--rate', '10');
    expect(performance.now() - begin).toBeGreaterThan(500);
    expect(rowsOf(out).accepted).toBe('6');
  });

  it('counts what was taken, ignored, parked, refused and failed, with the reasons, and then exits with 1', async () => {
    const answers: readonly Answer[] = [
      [202, { status: 'accepted' }],
      [202, { status: 'ignored', code: 'NOTHING_CHANGED' }],
      [202, { status: 'parked', code: 'NO_USER_ID' }],
      [401, { status: 'refused', code: 'NOT_AUTHENTIC' }],
      [401, { status: 'refused', code: 'NOT_AUTHENTIC' }],
      [413, 'too large'],
      [503, { status: 'unavailable', code: 'QUEUE' }],
    ];
    answer = (index) => answers[index] ?? [500, null];
    const { out, code } = await send('clerk', '--count', '7', '--concurrency', '1');
    expect(code).toBe(1);
    expect(rowsOf(out)).toMatchObject({
      accepted: '1',
      ignored: '1  NOTHING_CHANGED',
      parked: '1  NO_USER_ID',
      refused: '3  401 NOT_AUTHENTIC × 2, 413 × 1',
      failed: '1  503 QUEUE',
      p50: expect.stringMatching(/^\d+\.\d {2}ms$/),
      p99: expect.stringMatching(/^\d+\.\d {2}ms$/),
      speed: expect.stringMatching(/^\d+\.\d {2}events\/s$/),
    });
  });

  it('says what to start when nothing answers', async () => {
    const gone = createServer();
    const address = await listenOnLoopback(gone);
    await closeServer(gone);
    const { out, err, code } = await send('clerk', '--to', address);
    expect([code, err]).toEqual([1, `Nothing was taken at ${address}: is the stack running there (npm start)?\n`]);
    expect(rowsOf(out).failed).toBe('1  ECONNREFUSED');
  });

  it.each([
    [['clark'], new RegExp(`^unknown source clark: known are ${SOURCE_IDS.join(', ')} and all\\. Usage: `)],
    [[], /^which source\?: known are auth0/],
    [['clerk', 'stripe'], /^one source at a time: /],
    [['all', '--event', 'user.created'], /^--event: all sends one sign-up from each source; name a source instead\.$/],
    [['all', '--secrets', 'none.json'], /^No secrets at .*none\.json: start the stack first/],
    [['clerk', '--event', 'user.born'], /^unknown event user\.born of clerk: known are user\.created, user\.updated/],
    [['clerk', '--count', '0'], /^--count 0: write a whole number from 1 to 1000000\.$/],
    [['clerk', '--rate', 'fast'], /^--rate fast: write events a second/],
    [['clerk', '--to', 'here'], /^--to here: write the address/],
    [['clerk', '--cuont', '3'], /^Unknown option '--cuont'\. Usage: /],
    [['clerk', '--secrets', 'none.json'], /^No secrets at .*none\.json: start the stack first \(npm start\), or name its file/],
    [['stripe', '--secrets', 'some.json'], /^Secrets file .*some\.json has none for stripe: /],
  ])('%j: one line, exit code 1', async (args, expected) => {
    writeSecrets(join(folder.path, 'some.json'), { userpilot: { apiKey: 'invented-key' } });
    const { out, err, code } = await send(...args);
    expect([out, code, err.trimEnd().split('\n').length]).toEqual(['', 1, 1]);
    expect(err.trimEnd()).toMatch(expected);
    expect(received).toEqual([]);
  });

  it('explains itself', async () => {
    const { out, code } = await send('--help');
    expect(code).toBe(0);
    for (const option of ['--event', '--count', '--users', '--rate', '--concurrency', '--to', '--secrets'])
      expect(out).toContain(option);
    expect(out.split('\n').filter(({ length }) => length > 80)).toEqual([]);
  });

  it('lists the events of a source', async () => {
    const { out, code } = await send('okta', '--help');
    expect([code, senders.okta.types.filter((type) => !out.includes(type))]).toEqual([0, []]);
  });
});

describe('npm run send -- all', () => {
  const rowsIn = (out: string) =>
    out
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/))
      .filter(([source = '']) => SOURCE_IDS.some((id) => id === source));
  const pathOf = (id: string) => (id === 'cognito' ? '/triggers/cognito' : `/webhooks/${id}`);

  it('sends one sign-up from each source of the stack, each of somebody else, and says where to see them', async () => {
    const { out, code } = await send('all');
    expect(rowsIn(out)).toEqual(
      SOURCE_IDS.map((id, index) => [
        id,
        senders[id].types[0],
        'accepted',
        `http://127.0.0.1:1/_/users/${personOf(index + 1).id}`,
      ]),
    );
    expect(code).toBe(0);
    expect(received.map(({ path }) => path)).toEqual(SOURCE_IDS.map(pathOf));
  });

  it('sends from the sources with a secret where nobody says which there are', async () => {
    health = () => [404, { message: 'Not Found' }];
    writeSecrets(join(folder.path, 'two.json'), { userpilot: { apiKey: 'k' }, clerk: secrets.clerk, stripe: secrets.stripe });
    const { out, code } = await send('all', '--secrets', join(folder.path, 'two.json'));
    expect(rowsIn(out).map(([id, , kind, look]) => [id, kind, look])).toEqual([
      ['clerk', 'accepted', personOf(1 + SOURCE_IDS.indexOf('clerk')).id],
      ['stripe', 'accepted', personOf(1 + SOURCE_IDS.indexOf('stripe')).id],
    ]);
    expect(code).toBe(0);
  });

  it('exits with 1 when one is not accepted, and says why', async () => {
    health = () => [200, { userpilot: 'http://127.0.0.1:1', sources: ['clerk', 'logto', 'stripe', 'stytch'] }];
    writeSecrets(join(folder.path, 'few.json'), { ...secrets, logto: undefined });
    const answers: readonly Answer[] = [
      [202, { status: 'accepted' }],
      [202, { status: 'parked', code: 'NO_USER_ID' }],
      [401, { status: 'refused', code: 'NOT_AUTHENTIC' }],
    ];
    answer = (index) => answers[index] ?? [500, null];
    const { out, code } = await send('all', '--secrets', join(folder.path, 'few.json'));
    expect(rowsIn(out).map(([id, , ...rest]) => [id, ...rest])).toEqual([
      ['clerk', 'accepted', expect.stringContaining('/_/users/')],
      ['logto', 'refused', 'no secret to sign with'],
      ['stripe', 'parked', 'NO_USER_ID'],
      ['stytch', 'refused', '401 NOT_AUTHENTIC'],
    ]);
    expect(code).toBe(1);
  });

  it('says what to start when nothing answers', async () => {
    const gone = createServer();
    const address = await listenOnLoopback(gone);
    await closeServer(gone);
    const { err, code } = await send('all', '--to', address);
    expect([code, err]).toEqual([1, `Nothing was taken at ${address}: is the stack running there (npm start)?\n`]);
  });
});

describe('the options', () => {
  it('have defaults: one sign-up, here, signed with the secrets of npm start', () => {
    const options = readSendOptions(['clerk']);
    expect(options).toMatchObject({ source: 'clerk', type: 'user.created', count: 1, users: 1, to: 'http://127.0.0.1:8787' });
    expect(options).toMatchObject({ secretsFile: expect.stringMatching(/\.local[/\\]secrets\.json$/) });
    expect(options).not.toHaveProperty('rate');
  });

  it('take as many people as events, and an address with or without a slash at its end', () => {
    expect(readSendOptions(['clerk', '--count', '7', '--rate', '0.5', '--to', 'https://x.example/base/'])).toMatchObject({
      users: 7,
      rate: 0.5,
      to: 'https://x.example/base',
    });
  });
});

describe('an invented person', () => {
  it('is the same for the same number and another for another', () => {
    expect(personOf(7)).toEqual(personOf(7));
    const people = Array.from({ length: 500 }, (_, number) => personOf(number));
    expect(new Set(people.map(({ id }) => id)).size).toBe(500);
    expect(new Set(people.map(({ email }) => email)).size).toBe(500);
    for (const { email } of people) expect(email).toMatch(/^[a-z.\d]+@example\.com$/);
  });
});

describe('the tally', () => {
  it('takes its percentiles from all answers', () => {
    const tally = new Tally();
    for (let milliseconds = 1; milliseconds <= 100; milliseconds += 1) tally.add({ kind: 'accepted', milliseconds });
    const rows = new Map(tally.rows(10).map(([name, number]) => [name, number]));
    expect([rows.get('p50'), rows.get('p99'), rows.get('speed')]).toEqual(['50.0', '99.0', '10.0']);
    expect(tally.allWell).toBe(true);
  });
});

describe('the progress', () => {
  it('shows a bar, counts and what is left', () => {
    expect(progressLine(250, 1000, 5)).toBe(`  ${'█'.repeat(7)}${'░'.repeat(23)}   250/1000  50/s  15 s left`);
    expect(progressLine(0, 10, 0)).toContain(' 0/10  0/s');
  });

  it('is drawn on a terminal after a second, and taken away', async () => {
    const written: string[] = [];
    const hide = showProgress({ isTTY: true, write: (chunk) => written.push(String(chunk)) > 0 }, { total: 10, done: () => 5 });
    await until(() => written.length > 0, { description: 'the bar' });
    hide();
    expect(written[0]).toContain('5/10');
    expect(written.at(-1)).toBe('\r\u001b[2K');
  });

  it('is not drawn for a short run or elsewhere', () => {
    const written: string[] = [];
    const write = (chunk: unknown) => written.push(String(chunk)) > 0;
    showProgress({ isTTY: true, write }, { total: 10, done: () => 5 })();
    showProgress({ isTTY: false, write }, { total: 10, done: () => 5 })();
    expect(written).toEqual([]);
  });
});
