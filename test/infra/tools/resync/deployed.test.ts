import { describe, expect, it } from '@jest/globals';
import type { RunView } from '../../../../functions/core/ports.ts';
import { NO_COUNTS } from '../../../../functions/core/resync.ts';
import { watchRun } from '../../../../infra/tools/resync/deployed.ts';

const progress = { counts: { ...NO_COUNTS, listed: 5 }, phase: 'listing' } as const;
const running: RunView = { owner: { runId: 'r1', until: Number.MAX_SAFE_INTEGER }, progress };
const times = { startedAt: '2026-11-24T03:00:00.000Z', endedAt: '2026-11-24T03:12:00.000Z' };
const over = (runId: string): RunView => ({ last: { runId, ...times, counts: progress.counts } });

const watch = async (views: readonly RunView[], status: string | undefined, signal = new AbortController().signal) => {
  const lines: string[] = [];
  const shown: unknown[] = [];
  const left = [...views];
  const screen = {
    print: (line = '') => void lines.push(line),
    progress: { show: (what: unknown) => void shown.push(what), clear: () => undefined, stop: () => undefined },
  };
  const read = async () => left.shift() ?? running;
  const isOver = await watchRun({ runId: 'r1', read, status: async () => status }, screen, { signal, lookMs: 1 });
  return { isOver, lines, shown };
};

describe('watching a run of a deployed stage', () => {
  it('shows how far it is until it is over, and what it came to', async () => {
    const { isOver, lines, shown } = await watch([over('r0'), running, over('r1')], 'RUNNING');
    expect(isOver).toBe(true);
    expect(shown).toEqual([progress]);
    expect(lines.join('\n')).toMatch(/Listed +5\n.*Minutes +12\.0/s);
  });

  it('ends when the person stops looking', async () => {
    expect(await watch([], undefined, AbortSignal.abort())).toMatchObject({ isOver: false, lines: [] });
  });

  it.each([
    ['FAILED', /^The execution has ended as FAILED: the log of the function says why\./],
    ['SUCCEEDED', /^Another resync of this source is under way: /],
  ])('says that it came to nothing: %s', async (status, message) => {
    await expect(watch([{}], status)).rejects.toThrow(message);
  });
});
