import { describe, expect, it } from '@jest/globals';
import type { SourceId } from '../../../functions/manifest.ts';
import { rateMs, startSchedules } from '../../../infra/local/schedules.ts';
import { parseStage, stages } from '../../../infra/stages.ts';
import { until } from '../../support/until.ts';

const stageWith = (resync: Readonly<Record<string, unknown>>) => {
  const sources = Object.fromEntries(Object.entries(resync).map(([id, settings]) => [id, { resync: settings }]));
  return parseStage('local', { local: { ...stages.local, sources } });
};

describe('schedules on this machine', () => {
  it.each([
    ['rate(1 minute)', 60_000],
    ['rate(12 hours)', 43_200_000],
    ['rate(30 days)', 2_592_000_000],
    ['cron(30 3 * * ? *)', undefined],
  ])('%s', (schedule, expected) => expect(rateMs(schedule)).toBe(expected));

  it('goes on at once with a run that was killed, and waits for the others', async () => {
    const runs: (readonly [SourceId, boolean])[] = [];
    const schedules = startSchedules({
      stage: stageWith({ clerk: { schedule: 'rate(1 day)', full: true }, okta: { schedule: 'rate(1 hour)' } }),
      isUnfinished: (source) => source === 'clerk',
      run: async (source, full) => runs.push([source, full]),
      onNotice: () => undefined,
    });
    expect(schedules.sources).toEqual(['clerk', 'okta']);
    await until(() => runs.length > 0);
    await schedules.stop();
    expect(runs).toEqual([['clerk', true]]);
  });

  it('says what does not run here, and what failed', async () => {
    const notices: string[] = [];
    const schedules = startSchedules({
      stage: stageWith({
        clerk: { schedule: 'cron(30 3 * * ? *)' },
        okta: { schedule: 'rate(1 hour)' },
        workos: { missing: 'tombstone' },
      }),
      isUnfinished: () => true,
      run: async () => {
        throw new Error('nobody listens');
      },
      onNotice: (line) => notices.push(line),
    });
    await until(() => notices.length === 2);
    await schedules.stop();
    expect(notices).toEqual([
      'clerk: cron(30 3 * * ? *) runs where it is deployed; here only rates do, such as rate(1 day).',
      'The resync of okta failed: nobody listens',
    ]);
  });
});
