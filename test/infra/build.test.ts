import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REFRESH_SOURCES, RESYNC_SOURCES, SOURCE_IDS, type WebhookSourceId } from '../../functions/manifest.ts';
import {
  type Bundle,
  buildAll,
  DELIVER_BUNDLE,
  ENTRIES,
  ERASE_BUNDLE,
  LOAD_ENV,
  OVERFLOW_BUNDLE,
  overCeiling,
  receiveBundle,
  refreshBundle,
  refreshEntry,
  resyncBundle,
} from '../../infra/build.ts';
import { startServer } from '../support/http-server.ts';

/** Fetches nothing; bundled for this test, so that it does not wait for a source that does. */
const IDLE = refreshEntry('clerk');
let directory: string;
let bundles: readonly Bundle[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bundles-'));
  bundles = await buildAll({ directory, entries: [...ENTRIES, IDLE] });
}, 120_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

const bundleOf = (name: string): Bundle => {
  const found = bundles.find(({ entry }) => entry.bundle === name);
  if (found === undefined) throw new Error(`no bundle ${name}`);
  return found;
};
const sourcesIn = ({ inputs }: Bundle) => SOURCE_IDS.filter((id) => inputs.includes(`functions/sources/${id}.ts`));
/** `@smithy/core` of `node_modules/@smithy/core/dist-es/x.js`, with the folders before it. */
const packageOf = (input: string) => /^(.*node_modules\/)((?:@[^/]+\/)?[^/]+)/.exec(input);

const bound = ENTRIES.map(({ bundle }) => bundle);
const names = [...bound, IDLE.bundle];

describe('bundles', () => {
  it('are one per source, one more per source that fetches or lists, and those that deliver, erase and drain a backlog', () => {
    const listing = RESYNC_SOURCES.map(resyncBundle);
    const others = [DELIVER_BUNDLE, ERASE_BUNDLE, OVERFLOW_BUNDLE];
    expect(bound.toSorted()).toEqual(
      [...SOURCE_IDS.map(receiveBundle), ...REFRESH_SOURCES.map(refreshBundle), ...listing, ...others].toSorted(),
    );
  });

  it.each(names.filter((name) => ![DELIVER_BUNDLE, ERASE_BUNDLE, OVERFLOW_BUNDLE].includes(name)))(
    '%s: the code of this source and of no other',
    (name) => {
      expect(sourcesIn(bundleOf(name))).toEqual([name.replace(/^(receive|refresh|resync)-/, '')]);
    },
  );

  it('take a source by its name in camel case', () => {
    const id: string = 'entra-external-id';
    const { bundle, code } = refreshEntry(id as WebhookSourceId);
    expect(bundle).toBe('refresh-entra-external-id');
    expect(code).toContain("import { entraExternalId } from './functions/sources/entra-external-id.ts';");
  });

  it.each([DELIVER_BUNDLE, OVERFLOW_BUNDLE])('%s: the code of no source', (name) => {
    expect(sourcesIn(bundleOf(name))).toEqual([]);
  });

  it.each(names)('%s: no sender, test or infrastructure code', (name) => {
    expect(bundleOf(name).inputs.filter((input) => /\.sender\.ts$|senders\.ts$|^test\/|^infra\//.test(input))).toEqual([]);
  });

  it.each(names)('%s: every package once', (name) => {
    const roots = bundleOf(name).inputs.map((input) => packageOf(input)?.[1] ?? 'node_modules/');
    expect(new Set(roots)).toEqual(new Set(['node_modules/']));
  });

  it.each(names)('%s: credentials from the environment only', (name) => {
    const providers = bundleOf(name)
      .inputs.map((input) => /credential-provider-\w+/.exec(input)?.[0])
      .filter(Boolean);
    expect(new Set(providers)).toEqual(new Set(['credential-provider-env']));
  });

  it.each(names)('%s: error messages of zod in English only', (name) => {
    expect(bundleOf(name).inputs.some((input) => /zod\/.*\/locales\/(?!en\.js)/.test(input))).toBe(false);
  });

  it.each(names)('%s: no client that it does not call', (name) => {
    const clients = bundleOf(name)
      .inputs.map((input) => /@aws-sdk\/(client-[\w-]+)/.exec(input)?.[1])
      .filter(Boolean);
    const table = name.startsWith('receive-') ? [] : ['client-dynamodb'];
    const secrets = name === receiveBundle('cognito') ? [] : ['client-secrets-manager'];
    const queues = name === ERASE_BUNDLE ? [] : ['client-sqs'];
    const durable = /^(resync-|overflow)/.test(name) ? ['client-lambda'] : [];
    const pools = name === resyncBundle('cognito') ? ['client-cognito-identity-provider'] : [];
    expect([...new Set(clients)].toSorted()).toEqual([...pools, ...table, ...durable, ...secrets, ...queues]);
  });

  it.each(bound)('%s: loads in a fresh process and exports a handler', (name) => {
    const { file } = bundleOf(name);
    const script = `const { handler } = await import(${JSON.stringify(pathToFileURL(file).href)}); process.stdout.write(typeof handler);`;
    const env = { PATH: process.env.PATH, ...LOAD_ENV };
    expect(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { env, encoding: 'utf8' })).toBe('function');
  });

  it('resync: writes its steps down by the client of Lambda that it brings along', async () => {
    const lambda = await startServer((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ CheckpointToken: 'token-2', NewExecutionState: { Operations: [] } }));
    });
    const version = 'arn:aws:lambda:eu-central-1:111122223333:function:resync:1';
    const execution = `${version}/durable-execution/invented/1`;
    const event = {
      DurableExecutionArn: execution,
      CheckpointToken: 'token-1',
      InitialExecutionState: {
        Operations: [{ Id: 'e', Type: 'EXECUTION', Status: 'STARTED', ExecutionDetails: { InputPayload: '{}' } }],
      },
    };
    const { file } = bundleOf(resyncBundle('clerk'));
    // The table does not answer: the first step fails, and is to be tried again.
    const script = `const { handler } = await import(${JSON.stringify(pathToFileURL(file).href)});
      const context = { invokedFunctionArn: '${version}', awsRequestId: 'r', getRemainingTimeInMillis: () => 60_000 };
      const { Status } = await handler(${JSON.stringify(event)}, context);
      process.stderr.write(Status);
      process.exit();`;
    const env = {
      PATH: process.env.PATH,
      ...LOAD_ENV,
      AWS_ENDPOINT_URL_LAMBDA: lambda.origin,
      AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: 'invented',
      AWS_SECRET_ACCESS_KEY: 'invented',
    };
    try {
      const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { env });
      expect(stderr).toBe('PENDING');
      expect(lambda.asked.map(({ url }) => decodeURIComponent(url))).toEqual([
        expect.stringContaining(`/durable-executions/${execution}/checkpoint`),
        expect.stringContaining(`/durable-executions/${execution}/checkpoint`),
      ]);
      expect(lambda.asked.map(({ body }) => JSON.parse(body).Updates[0].Action)).toEqual(['START', 'RETRY']);
    } finally {
      await lambda.close();
    }
  });

  it('stay below their ceilings', () => {
    expect(overCeiling(bundles)).toBeUndefined();
  });

  it('keep their source maps outside of the code', () => {
    expect(bundles.every(({ file }) => existsSync(`${file}.map`))).toBe(true);
  });
});

describe('buildAll', () => {
  it('says which bundle is above which ceiling', async () => {
    const entry = { bundle: 'big', code: `export const handler = ${JSON.stringify('x'.repeat(3000))};`, ceilingKb: 2 };
    const built = await buildAll({ directory: join(directory, 'big'), entries: [entry] });
    expect(overCeiling(built)).toMatch(/^big: 3 KB is above its ceiling of 2 KB\. /);
  });

  it('fails when a source has no file', async () => {
    const entry = { bundle: 'missing', code: `export { nobody } from './functions/sources/nobody.ts';`, ceilingKb: 1 };
    await expect(buildAll({ directory: join(directory, 'missing'), entries: [entry] })).rejects.toThrow(
      'functions/sources/nobody.ts',
    );
  });
});
