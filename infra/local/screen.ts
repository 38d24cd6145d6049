import { relative } from 'node:path';
import { SOURCE_IDS } from '../../functions/manifest.ts';
import { DEFAULT_PORT, DEFAULT_SECRETS_FILE } from './defaults.ts';
import type { FunctionEvent } from './function-log.ts';
import type { LocalStack } from './stack.ts';
import type { Style } from './style.ts';

/** Wide enough for every source and row, and for Cognito's longest trigger. */
const SOURCE_WIDTH = Math.max('Userpilot'.length, ...SOURCE_IDS.map(({ length }) => length));
const TYPE_WIDTH = 33;
const OUTCOME_WIDTH = 11;
const MILLISECONDS_WIDTH = 9;

/** Senders choose event types. What is not printable ASCII could move the cursor or colour the screen. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');

const columnOf = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);

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

/** Time, source, event type, outcome, milliseconds and the reason code if there is one. No id, no person. */
export const eventLine = ({ at, source, type, outcome, milliseconds, code }: FunctionEvent, style: Style): string => {
  const took = milliseconds === undefined ? '' : `${Math.round(milliseconds)} ms`;
  const columns = [
    style('gray', at.toTimeString().slice(0, 8)),
    columnOf(printable(source), SOURCE_WIDTH),
    columnOf(printable(type), TYPE_WIDTH),
    style(LOOKS[outcome] ?? 'white', columnOf(printable(outcome), OUTCOME_WIDTH)),
    took.padStart(MILLISECONDS_WIDTH),
    code === undefined ? '' : style('gray', printable(code)),
  ];
  return `  ${columns.join('  ')}`.trimEnd();
};

const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
const shown = (path: string): string => {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
};

/** A command that sends one signed event to this stack. */
export const sampleCommand = ({ url, sources, secretsFile }: LocalStack): string => {
  const id =
    (sources.find((source) => source.id === 'clerk' && source.hasSecret) ?? sources.find(({ hasSecret }) => hasSecret))?.id ??
    'clerk';
  const to = new URL(url).port === String(DEFAULT_PORT) ? '' : ` --to ${url}`;
  const secrets = secretsFile === DEFAULT_SECRETS_FILE ? '' : ` --secrets ${quoted(secretsFile)}`;
  return `npm run send -- ${id}${to}${secrets}`;
};

/** What stands above the events. */
export const banner = (
  stack: LocalStack,
  { stage, seconds, style }: { readonly stage: string; readonly seconds: number; readonly style: Style },
): string => {
  const row = (name: string, value: string, note = '') =>
    `  ${style('bold', name.padEnd(SOURCE_WIDTH))}  ${value}${note && style('gray', `  ${note}`)}`;
  const { url, userpilot, userpilotUrl, vendors, sources, dataDir } = stack;
  return [
    '',
    `  ${style(['bold', 'cyan'], 'Userpilot webhooks')}${style('gray', `  on this machine, stage ${stage}`)}`,
    '',
    row('Ready', style('green', url), `${seconds.toFixed(1)} s`),
    row('Userpilot', userpilotUrl, userpilot && `a fake one, users at ${userpilotUrl}/_/users`),
    ...(vendors === undefined ? [] : [row('Vendors', vendors.origin, 'fake ones: what sources ask of their vendors')]),
    row('Data', shown(dataDir)),
    '',
    ...sources.map(({ id, url: address, hasSecret }) => row(id, address, hasSecret ? '' : 'no secret: refuses every request')),
    '',
    row('Try it', sampleCommand(stack)),
    row('Stop', 'Ctrl-C'),
    '',
    '',
  ].join('\n');
};
