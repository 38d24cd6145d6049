import type { ChaosReport } from './run.ts';

const MOST_SHOWN = 20;

/** The figures of a run, and what was wrong. */
export const reportLines = (report: ChaosReport, seed: number): readonly string[] => {
  const { mismatches, troubles } = report;
  const sum = [...troubles.values()].reduce((total, count) => total + count, 0);
  const kinds = [...troubles].map(([name, count]) => `${name} × ${count}`).join(', ');
  const rows = [
    ['seed', String(seed)],
    ['events', `${report.events} of ${report.sources.join(', ')}`],
    ['requests', `${report.requests}, duplicates and resends among them`],
    ['acknowledged', String(report.acknowledged)],
    ['kills', `${report.kills} × SIGKILL`],
    ['troubles', sum === 0 ? '0' : `${sum}: ${kinds}`],
    ['calls', String(report.calls)],
    ['max calls in 60 s', `${report.maxCallsPerMinute}, within one life ${report.maxCallsPerMinuteOfALife}, allowed 600`],
    ['superseded', String(report.superseded)],
    ['rejected', String(report.rejected)],
    ['dead letters', String(report.deadLetters)],
    ['minutes', (report.seconds / 60).toFixed(1)],
    ['mismatches', String(mismatches.length)],
  ] as const;
  const more = mismatches.length > MOST_SHOWN ? [`  … and ${mismatches.length - MOST_SHOWN} more`] : [];
  return [
    ...rows.map(([name, value]) => `  ${name.padEnd(18)} ${value}`),
    ...mismatches.slice(0, MOST_SHOWN).map((mismatch) => `  ! ${mismatch}`),
    ...more,
  ];
};
