import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import type { Properties } from '../../functions/core/calls.ts';
import { Path } from '../../functions/core/path.ts';
import { SourceSettings } from '../../functions/core/settings.ts';
import { REFRESH_SOURCES, SOURCE_IDS, type SourceId, WEBHOOK_SOURCES } from '../../functions/manifest.ts';
import type { Mapped } from '../../functions/sources/source.ts';
import { codesIn, GLANCE, pageFile, readPage, SECTIONS, sectionOf } from '../../infra/tools/docs/page.ts';
import { readSendOptions } from '../../infra/tools/send/options.ts';
import { contracts } from '../support/contracts/index.ts';
import { fixturesOf, mapBody, momentAt, recordIn, sentBy } from '../support/sources.ts';

const FOLDER = join(import.meta.dirname, '../../functions/sources');
const pascalCase = (id: string): string => id.replace(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());

const AGES: Readonly<Record<number, string>> = { 300: '5 minutes', [48 * 3600]: '48 hours', [3 * 86_400]: '3 days' };

/** Without fenced blocks, in which other languages speak. */
const proseOf = (text: string): string => text.replace(/^ *```[\s\S]*?^ *```$/gm, '');

/** `api: 'https://<tenant>.example'` as an object: what people copy into infra/stages.ts. Undefined for any other code. */
const settingIn = (code: string): Readonly<Record<string, unknown>> | undefined => {
  if (!/^(?:[\w$]+|'[\w-]+'): /.test(code)) return undefined;
  return structuredClone(runInNewContext(`({${code.replace(/<[^>]*>/g, 'x')}})`));
};

const isSource = (name: string): name is SourceId => SOURCE_IDS.some((id) => id === name);

/** What is wrong with what people copy, if anything. A key that is no setting names a property, and in `properties` its path. */
const faultIn = (name: string, value: unknown): unknown => {
  if (isSource(name)) return SourceSettings.safeParse(value).error?.message;
  if (name in SourceSettings.shape) return SourceSettings.safeParse({ [name]: value }).error?.message;
  return typeof value === 'string' ? Path.safeParse(value).error?.message : undefined;
};

/** Names of the properties in a mapped event, of users or of companies. */
const namesIn = (mapped: Mapped, kind: 'identifyUser' | 'identifyCompany'): readonly string[] => {
  const calls = mapped.kind === 'changes' ? mapped.changes.map(({ call }) => call) : [];
  return calls.flatMap((call) => (call.kind === kind ? Object.keys((call.metadata ?? {}) satisfies Properties) : []));
};

it('every source has a page, and every page a source', () => {
  const pages = readdirSync(FOLDER).filter((name) => name.endsWith('.md'));
  expect(pages.sort()).toEqual(SOURCE_IDS.map((id) => `${id}.md`).sort());
});

describe.each(contracts)('the page of $source.id', ({ source, sender, proves, maxAge = 300, settings }) => {
  const { id, directory } = source;
  const page = readPage(id);
  const { text, glance } = page;
  const byHttp = WEBHOOK_SOURCES.some((webhook) => webhook === id);
  const mapped = [
    ...fixturesOf(id)
      .filter((recorded) => Object.keys(recorded.settings ?? {}).every((name) => name === 'api' || name === 'issuer'))
      .flatMap(({ expected, more = [] }) => [expected, ...more.map((one) => one.expected)] as unknown as Mapped[]),
    ...sender.types.map((type) => {
      const moment = momentAt(new Date('2026-11-23T12:00:00Z'));
      const request = sentBy(sender, type, { secret: sender.secret(Buffer.alloc(32, 7)), moment });
      return mapBody(source, recordIn(source, request.body), { receivedAt: moment.now.toISOString(), settings });
    }),
  ];

  it('has the headings of all pages, and says the same at a glance', () => {
    expect([...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)).toEqual([...SECTIONS]);
    const table = text.slice(text.indexOf('| at a glance | |\n| --- | --- |\n'), text.indexOf('\n\n## Set up'));
    const rows = table.split('\n').slice(2);
    expect(rows.map((row) => row.split('|')[1]?.trim())).toEqual([...GLANCE]);
  });

  it('claims no more proof than the contract test finds', () => {
    if (!byHttp) return expect([glance.covers, glance.replays]).toEqual(['nothing comes over HTTP', 'not possible from outside']);
    expect(glance.covers).toMatch(proves.body && proves.time ? /^body and time$/ : /^the sender only/);
    expect(glance.replays).toMatch(proves.time ? `refused after ${AGES[maxAge]}` : /^not refused/);
  });

  it('says what is asked of the API', () => {
    expect(/fetched/.test(glance.profile)).toBe(REFRESH_SOURCES.some((fetching) => fetching === id));
    // Whoever heeds `since` takes it out of its options by name.
    const list = String(directory?.list ?? '');
    const since = /\bsince\b/.test(list) ? 'everybody, or who changed since' : 'everybody';
    expect(glance['list of users']).toBe(list === '' ? 'none' : since);
  });

  it('offers commands that exist', () => {
    const commands = [...sectionOf(text, 'Try it').matchAll(/`npm run send -- ([^`]*)`/g)].map(([, args = '']) =>
      args.split(' '),
    );
    expect(commands.length).toBeGreaterThanOrEqual(2);
    for (const args of commands) expect(readSendOptions(args)).toMatchObject({ source: id });
  });

  it('says where address and secret go', () => {
    const name = pascalCase(id);
    const outputs = byHttp ? [`${name}WebhookUrl`] : [`${name}FunctionArn`];
    // Hanko's and Kinde's public keys need none, and the credential of the API has its place all the same.
    if (byHttp) outputs.push(`${name}SecretArn`);
    expect(outputs.filter((output) => !sectionOf(text, 'Set up').includes(output))).toEqual([]);
    const secrets = [...text.matchAll(/\{ ?"signingSecrets[^`]*\}|\{"api"[^`]*\}/g)].join('\n');
    expect((directory?.credential ?? []).filter((member) => !secrets.includes(`"${member}"`))).toEqual([]);
  });

  it('names settings that exist', () => {
    const blocks = [...text.matchAll(/^ *```ts\n([\s\S]*?)^ *```$/gm)].map(([, code = '']) => code.trim());
    const shown = [...codesIn(proseOf(text)), ...blocks].flatMap((code) => Object.entries(settingIn(code) ?? {}));
    const faults = shown.flatMap(([name, value]) => faultIn(name, value) ?? []);
    expect(faults).toEqual([]);
  });

  it('names every property that is sent by default, and no other', () => {
    const [user, company] = (['identifyUser', 'identifyCompany'] as const).map((kind) =>
      mapped.flatMap((one) => namesIn(one, kind)),
    );
    expect(user?.filter((name) => !page.properties.includes(name))).toEqual([]);
    expect(company?.filter((name) => !page.companyProperties.includes(name))).toEqual([]);
    const code = readdirSync(FOLDER)
      .filter((name) => name.startsWith(`${id}.`) && name.endsWith('.ts') && !name.endsWith('.sender.ts'))
      .map((name) => readFileSync(join(FOLDER, name), 'utf8'))
      .join('\n');
    const all = [...page.properties, ...page.companyProperties];
    expect(all.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
  });

  it('tells of the vendor, and links it', () => {
    expect(text.split('\n## ')[0]).toMatch(/(?:Vendor's pages?|Specification):\s+(?:<https:|\[)/);
    expect(pageFile(id)).toBe(`functions/sources/${id}.md`);
  });
});
