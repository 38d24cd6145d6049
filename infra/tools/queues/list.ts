import { ageText } from './age.ts';
import type { Job } from './job.ts';
import { type Kept, readKept } from './kept.ts';
import { printTo } from './terminal.ts';
import { plural, printable, tableOf } from './text.ts';

interface Group {
  readonly source: string;
  readonly type: string;
  readonly reason: string;
  count: number;
  oldest: Date;
}

const addTo = (groups: Map<string, Group>, { source, type, reason, receivedAt }: Kept): void => {
  const key = JSON.stringify([source, type, reason]);
  const group = groups.get(key);
  if (group === undefined) {
    groups.set(key, {
      source: printable(source),
      type: printable(type),
      reason: printable(reason),
      count: 1,
      oldest: receivedAt,
    });
    return;
  }
  group.count += 1;
  if (receivedAt < group.oldest) group.oldest = receivedAt;
};

const ageOf = (moment: Date, now: Date): string => ageText(now.getTime() - moment.getTime());

const groupTable = (groups: ReadonlyMap<string, Group>, now: Date): readonly string[] => {
  const rows = [...groups.values()].sort((a, b) => b.count - a.count);
  return tableOf([
    ['count', 'source', 'type', 'reason', 'oldest'],
    ...rows.map(({ count, source, type, reason, oldest }) => [count, source, type, reason, ageOf(oldest, now)]),
  ]);
};

const idTable = (list: readonly Kept[], now: Date): readonly string[] =>
  tableOf([
    ['id', 'age', 'source', 'type', 'reason', 'status'],
    ...list.map(({ id, receivedAt, source, type, reason, status }) => [
      id,
      ageOf(receivedAt, now),
      printable(source),
      printable(type),
      printable(reason),
      status === undefined ? '' : String(status),
    ]),
  ]);

/** What a list of single events shows of one. The rest is personal data, and is not kept in memory. */
const headOf = ({ change: _change, refresh: _refresh, event: _event, ...head }: Kept): Kept => head;

/** Counts what lies in the queue. Shows sources, types, reasons and ages, and nothing of a person. */
export const list = async ({ noun, place, reader, terminal, now, stopping }: Job, ids: boolean): Promise<number> => {
  const print = printTo(terminal);
  const before = await reader.counts();
  const groups = new Map<string, Group>();
  const single: Kept[] = [];
  let count = 0;
  for await (const message of reader.messages(now(), stopping)) {
    const kept = readKept(message);
    count += 1;
    addTo(groups, kept);
    if (ids) single.push(headOf(kept));
  }
  const more = before.visible - count;
  print();
  print(`  ${plural(count, noun)} in ${place.name}`);
  if (count > 0) print();
  for (const line of ids ? idTable(single, now()) : groupTable(groups, now())) if (count > 0) print(`  ${line}`);
  // Of the counts before: SQS takes up to a minute to see what is in our own hands.
  if (more > 0) print(`\n  And about ${more} more that the queue does not hand out before these are gone.`);
  if (before.hidden > 0) print(`\n  And about ${before.hidden} more that somebody else has in hand.`);
  print();
  return 0;
};
