import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SOURCE_IDS } from '../../../functions/manifest.ts';
import { senders } from '../../../functions/sources/senders.ts';
import type { FunctionEvent } from '../../../infra/local/function-log.ts';
import { closeServer, listenOnLoopback } from '../../../infra/local/http.ts';
import { startLocalStack } from '../../../infra/local/runner.ts';
import { parseSecrets, readText, type Secrets, writeSecrets } from '../../../infra/local/secrets-file.ts';
import type { LocalStack, StackOptions } from '../../../infra/local/stack.ts';
import { personOf } from '../../../infra/tools/send/person.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';

let folder: ReturnType<typeof temporaryFolder>;
let dataDir: string;
let stack: LocalStack | undefined;
let events: FunctionEvent[];
let notices: string[];
beforeEach(() => {
  folder = temporaryFolder();
  dataDir = join(folder.path, 'data');
  events = [];
  notices = [];
});
afterEach(async () => {
  await stack?.stop();
  stack = undefined;
  folder.remove();
});

const start = async (options: Partial<StackOptions> = {}): Promise<LocalStack> => {
  stack = await startLocalStack({
    dataDir,
    onEvent: (event) => events.push(event),
    onNotice: (line) => notices.push(line),
    ...options,
  });
  return stack;
};
const secretsOf = ({ secretsFile }: LocalStack): Secrets => parseSecrets(readText(secretsFile), secretsFile);
const sent = { now: new Date(), eventId: 'evt1' };
const signUp = async (running: LocalStack, number: number): Promise<Response> => {
  const moment = { now: new Date(), eventId: `${Date.now()}${number}` };
  const body = Buffer.from(senders.clerk.body('user.created', personOf(number), moment));
  const secret = secretsOf(running).clerk?.signingSecrets?.[0] ?? '';
  return fetch(`${running.url}/webhooks/clerk`, { method: 'POST', headers: senders.clerk.headers(body, secret, moment), body });
};
const stored = (running: LocalStack, number: number) => running.userpilot?.store.user(personOf(number).id);
const arrives = (running: LocalStack, number: number) =>
  until(() => stored(running, number) !== undefined, { description: `user ${number} at Userpilot` });

describe('the local stack', () => {
  it('brings a signed event to the fake Userpilot within a second, and tells of it', async () => {
    const running = await start();
    await signUp(running, 1);
    await arrives(running, 1);
    await until(() => events.some(({ outcome }) => outcome === 'delivered'));
    expect(events.map(({ source, type, outcome }) => [source, type, outcome])).toEqual([
      ['clerk', 'user.created', 'accepted'],
      ['clerk', 'user.created', 'delivered'],
    ]);
    const start2 = performance.now();
    await signUp(running, 2);
    await arrives(running, 2);
    expect(performance.now() - start2).toBeLessThan(1000);
  });

  it('invokes the Cognito function with the event as it is', async () => {
    const running = await start();
    const event = senders.cognito.body(senders.cognito.types[0], personOf(3), sent);
    const response = await fetch(`${running.url}/triggers/cognito`, { method: 'POST', body: event });
    expect(await response.json()).toEqual(JSON.parse(event));
    await arrives(running, 3);
  });

  it('is healthy, and says where its Userpilot is', async () => {
    const running = await start();
    const response = await fetch(`${running.url}/health`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: 'ok',
      userpilot: running.userpilot?.url,
      sources: running.sources.map(({ id }) => id).toSorted(),
      queues: running.queueUrls,
    });
    await running.userpilot?.close();
    const down = await fetch(`${running.url}/health`);
    expect([down.status, await down.json()]).toMatchObject([503, { status: 'down', parts: { userpilot: 'down', sqs: 'up' } }]);
  });

  it('writes all lines of the functions to the log, and no person', async () => {
    const running = await start();
    await signUp(running, 4);
    await until(() => events.some(({ outcome }) => outcome === 'delivered'));
    await running.stop();
    const log = readFileSync(join(dataDir, 'functions.log'), 'utf8');
    for (const line of log.trimEnd().split('\n')) expect(JSON.parse(line)).toBeInstanceOf(Object);
    expect(log).toContain('"_aws"');
    const { email, lastName, id } = personOf(4);
    for (const detail of [email, lastName, id]) expect(log).not.toContain(detail);
  });

  it('keeps users, queue and invented secrets over a restart, and loses the first two when it is to be fresh', async () => {
    let running = await start();
    const secrets = secretsOf(running);
    expect(statSync(running.secretsFile).mode & 0o777).toBe(0o600);
    await signUp(running, 5);
    await arrives(running, 5);
    await running.stop();
    running = await start();
    expect(stored(running, 5)).toBeDefined();
    expect(secretsOf(running)).toEqual(secrets);
    await running.stop();
    running = await start({ fresh: true });
    expect(stored(running, 5)).toBeUndefined();
    expect(secretsOf(running)).toEqual(secrets);
  });

  it('invents secrets for sources that are newer than its own file, and leaves the others as they are', async () => {
    let running = await start();
    const { clerk, userpilot } = secretsOf(running);
    await running.stop();
    writeSecrets(running.secretsFile, { userpilot, clerk });
    running = await start();
    expect(running.sources.filter(({ hasSecret }) => !hasSecret)).toEqual([]);
    expect(secretsOf(running)).toMatchObject({ userpilot, clerk, stripe: { signingSecrets: [expect.any(String)] } });
  });

  it('invents nothing into a file with a real key', async () => {
    let running = await start();
    await running.stop();
    const mine: Secrets = { userpilot: { apiKey: 'my-key' }, clerk: { signingSecrets: ['whsec_bWluZQ=='] } };
    writeSecrets(running.secretsFile, mine);
    running = await start();
    expect(secretsOf(running)).toEqual(mine);
    expect(running.sources.find(({ id }) => id === 'stripe')).toMatchObject({ hasSecret: false });
  });

  it('uses another Userpilot with the key of the secrets file, and has no fake then', async () => {
    const calls: { readonly url: string | undefined; readonly key: string | undefined }[] = [];
    const other = createServer((request, response) => {
      calls.push({ url: request.url, key: request.headers.authorization });
      request.resume().on('end', () => response.writeHead(202, { 'content-type': 'application/json' }).end('{}'));
    });
    const url = await listenOnLoopback(other);
    try {
      const secretsFile = join(folder.path, 'mine.json');
      writeSecrets(secretsFile, { userpilot: { apiKey: 'my-key' }, clerk: { signingSecrets: ['whsec_bWluZQ=='] } });
      const running = await start({ userpilotUrl: url, secretsFile });
      expect(running.userpilot).toBeUndefined();
      expect(await (await fetch(`${running.url}/health`)).json()).not.toHaveProperty('userpilot');
      const withSecret = running.sources.filter(({ hasSecret }) => hasSecret).map(({ id }) => id);
      expect([running.sources.length, withSecret]).toEqual([SOURCE_IDS.length, ['clerk', 'cognito']]);
      await signUp(running, 6);
      await until(() => calls.length > 0);
      expect(calls).toEqual([{ url: '/v1/identify', key: 'Token my-key' }]);
      expect(notices).toEqual([]);
    } finally {
      await closeServer(other);
    }
  });

  it('warns that an invented key opens no Userpilot but the fake', async () => {
    const running = await start({ userpilotUrl: 'http://127.0.0.1:9' });
    expect(notices).toEqual([`The API key is invented: put yours under userpilot.apiKey in ${running.secretsFile}.`]);
  });

  it('points the AWS SDKs at its engines, hides other AWS settings from them, and puts them back', async () => {
    process.env.AWS_PROFILE = 'somebody';
    try {
      const running = await start();
      expect(process.env).toMatchObject({ AWS_ENDPOINT_URL_SQS: running.engines.sqs });
      expect(process.env).not.toHaveProperty('AWS_PROFILE');
      await running.stop();
      expect(process.env).toMatchObject({ AWS_PROFILE: 'somebody' });
      expect(process.env).not.toHaveProperty('AWS_ENDPOINT_URL_SQS');
    } finally {
      delete process.env.AWS_PROFILE;
    }
  });

  it('runs the sources of the stage only', async () => {
    const running = await start({ stage: 'staging' });
    expect(running.sources.map(({ id }) => id)).toEqual(['clerk', 'stripe']);
    expect((await fetch(`${running.url}/webhooks/auth0`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${running.url}/triggers/cognito`, { method: 'POST' })).status).toBe(404);
  });
});

describe('a start that cannot be', () => {
  it.each<readonly [string, Partial<StackOptions>, RegExp]>([
    ['an unknown stage', { stage: 'nope' }, /no stage "nope". Known stages: local/],
    ['a Userpilot that is no address', { userpilotUrl: 'ftp://x' }, /^--userpilot: write "us", "eu"/],
    ['a secrets file that is not there', { secretsFile: '/none/secrets.json' }, /secrets\.json does not exist\.$/],
  ])('%s is one line, and leaves the folder free', async (_, options, message) => {
    await expect(start(options)).rejects.toMatchObject({ name: 'Problem', message: expect.stringMatching(message) });
    await start();
  });

  it('a taken port, a second runner: the first goes on', async () => {
    const running = await start();
    const port = Number(new URL(running.url).port);
    const taken = startLocalStack({ dataDir: join(folder.path, 'other'), port });
    await expect(taken).rejects.toThrow(`Port ${port} is in use: choose another with --port, 0 for any free one.`);
    await expect(startLocalStack({ dataDir })).rejects.toThrow(/Another runner is using/);
    await signUp(running, 8);
    await arrives(running, 8);
  });

  it('a file of the fake that is damaged', async () => {
    await (await start()).stop();
    writeFileSync(join(dataDir, 'userpilot.jsonl'), 'nonsense\n');
    await expect(start()).rejects.toThrow(/userpilot\.jsonl cannot be read; start again with --fresh/);
    await start({ fresh: true });
  });
});
