import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { SourceSettings } from '../../functions/core/settings.ts';
import { Stage } from '../../infra/stages.ts';
import { readPages } from '../../infra/tools/docs/page.ts';
import { BEGIN, END, withSources } from '../../infra/tools/docs/readme.ts';

const ROOT = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', ROOT), 'utf8');

describe('README.md', () => {
  it('holds what npm run docs would write', () => {
    expect(withSources(readme, readPages())).toBe(readme);
  });

  it('names every source on its first screen', () => {
    const [intro = ''] = readme.split('\n## ');
    const titles = readPages().map(({ text }) => text.slice('# '.length, text.indexOf('\n')));
    expect(titles.filter((title) => !intro.replace(/\s+/g, ' ').includes(title))).toEqual([]);
  });

  it('knows every setting of a source, and no other', () => {
    const [, table = ''] = readme.split('| setting | meaning |\n| --- | --- |\n');
    const rows = table.slice(0, table.indexOf('\n\n')).split('\n');
    const names = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name));
    expect(names.sort()).toEqual(Object.keys(SourceSettings.shape).sort());
  });

  it('shows a stage that can be deployed', () => {
    const [, code = ''] = /```ts\n +production: (\{[\s\S]*?\n +\}),\n +```/.exec(readme) ?? [];
    expect(Stage.safeParse(structuredClone(runInNewContext(`(${code})`))).error).toBeUndefined();
  });

  it('points at files that are there', () => {
    const links = [...readme.matchAll(/\]\((?!https:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, path = '']) => path);
    const scripts: Readonly<Record<string, string>> = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')).scripts;
    const commands = [...readme.matchAll(/npm run ([\w-]+)/g)].map(([, name = '']) => name);
    expect(commands.filter((name) => scripts[name] === undefined)).toEqual([]);
    expect(() => links.map((path) => readFileSync(new URL(path, ROOT)))).not.toThrow();
  });
});

describe('withSources', () => {
  it('leaves what people wrote as it is', () => {
    const before = `hand\n\n${BEGIN}\nold\n${END}\n\nhand`;
    const after = withSources(before, []);
    expect([after.startsWith(`hand\n\n${BEGIN}\n`), after.endsWith(`${END}\n\nhand`), after.includes('old')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(withSources(after, [])).toBe(after);
  });

  it('says which mark is missing', () => {
    expect(() => withSources('hand', [])).toThrow(BEGIN);
  });
});
