import { appendFileSync, closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import type { Command } from './world.ts';

export type Entry = Command | { readonly op: 'advance'; readonly ms: number; readonly at: number };

/** An append-only file, one JSON line per entry. A line that is written survives a SIGKILL: the kernel has it. */
export interface Journal {
  /** What earlier runs wrote, oldest first. */
  readonly entries: Iterable<Entry>;
  /** Returns when the whole line is with the operating system. Throws after `close`. */
  append(entry: Entry): void;
  close(): void;
}

const NEWLINE = 10;
/** How every entry begins, `op` being the first member of all of them. */
const BEGINNING = '{"op":"';

function* parseLines(bytes: Buffer): Iterable<Entry> {
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf(NEWLINE, start);
    // Only `append` below writes this file, so a whole line is an entry.
    yield JSON.parse(bytes.toString('utf8', start, end)) as Entry;
    start = end + 1;
  }
}

/**
 * A last line without its end was torn by a kill and never answered for: it is cut off.
 * Throws a SyntaxError, and leaves the file as it is, when it begins like no journal. `entries` throws one for a bad line.
 */
export const openJournal = (path: string): Journal => {
  const file = openSync(path, 'a+');
  const bytes = readFileSync(file);
  if (bytes.toString('latin1', 0, BEGINNING.length) !== BEGINNING.slice(0, bytes.length)) {
    closeSync(file);
    throw new SyntaxError(`${path} is not a data file of the fake Userpilot`);
  }
  const whole = bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1);
  ftruncateSync(file, whole.length);
  let isOpen = true;
  return {
    entries: parseLines(whole),
    append: (entry) => {
      // The number of a closed file may belong to another file by now.
      if (!isOpen) throw new Error('the journal is closed');
      appendFileSync(file, `${JSON.stringify(entry)}\n`);
    },
    close: () => {
      isOpen = false;
      closeSync(file);
    },
  };
};
