import type { Erasure } from '../../../functions/core/erasure.ts';
import { DependencyError } from '../../../functions/core/errors.ts';
import { EraseReport } from '../../../functions/handlers/erase.ts';
import { Problem } from '../../local/problem.ts';
import { ageText } from '../queues/age.ts';
import type { StageNamed } from '../queues/place.ts';
import { asksYes, printTo, type Terminal } from '../queues/terminal.ts';
import { plural, printable, tableOf } from '../queues/text.ts';
import { reached } from '../queues/trouble.ts';
import { type ErasuresCommand, HELP, readErasuresOptions } from './options.ts';
import { type ErasurePlace, openErasures } from './place.ts';

export interface ErasuresDeps {
  readonly terminal: Terminal;
  readonly stageNamed: StageNamed;
  readonly now: () => Date;
}

interface Job extends ErasuresDeps {
  readonly place: ErasurePlace;
}
type Of<Kind> = Extract<ErasuresCommand, { readonly kind: Kind }>;

const EVER = '9999-12-31';
/** Of the hash that a key ends in: those of companies begin with a word. */
const shortId = ({ key }: Erasure): string => key.slice(-64).slice(0, 12);

/** The table's own error is a cause of ours; the operator is told of that one. */
const askTable = <T>(answer: Promise<T>): Promise<T> =>
  reached(
    'the table',
    answer.catch((error: unknown) => {
      throw error instanceof DependencyError ? error.cause : error;
    }),
  );

const waiting = ({ erasures }: ErasurePlace): Promise<readonly Erasure[]> =>
  askTable(
    (async () => {
      const found: Erasure[] = [];
      for await (const page of erasures.listDue(EVER)) found.push(...page);
      return found;
    })(),
  );

const list = async ({ single, showIds }: Of<'list'>, { place, terminal, now }: Job): Promise<number> => {
  const print = printTo(terminal);
  const found = await waiting(place);
  const days = [...Map.groupBy(found, ({ due }) => due)].map(([day, due]) => {
    const users = due.filter(({ kind }) => kind === 'user').length;
    return [day, users, due.length - users];
  });
  const age = ({ requestedAt }: Erasure) => ageText(now().getTime() - requestedAt);
  const lines = single
    ? tableOf([
        ['id', 'due', 'age', 'kind', ...(showIds ? ['who'] : [])],
        ...found.map((erasure) => [
          shortId(erasure),
          erasure.due,
          age(erasure),
          erasure.kind,
          ...(showIds ? [printable(erasure.id)] : []),
        ]),
      ])
    : tableOf([['due', 'users', 'companies'], ...days.map((row) => row.map((cell) => cell ?? ''))]);
  print();
  print(`  ${plural(found.length, 'deletion')} to be passed on in ${place.name}`);
  if (found.length > 0) {
    print();
    for (const line of lines) print(`  ${line}`);
  }
  print();
  return 0;
};

const cancel = async ({ ids, day, yes }: Of<'cancel'>, { place, terminal, now }: Job): Promise<number> => {
  const print = printTo(terminal);
  const found = await waiting(place);
  const unknown = ids.filter((id) => !found.some((erasure) => shortId(erasure) === id));
  if (unknown.length > 0) throw new Problem(`Nothing waits under ${unknown.join(', ')} in ${place.name}: see list --ids.`);
  const chosen = found.filter((erasure) => (day === undefined ? ids.includes(shortId(erasure)) : erasure.due === day));
  if (chosen.length === 0) throw new Problem(`Nothing is due on ${day} in ${place.name}: see list.`);
  if (day !== undefined && !yes) {
    const question = `  Keep ${chosen.length} at Userpilot that were deleted at their vendor?`;
    if (terminal.input.isTTY !== true) throw new Problem('Nobody is there to be asked: add --yes.');
    if (!(await asksYes(terminal, question))) return 1;
  }
  let cancelled = 0;
  for (const erasure of chosen) {
    const { requestedAt } = erasure;
    const receipt = { status: 'WITHDRAWN', requestedAt, endedAt: now().getTime() } as const;
    if (await askTable(place.erasures.conclude(erasure, receipt))) cancelled += 1;
  }
  print();
  print(`  ${plural(cancelled, 'deletion')} cancelled in ${place.name}`);
  if (cancelled < chosen.length) print(`  ${chosen.length - cancelled} changed meanwhile and were left: look again.`);
  print();
  return cancelled === chosen.length ? 0 : 1;
};

const SENTENCES = {
  erase: 'sent',
  'dry run': 'would be sent',
  report: 'would have been sent, but the stage only reports (deletions.mode)',
  ignore: 'forgotten: the stage ignores deletions (deletions.mode)',
} as const satisfies Record<EraseReport['mode'], string>;

const send = async ({ dueBy, force, dryRun }: Of<'send'>, { place, terminal }: Job): Promise<number> => {
  const print = printTo(terminal);
  const answer = EraseReport.safeParse(await place.run({ force, dryRun, ...(dueBy !== undefined && { dueBy }) }));
  if (!answer.success) throw new Problem(`The erase function of ${place.name} is of another version: deploy this one first.`);
  const { due, sent, calls, cancelled, later, mode, mass } = answer.data;
  const isHeld = mass && mode === 'erase' && !force;
  print();
  print(`  ${plural(due, 'deletion')} due in ${place.name}`);
  print();
  print(`  ${sent} ${SENTENCES[mode]}${mode === 'erase' ? `, in ${plural(calls, 'call')}` : ''}`);
  print(`  ${cancelled} cancelled, as they were created again`);
  print(`  ${later} left for later`);
  if (isHeld) print('\n  More than the stage lets through on one day (deletions.mass): --force sends them.');
  else if (mass && mode === 'dry run') print('\n  More than the stage lets through on one day (deletions.mass).');
  print();
  return isHeld ? 1 : 0;
};

/** `npm run erasures`; answers the exit code. @throws Problem for what the operator can mend. */
export const runErasures = async (args: readonly string[], deps: ErasuresDeps): Promise<number> => {
  const command = readErasuresOptions(args);
  if (command.kind === 'help') {
    deps.terminal.output.write(HELP);
    return 0;
  }
  const place = await openErasures(command.where, deps.stageNamed);
  const job = { ...deps, place };
  try {
    if (command.kind === 'list') return await list(command, job);
    return await (command.kind === 'cancel' ? cancel(command, job) : send(command, job));
  } finally {
    place.close();
  }
};
