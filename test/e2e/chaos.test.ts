import { describe, expect, it } from '@jest/globals';
import { runChaos } from '../chaos/run.ts';

/** `npm run chaos` is the long form. */
describe('the local stack, killed hard three times while vendors send and Userpilot breaks', () => {
  it('loses nothing, ends in the newest states, revives nobody, and keeps the pace', async () => {
    const progress: string[] = [];
    const report = await runChaos({
      seed: 20261123,
      events: 1000,
      users: 45,
      kills: 3,
      eventsPerSecond: 100,
      drainMs: 120_000,
      onProgress: (line) => progress.push(line),
    });
    expect(report.mismatches).toEqual([]);
    expect(report).toMatchObject({ events: 1000, acknowledged: 1000, kills: 3, deadLetters: 0 });
    expect(report.sources.length).toBeGreaterThanOrEqual(4);
    // What cannot be mapped and what Userpilot refuses is there, and nothing is called once per event.
    expect(report.rejected).toBeGreaterThan(0);
    expect(report.calls).toBeLessThan(report.events);
    expect(progress.filter((line) => line.includes('kill '))).toHaveLength(3);
  }, 240_000);
});
