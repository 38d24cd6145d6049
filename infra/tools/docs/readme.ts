import { pageFile, type SourcePage } from './page.ts';

export const BEGIN = '<!-- Written by `npm run docs` from the pages of the sources: edit those. -->';
export const END = '<!-- Written by hand again. -->';

const rowOf = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [rowOf(head), rowOf(head.map(() => '---')), ...rows.map(rowOf)].join('\n');

const linkTo = ({ id }: SourcePage): string => `[\`${id}\`](${pageFile(id)})`;
const listOf = (names: readonly string[]): string => (names.length === 0 ? '–' : names.join(', '));

/** The sources, in three tables narrow enough to be read: who is who, what it takes, what leaves. */
export const sourceTables = (pages: readonly SourcePage[]): string =>
  [
    `${pages.length} sources. Who proves what:`,
    tableOf(
      ['source', 'events', 'proof of the sender', 'covers', 'replays'],
      pages.map((page) => [linkTo(page), page.glance.events, page.glance.proof, page.glance.covers, page.glance.replays]),
    ),
    'What it takes:',
    tableOf(
      ['source', 'needs', 'profile', 'list of users', 'mind'],
      pages.map((page) => [linkTo(page), page.glance.needs, page.glance.profile, page.glance['list of users'], page.glance.mind]),
    ),
    'What is sent, unless a stage says otherwise:',
    tableOf(
      ['source', 'user id', 'properties', 'company id', 'its properties'],
      pages.map((page) => [linkTo(page), page.userId, listOf(page.properties), page.company, listOf(page.companyProperties)]),
    ),
  ].join('\n\n');

/**
 * README.md with what is generated in it brought up to date.
 *
 * @throws Error when a mark is missing.
 */
export const withSources = (readme: string, pages: readonly SourcePage[]): string => {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`README.md has no "${BEGIN}" before a "${END}"`);
  return `${readme.slice(0, begin)}${BEGIN}\n\n${sourceTables(pages)}\n\n${readme.slice(end)}`;
};
