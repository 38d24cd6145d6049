import { readFileSync } from 'node:fs';
import { SOURCE_IDS, type SourceId } from '../../../functions/manifest.ts';

/** Rows of the table on top of each page, in their order. Tests hold them against the code where it knows better. */
export const GLANCE = ['events', 'needs', 'proof', 'covers', 'replays', 'profile', 'list of users', 'mind'] as const;
export type Glance = Readonly<Record<(typeof GLANCE)[number], string>>;

/** Headings of each page, in their order. */
export const SECTIONS = ['Set up', 'Try it', 'When we are down', 'Sent to Userpilot', 'Known limits'] as const;

/** What the page of a source says, as far as README.md repeats it. */
export interface SourcePage {
  readonly id: SourceId;
  readonly text: string;
  readonly glance: Glance;
  /** Where the user id and the company id stand, by default. */
  readonly userId: string;
  readonly company: string;
  /** Names at Userpilot, by default. */
  readonly properties: readonly string[];
  readonly companyProperties: readonly string[];
}

type Row = readonly string[];

/** Cells of the first table in a text, without its head. */
const tableIn = (text: string): readonly Row[] => {
  const [, ...lines] = text.slice(text.search(/^\|/m)).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(1, end).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
};

/** The text under a heading of the second level, '' where there is none. */
export const sectionOf = (text: string, heading: string): string => text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';

export const codesIn = (text: string): readonly string[] => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);

/** A cell says what holds by default first; what may be chosen instead follows in parentheses or after a semicolon. */
const byDefault = ([, ...cells]: Row): string =>
  [...new Set(cells.map((cell) => cell.split(/;| \(/)[0] ?? ''))].filter((cell) => cell !== '–').join(' / ');

export const pageFile = (id: SourceId): string => `functions/sources/${id}.md`;

/** @throws Error that names the page and what it lacks. */
export const readPage = (id: SourceId): SourcePage => {
  const text = readFileSync(new URL(`../../../${pageFile(id)}`, import.meta.url), 'utf8');
  const glance = new Map(tableIn(text).map(([name = '', value = '']) => [name, value]));
  const sent = tableIn(sectionOf(text, 'Sent to Userpilot'));
  const rowOf = (name: string): Row => {
    const row = sent.find(([first]) => first === name);
    if (row === undefined) throw new Error(`${pageFile(id)}: "Sent to Userpilot" has no row "${name}"`);
    return row;
  };
  const entries = GLANCE.map((name) => {
    const value = glance.get(name);
    if (value === undefined) throw new Error(`${pageFile(id)}: the table on top has no row "${name}"`);
    return [name, value] as const;
  });
  const named = sent.filter(([first = '']) => first.includes('`')).map(([first = '']) => first);
  return {
    id,
    text,
    // The names are those of GLANCE, one of each.
    glance: Object.fromEntries(entries) as Glance,
    userId: byDefault(rowOf('user id')),
    company: byDefault(rowOf('company')),
    properties: named.filter((first) => !first.startsWith('company ')).flatMap(codesIn),
    companyProperties: named.filter((first) => first.startsWith('company ')).flatMap(codesIn),
  };
};

export const readPages = (): readonly SourcePage[] => SOURCE_IDS.toSorted().map(readPage);
