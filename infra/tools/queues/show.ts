import { Problem } from '../../local/problem.ts';
import type { Job } from './job.ts';
import { readKept } from './kept.ts';
import { asksYes, printTo } from './terminal.ts';
import { readableJson } from './text.ts';

const readable = (body: string): string => {
  try {
    return readableJson(JSON.parse(body));
  } catch {
    return readableJson(body);
  }
};

/** Prints every message of one event as it lies in the queue. Throws a Problem when nobody can be asked, or there is none. */
export const show = async (
  { noun, terminal, reader, now, stopping }: Job,
  { id, yes }: { readonly id: string; readonly yes: boolean },
): Promise<number> => {
  const print = printTo(terminal);
  if (!yes) {
    const isTerminal = terminal.input.isTTY === true && terminal.output.isTTY === true;
    if (!isTerminal) throw new Problem('This shows personal data, and there is no terminal to ask on: add --yes.');
    if (!(await asksYes(terminal, `The ${noun} is shown in full, personal data included. Show it here?`))) return 1;
  }
  let found = 0;
  for await (const message of reader.messages(now(), stopping)) {
    if (readKept(message).id !== id) continue;
    found += 1;
    print(readable(message.body));
  }
  if (found === 0) throw new Problem(`No ${noun} has the id ${id}: see which there are with list --ids.`);
  return 0;
};
