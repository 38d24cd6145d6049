import { resolve } from 'node:path';
import { SOURCE_IDS, type SourceId } from '../../../functions/manifest.ts';
import { senders } from '../../../functions/sources/senders.ts';
import { readArguments, readNumber } from '../../local/arguments.ts';
import { DEFAULT_PORT, DEFAULT_SECRETS_FILE } from '../../local/defaults.ts';
import { Problem } from '../../local/problem.ts';
import { wrapped } from '../../local/text.ts';

export const USAGE =
  'npm run send -- SOURCE|all [--event TYPE] [--count N] [--users N] [--rate PER_SECOND] [--concurrency N] [--to URL] [--secrets FILE]';

const INDENT = ' '.repeat(19);
const listed = (words: readonly string[]): string => wrapped(words, 80 - INDENT.length).join(`\n${INDENT}`);

const HELP = `npm run send -- SOURCE [--event TYPE] [options]
npm run send -- all [--to URL] [--secrets FILE]

  SOURCE           ${listed(SOURCE_IDS)}
  all              one sign-up of somebody else from each source of the stack
  --event TYPE     what happened (default: the sign-up); SOURCE --help lists
  --count N        events to send (default 1)
  --users N        invented people they are about (default: one for each event)
  --rate N         events a second, e.g. 0.5 (default: as fast as answered)
  --concurrency N  requests at the same time (default 16)
  --to URL         where to send (default http://127.0.0.1:${DEFAULT_PORT})
  --secrets FILE   the secrets to sign with (default .local/secrets.json)
`;

const helpOf = (source: SourceId): string => `npm run send -- ${source} [--event TYPE] [options]

  --event TYPE     ${listed(senders[source].types)}

npm run send -- --help lists the other options.
`;

export interface SendHelp {
  readonly source: 'help';
  readonly text: string;
}

/** One sign-up from each source. */
export interface SendAllOptions {
  readonly source: 'all';
  readonly to: string;
  readonly secretsFile: string;
}

export interface SendOptions {
  readonly source: SourceId;
  readonly type: string;
  readonly count: number;
  readonly users: number;
  /** Events a second; absent = no limit. */
  readonly rate?: number;
  readonly concurrency: number;
  /** Without a slash at the end. */
  readonly to: string;
  readonly secretsFile: string;
}

const MILLION = 1_000_000;
/** Options that say nothing where all sources send. */
const OF_ONE_SOURCE = ['event', 'count', 'users', 'rate', 'concurrency'] as const;

const readSource = (names: readonly string[]): SourceId => {
  const [name = '', ...more] = names;
  const source = SOURCE_IDS.find((id) => id === name);
  if (source !== undefined && more.length === 0) return source;
  const what = more.length > 0 ? 'one source at a time' : name === '' ? 'which source?' : `unknown source ${name}`;
  throw new Problem(`${what}: known are ${SOURCE_IDS.join(', ')} and all. Usage: ${USAGE}`);
};

const readType = (source: SourceId, type: string | undefined): string => {
  const { types } = senders[source];
  if (type === undefined) return types[0];
  if (types.includes(type)) return type;
  throw new Problem(`unknown event ${type} of ${source}: known are ${types.join(', ')}.`);
};

const readRate = (text: string): number => {
  const rate = /^\d{1,6}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (rate > 0) return rate;
  throw new Problem(`--rate ${text}: write events a second, e.g. 20 or 0.5.`);
};

const readUrl = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  throw new Problem(`--to ${text}: write the address without the path, e.g. http://127.0.0.1:${DEFAULT_PORT}.`);
};

/** Throws a Problem for what it does not know or cannot read. */
export const readSendOptions = (args: readonly string[]): SendOptions | SendAllOptions | SendHelp => {
  const options = {
    event: { type: 'string' },
    count: { type: 'string' },
    users: { type: 'string' },
    rate: { type: 'string' },
    concurrency: { type: 'string' },
    to: { type: 'string', default: `http://127.0.0.1:${DEFAULT_PORT}` },
    secrets: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true }, USAGE);
  if (values.help) {
    const source = SOURCE_IDS.find((id) => id === positionals[0]);
    return { source: 'help', text: source === undefined ? HELP : helpOf(source) };
  }
  const where = {
    to: readUrl(values.to),
    secretsFile: values.secrets === undefined ? DEFAULT_SECRETS_FILE : resolve(values.secrets),
  };
  if (positionals.length === 1 && positionals[0] === 'all') {
    const other = OF_ONE_SOURCE.find((name) => values[name] !== undefined);
    if (other !== undefined) throw new Problem(`--${other}: all sends one sign-up from each source; name a source instead.`);
    return { source: 'all', ...where };
  }
  const source = readSource(positionals);
  const count = readNumber('count', values.count ?? '1', { min: 1, max: MILLION });
  return {
    source,
    type: readType(source, values.event),
    count,
    users: values.users === undefined ? count : readNumber('users', values.users, { min: 1, max: MILLION }),
    ...(values.rate !== undefined && { rate: readRate(values.rate) }),
    concurrency: readNumber('concurrency', values.concurrency ?? '16', { min: 1, max: 1000 }),
    ...where,
  };
};
