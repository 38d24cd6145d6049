import type { RunProgress } from '../../../functions/core/ports.ts';
import { type Counts, secondsFor } from '../../../functions/core/resync.ts';
import { countsText, plural, printable } from '../queues/text.ts';

const minutesText = (seconds: number): string => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`);

/** One line of how far a run has come. `sinceMs`: since it said so. */
export const progressLine = ({ counts, phase, rows }: RunProgress, sinceMs: number): string => {
  const { listed, unchanged, bulk, live } = counts;
  const left = rows === undefined ? 0 : Math.max(0, secondsFor(rows) - sinceMs / 1000);
  const job =
    rows === undefined ? [] : [`a job of ${plural(rows, 'row')}`, left > 0 ? `about ${minutesText(left)} left` : 'soon over'];
  return [
    `  ${listed} listed`,
    `${unchanged} unchanged`,
    `${bulk} in bulk`,
    `${live} live`,
    ...(phase === 'bulk job' ? job : []),
  ].join(', ');
};

/** What a run came to. */
export const reportLines = (counts: Counts, minutes: number): readonly string[] => {
  const reasons = new Map(Object.entries(counts.rejected).map(([reason, count]) => [printable(reason), count]));
  const rejected = [...reasons.values()].reduce((sum, count) => sum + count, 0);
  const rows: readonly (readonly [string, number | string, string])[] = [
    ['Listed', counts.listed, ''],
    ['Unchanged', counts.unchanged, ''],
    ['Sent in bulk', counts.bulk, counts.jobs === 0 ? '' : plural(counts.jobs, 'job')],
    ['Sent live', counts.live, ''],
    ['Rejected', rejected, countsText(reasons)],
    ['Stale', counts.stale, ''],
    ['Tombstoned', counts.tombstoned, ''],
    ['Ignored', counts.ignored, ''],
    // Of a run that listed everybody only.
    ...(counts.missing === undefined ? [] : [['Missing', counts.missing, 'not listed any more'] as const]),
    ...(counts.deleted === undefined ? [] : [['Deleted', counts.deleted, 'of those, taken for deleted'] as const]),
    ['Minutes', minutes.toFixed(1), ''],
  ];
  const width = Math.max(...rows.map(([, value]) => String(value).length));
  return rows.map(([name, value, remark]) => `  ${name.padEnd(12)}  ${String(value).padStart(width)}  ${remark}`.trimEnd());
};

const EVERY_MS = 500;

export interface Progress {
  show(progress: RunProgress): void;
  /** Takes the line away, for others to be written or at the end. */
  clear(): void;
  stop(): void;
}

/** A line on a terminal that tells how far the run is; elsewhere nothing. */
export const createProgress = (stream: { readonly isTTY?: boolean; write(text: string): unknown }): Progress => {
  if (stream.isTTY !== true) return { show: () => undefined, clear: () => undefined, stop: () => undefined };
  let last: { readonly progress: RunProgress; readonly at: number } | undefined;
  let drawn = false;
  const clear = () => {
    if (drawn) stream.write('\r\u001b[2K');
    drawn = false;
  };
  const timer = setInterval(() => {
    if (last === undefined) return;
    clear();
    stream.write(progressLine(last.progress, performance.now() - last.at));
    drawn = true;
  }, EVERY_MS);
  timer.unref();
  return {
    show: (progress) => {
      const isSame = JSON.stringify(progress) === JSON.stringify(last?.progress);
      if (!isSame) last = { progress, at: performance.now() };
    },
    clear,
    stop: () => {
      clearInterval(timer);
      clear();
    },
  };
};
