import { describe, expect, it } from '@jest/globals';
import { backoffSeconds } from '../../functions/core/backoff.ts';
import { RetrySettings } from '../../functions/core/settings.ts';
import { MAX_RECEIVE_COUNT } from '../../functions/manifest.ts';

const settings = RetrySettings.parse({});
const middle = (receiveCount: number) => backoffSeconds(receiveCount, settings, 0.5);

describe('back-off', () => {
  it('doubles from 30 s to 30 min', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 200].map(middle)).toEqual([30, 60, 120, 240, 480, 960, 1800, 1800, 1800]);
  });
  it('spreads by 20 % either way', () => {
    expect(backoffSeconds(1, settings, 0)).toBe(24);
    expect(backoffSeconds(1, settings, 0.999999)).toBe(36);
  });
  it('takes more than 72 hours to use up the receive counts, even with the shortest jitter', () => {
    const seconds = Array.from({ length: MAX_RECEIVE_COUNT }, (_, index) => backoffSeconds(index + 1, settings, 0));
    expect(seconds.reduce((sum, value) => sum + value, 0)).toBeGreaterThan(72 * 3600);
  });
  it('never asks SQS for less than a second or for a fraction', () => {
    expect(backoffSeconds(0, { ...settings, baseSeconds: 0.1, capSeconds: 0.2 }, 0)).toBe(1);
  });
});
