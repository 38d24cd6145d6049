import { describe, expect, it } from '@jest/globals';
import { NO_COUNTS } from '../../../../functions/core/resync.ts';
import { createProgress, progressLine, reportLines } from '../../../../infra/tools/resync/screen.ts';

const counts = {
  ...NO_COUNTS,
  listed: 20_000,
  unchanged: 9990,
  bulk: 10_000,
  live: 6,
  jobs: 1,
  rejected: { NO_USER_ID: 3, SCHEMA_MISMATCH: 1 },
};

describe('the progress of a resync', () => {
  it('tells what was listed, and how long a job still takes at the pace of Userpilot', () => {
    expect(progressLine({ counts, phase: 'listing' }, 0)).toBe('  20000 listed, 9990 unchanged, 10000 in bulk, 6 live');
    const job = { counts, phase: 'bulk job', rows: 10_000 } as const;
    expect(progressLine(job, 0)).toMatch(/, 6 live, a job of 10000 rows, about 9 min left$/);
    expect(progressLine(job, 440_000)).toMatch(/about 60 s left$/);
    expect(progressLine(job, 600_000)).toMatch(/soon over$/);
  });

  it('is for a terminal only', () => {
    const written: string[] = [];
    const progress = createProgress({ write: (line) => written.push(line) });
    progress.show({ counts, phase: 'listing' });
    progress.stop();
    expect(written).toEqual([]);
  });
});

it('the report of a resync', () => {
  expect(reportLines(counts, 12.34)).toEqual([
    '  Listed        20000',
    '  Unchanged      9990',
    '  Sent in bulk  10000  1 job',
    '  Sent live         6',
    '  Rejected          4  NO_USER_ID × 3, SCHEMA_MISMATCH × 1',
    '  Stale             0',
    '  Tombstoned        0',
    '  Ignored           0',
    '  Minutes        12.3',
  ]);
  const full = reportLines({ ...counts, missing: 7, deleted: 5 }, 1);
  expect(full).toContain('  Missing           7  not listed any more');
  expect(full).toContain('  Deleted           5  of those, taken for deleted');
});
