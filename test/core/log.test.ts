import { describe, expect, it } from '@jest/globals';
import { createLog, type LogFields } from '../../functions/core/log.ts';
import { createMetrics } from '../../functions/core/metrics.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const logged = (fields: LogFields): Record<string, unknown> => {
  const lines: string[] = [];
  createLog(
    (line) => lines.push(line),
    'receive-clerk',
    () => NOW,
  ).warn('event', fields);
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
};

describe('log', () => {
  it('writes one JSON line', () => {
    expect(logged({ source: 'clerk', milliseconds: 4 })).toEqual({
      at: '2026-11-23T12:00:00.000Z',
      level: 'WARN',
      function: 'receive-clerk',
      message: 'event',
      source: 'clerk',
      milliseconds: 4,
    });
  });
  it('keeps class, code and frames of an error and drops its message, which may quote input', () => {
    const cause = Object.assign(new Error('noor@example.com'), { code: 'ECONNRESET' });
    const line = logged({ error: new TypeError('noor@example.com\n    is not valid', { cause }) });
    expect(JSON.stringify(line)).not.toContain('noor');
    expect(line.error).toMatchObject({ name: 'TypeError', cause: { name: 'Error', code: 'ECONNRESET' } });
    expect((line.error as { frames: string[] }).frames[0]).toMatch(/^at /);
  });
  it('cuts what a vendor made long', () => {
    expect(String(logged({ type: 'x'.repeat(10_000) }).type).length).toBeLessThan(210);
  });
});

describe('metrics', () => {
  it('sums counts and lists times, one line per set of dimensions, once', () => {
    const lines: string[] = [];
    const metrics = createMetrics((line) => lines.push(line), { namespace: 'Test', now: () => NOW });
    metrics.add('Received', { source: 'clerk' });
    metrics.add('Received', { source: 'clerk' });
    metrics.add('Took', { source: 'clerk' }, 12, 'Milliseconds');
    metrics.add('Took', { source: 'clerk' }, 15, 'Milliseconds');
    metrics.add('Received', { source: 'stripe' });
    metrics.flush();
    metrics.flush();
    const [clerk, stripe, ...more] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(more).toEqual([]);
    expect(clerk).toMatchObject({ source: 'clerk', Received: [2], Took: [12, 15] });
    expect(stripe).toMatchObject({ source: 'stripe', Received: [1] });
    expect(clerk?._aws).toEqual({
      Timestamp: NOW.getTime(),
      CloudWatchMetrics: [
        {
          Namespace: 'Test',
          Dimensions: [['source']],
          Metrics: [
            { Name: 'Received', Unit: 'Count' },
            { Name: 'Took', Unit: 'Milliseconds' },
          ],
        },
      ],
    });
  });
});
