import { ageText } from './age.ts';
import { differencesText, maskedCall } from './difference.ts';
import type { Job } from './job.ts';
import { type Kept, readKept } from './kept.ts';
import type { ReplayOptions } from './options.ts';
import { type Remapped, remap } from './remap.ts';
import { isSelected } from './selection.ts';
import { printTo } from './terminal.ts';
import { plural, printable, readableJson } from './text.ts';

const oneLine = (value: unknown): string => readableJson(value).replace(/\n\s*/g, ' ');

const linesOf = (
  { change }: Kept,
  result: Remapped,
  { showValues, dropIgnored }: Pick<ReplayOptions, 'showValues' | 'dropIgnored'>,
): readonly string[] => {
  if (result.kind === 'rejected') return [`still rejected  ${printable(result.because)}`];
  if (result.kind === 'ignored')
    return [`ignored         ${result.because}, ${dropIgnored ? 'would be taken out' : 'would stay'}`];
  if (result.kind === 'refresh') return ['would be fetched from the vendor once more'];
  const calls = result.changes.map(({ call }) => (showValues ? call : maskedCall(call)));
  return [
    ...calls.map((call) => `would send      ${oneLine(call)}`),
    `differs         ${printable(differencesText(change, result.changes))}`,
  ];
};

/** What a replay would send, event by event. Sends nothing and takes nothing out. */
export const dryRun = async (job: Job, options: ReplayOptions): Promise<number> => {
  const { noun, place, reader, terminal, now, stopping } = job;
  const print = printTo(terminal);
  const startedAt = now();
  let seen = 0;
  let selected = 0;
  print();
  for await (const message of reader.messages(startedAt, stopping)) {
    seen += 1;
    const kept = readKept(message);
    if (!isSelected(options.selection, kept, startedAt)) continue;
    selected += 1;
    const { id, source, type, reason, receivedAt } = kept;
    const age = ageText(startedAt.getTime() - receivedAt.getTime());
    print(`  ${id}  ${[source, type, reason].map(printable).join('  ')}  ${age}`);
    for (const line of linesOf(kept, remap(kept, place.stage), options)) print(`    ${line}`);
    print();
  }
  print(`  ${plural(selected, noun)} selected of ${seen} in ${place.name}. Nothing was sent.`);
  print();
  return 0;
};
