import { describe, expect, it } from '@jest/globals';
import { HAND_OVER_AT, type Journal, NO_COUNTS, ResyncInput, type ResyncWork, runResync } from '../../functions/core/resync.ts';

/** Three pages, of which none has somebody to send. */
const work: ResyncWork = {
  start: async () => ({ startedAt: '2026-11-23T03:00:00.000Z' }),
  chunk: async (_, { state: { chunk } }) => ({
    kind: 'done',
    counts: { ...NO_COUNTS, pages: 1 },
    ...(chunk < 2 && { next: `page-${chunk + 1}` }),
  }),
  poll: async () => 'completed',
  finish: async () => undefined,
};
const journal: Journal = { step: (_, run) => run(), wait: async () => undefined };

describe('a run', () => {
  it('counts what was tried again against the limits of an execution', async () => {
    const input = ResyncInput.parse({});
    expect(await runResync(journal, work, 'r1', input)).toMatchObject({ ended: 'done', counts: { pages: 3 } });
    const troubled: Journal = { ...journal, retries: () => HAND_OVER_AT - 2 }; // the start and the first chunk are the other two
    expect(await runResync(troubled, work, 'r1', input)).toMatchObject({
      ended: 'handed over',
      successor: { runId: 'r1', goOn: { part: 2, state: { chunk: 1, cursor: 'page-1' } } },
    });
  });
});
