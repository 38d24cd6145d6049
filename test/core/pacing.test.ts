import { describe, expect, it } from '@jest/globals';
import { PACES, pauseSeconds, slotsOf } from '../../functions/core/pacing.ts';

describe('paces', () => {
  it.each(['identify', 'track'] as const)('keep %s below 600 calls in every minute, the burst included', (family) => {
    const { intervalMs, burst } = PACES[family];
    const inOneMinute = burst + Math.floor(60_000 / intervalMs);
    expect(inOneMinute).toBeLessThanOrEqual(564);
    expect(60_000 / intervalMs).toBeGreaterThan(520);
    expect(burst).toBe(10);
  });
  it('keep deletions one at a time, below 30 in every minute', () => {
    const { intervalMs, burst } = PACES.delete;
    expect(burst).toBe(1);
    expect(burst + Math.floor(60_000 / intervalMs)).toBeLessThan(30);
  });
});

describe('slots', () => {
  const pace = { intervalMs: 100, burst: 3 };

  it('stand one interval apart and end one interval and the burst allowance before the theoretical arrival time', () => {
    expect(slotsOf(1300, 4, pace)).toEqual([700, 800, 900, 1000]);
  });
  it('lie in the past for what the burst covers, so that nobody waits after a pause', () => {
    const now = 5000;
    const slots = slotsOf(now + 4 * pace.intervalMs, 4, pace);
    expect(slots.map((slot) => Math.max(slot - now, 0))).toEqual([0, 0, 0, 100]);
  });
  it('leave no allowance to a burst of one', () => {
    expect(slotsOf(1200, 2, { intervalMs: 100, burst: 1 })).toEqual([1000, 1100]);
  });
});

describe('pause after a 429 that names no time', () => {
  it('is 1, 2, 4 and then 8 seconds', () => {
    expect([1, 2, 3, 4, 5, 100].map(pauseSeconds)).toEqual([1, 2, 4, 8, 8, 8]);
  });
  it('is never shorter than for the first', () => {
    expect(pauseSeconds(0)).toBe(1);
  });
});
