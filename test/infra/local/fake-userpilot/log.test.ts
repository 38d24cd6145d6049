import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RequestLog } from '../../../../infra/local/fake-userpilot/log.ts';
import { SlidingWindow } from '../../../../infra/local/fake-userpilot/rate.ts';

const entry = (at: number) => ({ at, method: 'POST', path: '/v1/identify', status: 202, keyOk: true, body: { at } });

describe('the request log', () => {
  it('keeps the newest 100,000 requests and counts them all', () => {
    const log = new RequestLog();
    for (let at = 0; at < 250_000; at += 1) log.add(entry(at), 10);
    const kept = log.entries();
    expect([kept.length, kept[0]?.at, kept.at(-1)?.at]).toEqual([100_000, 150_000, 249_999]);
    expect(log.stats().answers).toEqual({ 202: 250_000 });
  });

  it('forgets the bodies of the oldest requests past 64 MB', () => {
    const log = new RequestLog();
    for (let at = 0; at < 100; at += 1) log.add(entry(at), 1_000_000);
    const withBody = log.entries().filter(({ body }) => body !== undefined);
    expect(log.entries()).toHaveLength(100);
    expect(withBody.length).toBeGreaterThanOrEqual(32);
    expect(withBody.length).toBeLessThanOrEqual(64);
    expect(withBody.at(-1)?.at).toBe(99);
  });
});

describe('the sliding window', () => {
  it('counts what a recount of all moments counts, at every moment', () => {
    // Long runs, so that the window also drops what it no longer needs.
    const gaps = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 2500, maxLength: 3000 });
    const recount = fc.property(gaps, fc.integer({ min: 1, max: 6000 }), (steps, lengthMs) => {
      const window = new SlidingWindow(lengthMs);
      const moments: number[] = [];
      for (const gap of steps) {
        const at = (moments.at(-1) ?? 0) + gap;
        moments.push(at);
        window.add(at);
        expect(window.countAt(at)).toBe(moments.filter((moment) => moment > at - lengthMs).length);
      }
    });
    fc.assert(recount, { numRuns: 10, endOnFailure: true });
  });
});
