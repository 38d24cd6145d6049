import type { ParseArgsConfig } from 'node:util';
import { SOURCE_IDS } from '../../../functions/manifest.ts';
import { readArguments } from '../../local/arguments.ts';
import { DEFAULT_PORT } from '../../local/defaults.ts';
import { Problem } from '../../local/problem.ts';
import { parseAge } from './age.ts';
import { type QueueName, usageOf } from './help.ts';
import type { Where } from './place.ts';
import type { Selection } from './selection.ts';

export interface ReplayOptions {
  readonly selection: Selection;
  readonly dryRun: boolean;
  /** In a dry run: values too, which are personal data. */
  readonly showValues: boolean;
  /** Takes events out of the queue that ask for nothing any more. */
  readonly dropIgnored: boolean;
}

export type QueueCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'list'; readonly where: Where; readonly ids: boolean }
  | { readonly kind: 'show'; readonly where: Where; readonly id: string; readonly yes: boolean }
  | ({ readonly kind: 'replay'; readonly where: Where } & ReplayOptions);

const COMMANDS: Readonly<Record<QueueName, readonly string[]>> = {
  rejected: ['list', 'show', 'replay'],
  'dead-letters': ['list', 'replay'],
};

const SELECTORS = '--reason, --source, --id, --older-than, --younger-than or --all';

export const PLACE = {
  to: { type: 'string' },
  stage: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsConfig['options'];
const LIST = { ...PLACE, ids: { type: 'boolean', default: false } } as const;
const SHOW = { ...PLACE, yes: { type: 'boolean', default: false } } as const;
const REPLAY = {
  ...PLACE,
  reason: { type: 'string', multiple: true, default: [] as string[] },
  source: { type: 'string', multiple: true, default: [] as string[] },
  id: { type: 'string', multiple: true, default: [] as string[] },
  'older-than': { type: 'string' },
  'younger-than': { type: 'string' },
  all: { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
  'show-values': { type: 'boolean', default: false },
  'drop-ignored': { type: 'boolean', default: false },
} as const;

const readUrl = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  throw new Problem(`--to ${text}: write the address that npm start shows, e.g. http://127.0.0.1:${DEFAULT_PORT}.`);
};

/** @throws Problem */
export const readWhere = ({ to, stage }: { readonly to?: string | undefined; readonly stage?: string | undefined }): Where => {
  if (to !== undefined && stage !== undefined) throw new Problem('--to and --stage name two places: give one of them.');
  if (stage === undefined) return { kind: 'local', url: readUrl(to ?? `http://127.0.0.1:${DEFAULT_PORT}`) };
  if (stage === 'local') throw new Problem('--stage local: the local stack is not deployed, leave --stage out.');
  return { kind: 'deployed', stage };
};

const readId = (what: string, text: string): string => {
  if (/^[0-9a-f]{12}$/.test(text)) return text;
  throw new Problem(`${what} ${text}: write the 12 characters that list --ids shows.`);
};

const readAge = (option: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const milliseconds = parseAge(text);
  if (milliseconds !== undefined) return milliseconds;
  throw new Problem(`--${option} ${text}: write an age such as 90s, 30min, 2h or 3d.`);
};

const readSource = (text: string): string => {
  const known = [...SOURCE_IDS, 'unknown'];
  if (known.includes(text)) return text;
  throw new Problem(`--source ${text}: known are ${known.join(', ')}.`);
};

/** As `parseArgs` reads REPLAY. */
interface ReplayValues {
  readonly reason: readonly string[];
  readonly source: readonly string[];
  readonly id: readonly string[];
  readonly 'older-than'?: string | undefined;
  readonly 'younger-than'?: string | undefined;
  readonly all: boolean;
  readonly 'dry-run': boolean;
  readonly 'show-values': boolean;
  readonly 'drop-ignored': boolean;
}

const readReplay = (values: ReplayValues): ReplayOptions => {
  const olderThanMs = readAge('older-than', values['older-than']);
  const youngerThanMs = readAge('younger-than', values['younger-than']);
  const lists = [values.reason, values.source, values.id];
  const narrowed = lists.some(({ length }) => length > 0) || olderThanMs !== undefined || youngerThanMs !== undefined;
  if (!narrowed && !values.all) throw new Problem(`Which events? Choose with ${SELECTORS}.`);
  if (narrowed && values.all) throw new Problem('--all and a choice contradict each other: leave one of them out.');
  if (values['show-values'] && !values['dry-run']) throw new Problem('--show-values goes with --dry-run only: add it.');
  return {
    selection: {
      reasons: values.reason,
      sources: values.source.map(readSource),
      ids: values.id.map((id) => readId('--id', id)),
      ...(olderThanMs !== undefined && { olderThanMs }),
      ...(youngerThanMs !== undefined && { youngerThanMs }),
    },
    dryRun: values['dry-run'],
    showValues: values['show-values'],
    dropIgnored: values['drop-ignored'],
  };
};

/** @throws Problem for what it does not know or cannot read. */
export const readQueueOptions = (queue: QueueName, args: readonly string[]): QueueCommand => {
  const usage = usageOf(queue);
  const [command = '', ...rest] = args;
  if (args.includes('--help') || args.includes('-h')) return { kind: 'help' };
  if (!COMMANDS[queue].includes(command)) {
    const what = command === '' || command.startsWith('-') ? 'What to do?' : `Unknown command ${command}.`;
    throw new Problem(`${what} Write ${COMMANDS[queue].join(', ')} first. Usage: ${usage}`);
  }
  if (command === 'list') {
    const { values } = readArguments({ args: rest, options: LIST }, usage);
    return { kind: 'list', where: readWhere(values), ids: values.ids };
  }
  if (command === 'show') {
    const { values, positionals } = readArguments({ args: rest, options: SHOW, allowPositionals: true }, usage);
    const [id, ...more] = positionals;
    if (id === undefined || more.length > 0)
      throw new Problem(`Show which one? Write one id that list --ids shows. Usage: ${usage}`);
    return { kind: 'show', where: readWhere(values), id: readId('show', id), yes: values.yes };
  }
  const { values } = readArguments({ args: rest, options: REPLAY }, usage);
  return { kind: 'replay', where: readWhere(values), ...readReplay(values) };
};
