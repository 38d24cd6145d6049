import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = resolve(import.meta.dirname, '..');
const files = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name));

/** Targets of every import, export-from and dynamic import: project files from the root, packages by name. */
const importsOf = (file: string): readonly string[] => {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const statements = text.matchAll(
    /(?:^|\n)(?:import|export)\s[^;]*?from\s+'([^']+)'|(?:^|\n)import\s+'([^']+)'|\bimport\(\s*'([^']+)'/g,
  );
  return [...statements].map(([, from, bare, dynamic]) => {
    const target = from ?? bare ?? dynamic ?? '';
    return target.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(file), target)) : target;
  });
};

/** Who may import whom. A folder may always import itself. Types vanish before anything runs, and still count. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  'functions/core': ['zod', 'node:crypto'],
  'functions/sources': ['functions/core', 'functions/manifest.ts', 'zod', 'node:crypto', '@jmespath-community/jmespath'],
  'functions/outbound': ['functions/core', 'functions/sources/directory.ts'],
  'functions/userpilot': ['functions/core', 'functions/outbound', 'zod'],
  'functions/middleware': ['functions/core', '@middy/core', 'aws-lambda'],
  'functions/handlers': [
    'functions/core',
    'functions/sources/source.ts',
    'functions/sources/directory.ts',
    'functions/userpilot',
    'functions/middleware',
    'functions/manifest.ts',
    '@aws/durable-execution-sdk-js',
    '@middy/core',
    'aws-lambda',
    'zod',
  ],
  'functions/aws': ['functions/core', 'functions/manifest.ts', 'functions/sources/directory.ts', '@aws-sdk/', 'zod'],
  'functions/entry': ['functions/', '@aws-sdk/', 'zod', 'node:timers/promises'],
};

describe('imports', () => {
  it('the manifest imports nothing', () => {
    expect(importsOf('functions/manifest.ts')).toEqual([]);
  });
  it.each(Object.entries(ARROWS))('%s imports only what it may', (folder, allowed) => {
    const strays = files(folder).flatMap((file) =>
      importsOf(file)
        .filter(
          (target) =>
            ![folder, ...allowed].some(
              (prefix) => target === prefix || target.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`),
            ),
        )
        .map((target) => `${file} -> ${target}`),
    );
    expect(strays).toEqual([]);
  });
  it.each(['infra/constructs', 'infra/stacks'])(
    '%s reads of functions/ only the manifest and the form of the settings',
    (folder) => {
      const strays = files(folder).flatMap((file) =>
        importsOf(file).filter((target) => /^functions\/(?!manifest\.ts$|core\/settings\.ts$)/.test(target)),
      );
      expect(strays).toEqual([]);
    },
  );
  it('only entry/ binds a source to a function: handlers know the interface alone', () => {
    const known = files('functions/handlers')
      .flatMap(importsOf)
      .filter((target) => target.startsWith('functions/sources/'));
    expect(new Set(known)).toEqual(new Set(['functions/sources/source.ts', 'functions/sources/directory.ts']));
  });
});

describe('core', () => {
  it.each(files('functions/core'))('%s has no clock, chance, environment or network of its own', (file) => {
    const code = readFileSync(join(ROOT, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    expect(code).not.toMatch(
      /process\.|Date\.now|new Date\(\)|Math\.random|randomUUID|randomBytes|\bfetch\(|setTimeout|setInterval|performance\./,
    );
  });
});
