import { describe, expect, it } from '@jest/globals';
import { nextAt } from '../../../infra/local/daily.ts';

describe('the next time of day', () => {
  it.each([
    ['2026-11-23T01:29:59.999Z', '2026-11-23T01:30:00.000Z'],
    ['2026-11-23T01:30:00.000Z', '2026-11-24T01:30:00.000Z'],
    ['2026-12-31T12:00:00.000Z', '2027-01-01T01:30:00.000Z'],
  ])('after %s is %s', (now, next) => {
    expect(new Date(nextAt({ hour: 1, minute: 30 }, Date.parse(now))).toISOString()).toBe(next);
  });
});
