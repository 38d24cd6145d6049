import * as z from 'zod';
import { readArguments } from '../../local/arguments.ts';
import { DEFAULT_PORT } from '../../local/defaults.ts';
import { Problem } from '../../local/problem.ts';
import { PLACE, readWhere } from '../queues/options.ts';
import type { Where } from '../queues/place.ts';

const USAGE = 'npm run erasures -- list|cancel ID…|send [--to URL | --stage NAME] [--help]';

export const HELP = `${USAGE}

  --to URL             a local stack (default http://127.0.0.1:${DEFAULT_PORT})
  --stage NAME         a deployed stage of infra/stages.ts, with the credentials of the usual AWS variables

  list                 deletions that are still to be passed on to Userpilot, by the day on which they are due
    --ids              one by one, without saying who
    --show-ids         one by one, with the ids of users and companies, which are personal data
  cancel ID…           takes some out, by the ids that list --ids shows: they stay at Userpilot
    --day YYYY-MM-DD   all that are due on this day, after asking
    --yes              without asking
  send                 starts the run of 01:30 UTC now
    --due-by YYYY-MM-DD  also what is due later, up to this day
    --force            lets a mass deletion through
    --dry-run          changes and sends nothing: says how many
`;

export type ErasuresCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'list'; readonly where: Where; readonly single: boolean; readonly showIds: boolean }
  | {
      readonly kind: 'cancel';
      readonly where: Where;
      readonly ids: readonly string[];
      readonly day?: string;
      readonly yes: boolean;
    }
  | {
      readonly kind: 'send';
      readonly where: Where;
      readonly dueBy?: string;
      readonly force: boolean;
      readonly dryRun: boolean;
    };

const COMMANDS = ['list', 'cancel', 'send'];
const flag = { type: 'boolean', default: false } as const;

const readDay = (option: string, text: string): string => {
  if (z.iso.date().safeParse(text).success) return text;
  throw new Problem(`--${option} ${text}: write a day such as 2026-11-23.`);
};

const readId = (text: string): string => {
  if (/^[0-9a-f]{12}$/.test(text)) return text;
  throw new Problem(`cancel ${text}: write the 12 characters that list --ids shows.`);
};

/** @throws Problem for what it does not know or cannot read. */
export const readErasuresOptions = (args: readonly string[]): ErasuresCommand => {
  const [command = '', ...rest] = args;
  if (args.includes('--help') || args.includes('-h')) return { kind: 'help' };
  if (!COMMANDS.includes(command)) {
    const what = command === '' || command.startsWith('-') ? 'What to do?' : `Unknown command ${command}.`;
    throw new Problem(`${what} Write ${COMMANDS.join(', ')} first. Usage: ${USAGE}`);
  }
  if (command === 'list') {
    const { values } = readArguments({ args: rest, options: { ...PLACE, ids: flag, 'show-ids': flag } as const }, USAGE);
    return { kind: 'list', where: readWhere(values), single: values.ids || values['show-ids'], showIds: values['show-ids'] };
  }
  if (command === 'cancel') {
    const options = { ...PLACE, day: { type: 'string' }, yes: flag } as const;
    const { values, positionals } = readArguments({ args: rest, options, allowPositionals: true }, USAGE);
    if (positionals.length === 0 && values.day === undefined)
      throw new Problem(`Cancel which ones? Write ids that list --ids shows, or --day. Usage: ${USAGE}`);
    if (positionals.length > 0 && values.day !== undefined)
      throw new Problem('Ids and --day choose in two ways: give one of them.');
    return {
      kind: 'cancel',
      where: readWhere(values),
      ids: positionals.map(readId),
      yes: values.yes,
      ...(values.day !== undefined && { day: readDay('day', values.day) }),
    };
  }
  const options = { ...PLACE, 'due-by': { type: 'string' }, force: flag, 'dry-run': flag } as const;
  const { values } = readArguments({ args: rest, options }, USAGE);
  return {
    kind: 'send',
    where: readWhere(values),
    force: values.force,
    dryRun: values['dry-run'],
    ...(values['due-by'] !== undefined && { dueBy: readDay('due-by', values['due-by']) }),
  };
};
