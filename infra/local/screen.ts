import { relative } from 'node:path';
import { SOURCE_IDS, WEBHOOK_SOURCES, webhookPath } from '../../functions/manifest.ts';
import { DEFAULT_PORT, DEFAULT_SECRETS_FILE } from './defaults.ts';
import type { FunctionEvent } from './function-log.ts';
import type { LocalSource, LocalStack } from './stack.ts';
import type { Style } from './style.ts';
import { wrapped } from './text.ts';

/** Columns that every terminal has. */
const SCREEN_WIDTH = 80;
const NAME_WIDTH = 'Userpilot'.length;
const SOURCE_WIDTH = Math.max(...SOURCE_IDS.map(({ length }) => length));
/** The longest of any vendor has 45. */
const TYPE_WIDTH = 50;
const OUTCOME_WIDTH = 'unavailable'.length;
const MILLISECONDS_WIDTH = 8;

/** Senders choose event types. What is not printable ASCII could move the cursor or colour the screen. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');

const atMost = (text: string, width: number): string => (text.length > width ? `${text.slice(0, width - 1)}…` : text);
const columnOf = (text: string, width: number): string => atMost(text, width).padEnd(width);

const LOOKS: Readonly<Record<string, Parameters<Style>[0]>> = {
  delivered: 'green',
  tombstone: 'green',
  ignored: 'gray',
  superseded: 'gray',
  retrying: 'yellow',
  rejected: 'red',
  refused: 'red',
  unavailable: 'red',
};

/**
 * Time, outcome, milliseconds, source, event type and the reason code if there is one. No id, no person. Event types differ
 * most in length, so that they come last: a line of most vendors fits 80 columns.
 */
export const eventLine = ({ at, source, type, outcome, milliseconds, code }: FunctionEvent, style: Style): string => {
  const took = milliseconds === undefined ? '' : `${Math.round(milliseconds)} ms`;
  const columns = [
    style('gray', at.toTimeString().slice(0, 8)),
    style(LOOKS[outcome] ?? 'white', columnOf(printable(outcome), OUTCOME_WIDTH)),
    took.padStart(MILLISECONDS_WIDTH),
    columnOf(printable(source), SOURCE_WIDTH),
    atMost(printable(type), TYPE_WIDTH),
    code === undefined ? '' : style('gray', printable(code)),
  ];
  return `  ${columns.join('  ')}`.trimEnd();
};

const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
const shown = (path: string): string => {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
};

const idOf = ({ id }: LocalSource): string => id;

/** A command that sends signed events to this stack: of one source that can sign, or of all. */
export const sampleCommand = (
  { url, sources, secretsFile }: Pick<LocalStack, 'url' | 'sources' | 'secretsFile'>,
  what: 'one' | 'all' = 'one',
): string => {
  const id =
    (sources.find((source) => source.id === 'clerk' && source.hasSecret) ?? sources.find(({ hasSecret }) => hasSecret))?.id ??
    'clerk';
  const to = new URL(url).port === String(DEFAULT_PORT) ? '' : ` --to ${url}`;
  const secrets = secretsFile === DEFAULT_SECRETS_FILE ? '' : ` --secrets ${quoted(secretsFile)}`;
  return `npm run send -- ${what === 'all' ? what : id}${to}${secrets}`;
};

/** What stands above the events. */
export const banner = (
  stack: LocalStack,
  { stage, seconds, style }: { readonly stage: string; readonly seconds: number; readonly style: Style },
): string => {
  const row = (name: string, value: string, note = '') =>
    `  ${style('bold', name.padEnd(NAME_WIDTH))}  ${value}${note && style('gray', `  ${note}`)}`;
  /** As many lines as the words need. */
  const rows = (name: string, words: readonly string[]) =>
    wrapped(words, SCREEN_WIDTH - NAME_WIDTH - 4).map((line, index) => row(index === 0 ? name : '', line));
  const { url, userpilot, userpilotUrl, vendors, sources, dataDir } = stack;
  const webhooks = sources.filter(({ id }) => WEBHOOK_SOURCES.some((webhook) => webhook === id));
  const triggers = sources.filter((source) => !webhooks.includes(source));
  const mute = sources.filter(({ hasSecret }) => !hasSecret).map(idOf);
  return [
    '',
    `  ${style(['bold', 'cyan'], 'Userpilot webhooks')}${style('gray', `  on this machine, stage ${stage}`)}`,
    '',
    row('Ready', style('green', url), `${seconds.toFixed(1)} s`),
    row('Userpilot', userpilotUrl, userpilot && 'a fake one'),
    ...(userpilot === undefined ? [] : [row('Users', `${userpilotUrl}/_/users`)]),
    ...(vendors === undefined ? [] : [row('Vendors', vendors.origin, 'fake ones, asked for users and keys')]),
    row('Data', shown(dataDir)),
    '',
    ...(webhooks.length === 0 ? [] : [row('Webhooks', `${url}${webhookPath('<source>')}`), ...rows('', webhooks.map(idOf))]),
    ...triggers.map((trigger) => row('Trigger', trigger.url)),
    ...(mute.length === 0 ? [] : rows('No secret', [...mute, '(every request is refused)'])),
    '',
    row('Try it', sampleCommand(stack)),
    row('', sampleCommand(stack, 'all')),
    row('Stop', 'Ctrl-C'),
    '',
    '',
  ].join('\n');
};
