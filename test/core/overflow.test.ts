import { describe, expect, it } from '@jest/globals';
import { type OverflowWork, type Round, runOverflow } from '../../functions/core/overflow.ts';
import { HAND_OVER_AT, type JobEnd, type Journal } from '../../functions/core/resync.ts';

const job = (number: number): Round => ({ kind: 'job', number, job: { key: `k${number}`, jobId: `j${number}`, rows: 10_000 } });

const play = async (rounds: readonly Round[], ends: readonly JobEnd[] = [], input = {}) => {
  const names: string[] = [];
  const waits: number[] = [];
  const numbers: number[] = [];
  const journal: Journal = {
    step(name, run) {
      names.push(name);
      return run();
    },
    async wait(name, seconds) {
      names.push(name);
      waits.push(seconds);
    },
  };
  const [left, endsLeft] = [[...rounds], [...ends]];
  const work: OverflowWork = {
    start: async () => '2026-11-23T12:00:00.000Z',
    async round(_, number) {
      numbers.push(number);
      return left.shift() ?? { kind: 'calm' };
    },
    poll: async () => endsLeft.shift() ?? 'completed',
    finish: async () => undefined,
  };
  const end = await runOverflow(journal, work, 'r1', input);
  expect(new Set(names).size).toBe(names.length);
  return { end, names, waits, numbers };
};

describe('a run of the overflow', () => {
  it('sends job after job until the rest can be left to single calls', async () => {
    const { end, waits, numbers } = await play([job(1), job(2)]);
    expect(end).toEqual({ ended: 'done', jobs: 2, rows: 20_000 });
    expect(waits).toEqual([500, 500]);
    expect(numbers).toEqual([1, 2, 3]);
  });
  it('waits a minute while Userpilot has a job, and between two looks', async () => {
    const { waits } = await play([{ kind: 'busy' }, job(1)], ['running', 'completed']);
    expect(waits).toEqual([60, 500, 60]);
  });
  it('looks again at a number whose job did not end well, and gives up after three in a row', async () => {
    const { end, numbers } = await play(
      [job(1), job(2), job(3), job(4), job(5)],
      ['failed', 'completed', 'failed', 'failed', 'failed'],
    );
    expect(numbers).toEqual([1, 1, 3, 3, 3]);
    expect(end).toEqual({ ended: 'done', jobs: 1, rows: 10_000 });
  });
  it('hands over before an execution has too many operations, and goes on where it was', async () => {
    const busy = Array.from({ length: HAND_OVER_AT }, (): Round => ({ kind: 'busy' }));
    const { end, names } = await play([job(1), ...busy]);
    if (end.ended !== 'handed over') throw new Error('it hands over');
    expect(names.length).toBeLessThan(HAND_OVER_AT + 3);
    const next = await play([job(2)], [], end.successor);
    expect(next.numbers).toEqual([2, 3]);
    expect(next.names).not.toContain('start');
    expect(next.names.some((name) => names.includes(name))).toBe(false);
    expect(next.end).toEqual({ ended: 'done', jobs: 2, rows: 20_000 });
  });
});
