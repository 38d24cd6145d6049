import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build, type Plugin } from 'esbuild';
import {
  ENV,
  REFRESH_SOURCES,
  RESYNC_SOURCES,
  type SourceId,
  TRIGGER_SOURCES,
  WEBHOOK_SOURCES,
  type WebhookSourceId,
} from '../functions/manifest.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** One folder per function, named like the bundle. */
export const BUILD_DIRECTORY = join(ROOT, '.build');

export const DELIVER_BUNDLE = 'deliver';
export const ERASE_BUNDLE = 'erase';
export const OVERFLOW_BUNDLE = 'overflow';
export const receiveBundle = (source: SourceId): string => `receive-${source}`;
export const refreshBundle = (source: WebhookSourceId): string => `refresh-${source}`;
export const resyncBundle = (source: SourceId): string => `resync-${source}`;

/** A function to bundle: `code` is the text of its entry module, resolved from the root of the repository. */
export interface Entry {
  readonly bundle: string;
  readonly code: string;
  /** Kilobytes of 1,024 bytes, minified. */
  readonly ceilingKb: number;
}

/** Written by `buildAll`. Sizes in bytes. */
export interface Bundle {
  readonly entry: Entry;
  readonly file: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** Paths, from the root of the repository, of the modules that have code in the bundle. */
  readonly inputs: readonly string[];
}

/**
 * 20 % above what is reached, so that a dependency that slips into a cold start is seen. Durable executions cost a resync
 * 240 KB, most of it all of Lambda's client, which their SDK takes whole; nobody waits for a resync to start.
 */
const CEILING_KB = { receive: 380, cognito: 350, refresh: 430, deliver: 435, resync: 750, overflow: 720, erase: 400 } as const;

const camelCase = (id: string): string => id.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** A source's file exports it by its id in camel case: `entraExternalId` of `entra-external-id`. */
const bindingOf = (source: string, bind: string, entry: string): string =>
  `import { ${camelCase(source)} } from './functions/sources/${source}.ts';
import { ${bind} } from './functions/entry/${entry}.ts';
export const handler = ${bind}(${camelCase(source)}, process.env);`;

const receiveEntry = (source: WebhookSourceId): Entry => ({
  bundle: receiveBundle(source),
  ceilingKb: CEILING_KB.receive,
  code: bindingOf(source, 'bindReceive', 'receive'),
});

export const refreshEntry = (source: WebhookSourceId): Entry => ({
  bundle: refreshBundle(source),
  ceilingKb: CEILING_KB.refresh,
  code: bindingOf(source, 'bindRefresh', 'refresh'),
});

/** Cognito's own entry brings its client of AWS along. */
export const resyncEntry = (source: SourceId): Entry => ({
  bundle: resyncBundle(source),
  ceilingKb: CEILING_KB.resync,
  code:
    source === 'cognito'
      ? `import { bindResyncCognito } from './functions/entry/resync-cognito.ts';
export const handler = bindResyncCognito(process.env);`
      : bindingOf(source, 'bindResync', 'resync'),
});

/** Entry modules are written here and not by hand, so that a new source needs none. */
export const ENTRIES: readonly Entry[] = [
  ...WEBHOOK_SOURCES.map(receiveEntry),
  ...REFRESH_SOURCES.map(refreshEntry),
  ...RESYNC_SOURCES.map(resyncEntry),
  ...TRIGGER_SOURCES.map((source) => ({
    bundle: receiveBundle(source),
    ceilingKb: CEILING_KB.cognito,
    code: `import { bindReceiveCognito } from './functions/entry/receive-cognito.ts';
export const handler = bindReceiveCognito(process.env);`,
  })),
  {
    bundle: DELIVER_BUNDLE,
    ceilingKb: CEILING_KB.deliver,
    code: `import { bindDeliver } from './functions/entry/deliver.ts';
export const handler = bindDeliver(process.env);`,
  },
  {
    bundle: ERASE_BUNDLE,
    ceilingKb: CEILING_KB.erase,
    code: `import { bindErase } from './functions/entry/erase.ts';
export const handler = bindErase(process.env);`,
  },
  {
    bundle: OVERFLOW_BUNDLE,
    ceilingKb: CEILING_KB.overflow,
    code: `import { bindOverflow } from './functions/entry/overflow.ts';
export const handler = bindOverflow(process.env);`,
  },
];

/**
 * Lambda puts a function's credentials into its environment. The SDK's default chain also knows profiles, SSO,
 * processes, web identities and metadata services: a third of the bundle and of the time to load it (58 to 36 ms
 * for a receive function on 2 cores, Node 24), for credentials that are never there.
 */
const credentialsFromEnvironment: Plugin = {
  name: 'credentials-from-environment',
  setup({ onResolve, onLoad }) {
    const namespace = 'credentials-from-environment';
    onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, ({ resolveDir }) => ({
      path: 'chain',
      namespace,
      pluginData: resolveDir,
    }));
    onLoad({ filter: /.*/, namespace }, ({ pluginData: resolveDir }: { readonly pluginData: string }) => ({
      contents: `export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env';`,
      resolveDir,
    }));
  },
};

/** The entries are modules that no file holds. */
const entryModules = (entries: readonly Entry[]): Plugin => ({
  name: 'entry-modules',
  setup({ onResolve, onLoad }) {
    const namespace = 'entry';
    const codeOf = new Map(entries.map(({ bundle, code }) => [bundle, code]));
    onResolve({ filter: /^entry:/ }, ({ path }) => ({ path: path.slice('entry:'.length), namespace }));
    onLoad({ filter: /.*/, namespace }, ({ path }) => ({ contents: codeOf.get(path) ?? '', loader: 'ts', resolveDir: ROOT }));
  },
});

/**
 * Bundles every function; `directory` is emptied first. Rejects when a module is missing or does not parse.
 * One build for all, so that each module is read and parsed once.
 */
export const buildAll = async ({
  directory = BUILD_DIRECTORY,
  entries = ENTRIES,
}: {
  readonly directory?: string;
  readonly entries?: readonly Entry[];
} = {}): Promise<readonly Bundle[]> => {
  await rm(directory, { recursive: true, force: true });
  const { metafile, outputFiles } = await build({
    entryPoints: entries.map(({ bundle }) => ({ in: `entry:${bundle}`, out: `${bundle}/index` })),
    absWorkingDir: ROOT,
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // The SDK ships both; esbuild can leave unused parts out of ES modules only.
    mainFields: ['module', 'main'],
    minify: true,
    // Not read at run time (--enable-source-maps adds 8 ms to a cold start); infra/RUNBOOK.md reads it for a stack.
    sourcemap: 'external',
    sourcesContent: false,
    plugins: [entryModules(entries), credentialsFromEnvironment],
    metafile: true,
    write: false,
    logLevel: 'silent', // what it would print stands in the error that it throws
  });
  await Promise.all(entries.map(({ bundle }) => mkdir(join(directory, bundle), { recursive: true })));
  await Promise.all(outputFiles.map(({ path, contents }) => writeFile(path, contents)));
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [resolve(ROOT, path), output]));
  return entries.map((entry) => {
    const file = join(directory, entry.bundle, 'index.mjs');
    const code = outputFiles.find(({ path }) => path === file)?.contents ?? new Uint8Array();
    const inputs = Object.entries(outputs.get(file)?.inputs ?? {});
    return {
      entry,
      file,
      bytes: code.byteLength,
      gzipBytes: gzipSync(code).byteLength,
      inputs: inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path),
    };
  });
};

const kb = (bytes: number): string => (bytes / 1024).toFixed(0);

/** One line about the first bundle above its ceiling; undefined when there is none. */
export const overCeiling = (bundles: readonly Bundle[]): string | undefined => {
  const over = bundles.find(({ bytes, entry }) => bytes > entry.ceilingKb * 1024);
  if (over === undefined) return undefined;
  const { bundle, ceilingKb } = over.entry;
  return `${bundle}: ${kb(over.bytes)} KB is above its ceiling of ${ceilingKb} KB. Look at what it imports, or raise CEILING_KB in infra/build.ts and say why.`;
};

const LOADS = 9;
const EMPTY_MODULE = 'data:text/javascript,export const handler = async () => {};';
/** What the functions read while they load; invented. */
export const LOAD_ENV = {
  ...Object.fromEntries(Object.values(ENV).map((name) => [name, 'https://load.example/0/x'])),
  [ENV.source]: '{}',
  [ENV.retry]: '{}',
  [ENV.deletions]: '{}',
  [ENV.overflow]: '{}',
  AWS_REGION: 'eu-central-1',
};
const LOAD_SCRIPT = `const before = performance.now(); await import(process.argv[1]); const after = performance.now();
process.stdout.write(JSON.stringify([after - before, after]));`;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Milliseconds, medians over fresh processes: of the import, and from the start of the process until it is done. */
const timeLoad = async (url: string): Promise<{ readonly importMs: number; readonly totalMs: number }> => {
  const times: (readonly [number, number])[] = [];
  const env = { PATH: process.env.PATH, ...LOAD_ENV };
  while (times.length < LOADS) {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', LOAD_SCRIPT, url], { env });
    times.push(JSON.parse(stdout));
  }
  return { importMs: median(times.map(([importMs]) => importMs)), totalMs: median(times.map(([, totalMs]) => totalMs)) };
};

const printTable = (rows: readonly (readonly string[])[]): void => {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) {
    console.log(
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
    );
  }
};

if (import.meta.main) {
  const bundles = await buildAll();
  const empty = await timeLoad(EMPTY_MODULE);
  const rows = [['function', 'KB', 'KB gzip', 'load ms', 'start x empty', 'ceiling KB']];
  for (const { entry, file, bytes, gzipBytes } of bundles) {
    const { importMs, totalMs } = await timeLoad(pathToFileURL(file).href);
    rows.push([
      entry.bundle,
      kb(bytes),
      kb(gzipBytes),
      importMs.toFixed(0),
      (totalMs / empty.totalMs).toFixed(1),
      String(entry.ceilingKb),
    ]);
  }
  printTable(rows);
  const problem = overCeiling(bundles);
  if (problem !== undefined) {
    console.error(problem);
    process.exitCode = 1;
  }
}
