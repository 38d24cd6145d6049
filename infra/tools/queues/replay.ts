import { showProgress } from '../send/progress.ts';
import type { Job } from './job.ts';
import { readKept } from './kept.ts';
import { createMover } from './mover.ts';
import type { ReplayOptions } from './options.ts';
import { isSelected } from './selection.ts';
import { createTally } from './tally.ts';
import { printTo } from './terminal.ts';
import { plural } from './text.ts';

/** Sends the selected events through the current mapping into the queue of events. 1 when any failed or it was stopped. */
export const replay = async (job: Job, { selection, dropIgnored }: ReplayOptions): Promise<number> => {
  const { noun, place, reader, terminal, now, stopping } = job;
  const print = printTo(terminal);
  const startedAt = now();
  const { visible } = await reader.counts();
  const tally = createTally();
  const mover = createMover(job, dropIgnored, tally);
  let seen = 0;
  const total = Math.max(visible, 1);
  const hideProgress = showProgress(terminal.output, { total, done: () => Math.min(seen, total) });
  try {
    for await (const message of reader.messages(startedAt, stopping)) {
      // What arrives meanwhile may be what this run sent, rejected anew.
      if (message.sentAt > startedAt) continue;
      seen += 1;
      const kept = readKept(message);
      if (isSelected(selection, kept, startedAt)) await mover.move(message, kept);
      if (mover.gaveUp) break;
    }
  } finally {
    hideProgress();
  }
  const isCut = stopping.aborted || mover.gaveUp;
  const more = visible - seen;
  print();
  print(`  ${plural(tally.total, noun)} selected of ${seen} in ${place.name}`);
  print();
  for (const line of tally.lines(dropIgnored ? 'taken out' : 'still there: --drop-ignored takes them out')) print(`  ${line}`);
  if (mover.gaveUp) print('\n  Stopped: the queue of events takes nothing. What was not sent is still where it was.');
  else if (isCut) print('\n  Stopped. What was not sent is still where it was.');
  else if (more > 0) print(`\n  About ${more} more stand behind those that are left. Run it again when these are gone.`);
  print();
  return isCut || tally.count('failed') > 0 ? 1 : 0;
};
