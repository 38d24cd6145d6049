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
  it('cuts what a vendor made long, and shows that it did', () => {
    expect(logged({ type: 'x'.repeat(10_000) }).type).toBe(`${'x'.repeat(200)}…`);
    expect(logged({ type: 'x'.repeat(200), count: 12_345 })).toMatchObject({ type: 'x'.repeat(200), count: 12_345 });
  });
  it('says how bad it is', () => {
    const lines: string[] = [];
    const log = createLog(
      (line) => lines.push(line),
      'deliver',
      () => NOW,
    );
    log.info('a');
    log.warn('b');
    log.error('c');
    const shown = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(shown.map(({ level, message }) => `${level} ${message}`)).toEqual(['INFO a', 'WARN b', 'ERROR c']);
  });
});

describe('an error in the log', () => {
  const described = (error: unknown) => logged({ error }).error as Record<string, unknown>;

  it('leaves out what the error does not have', () => {
    expect(Object.keys(described(new Error('x'))).sort()).toEqual(['frames', 'name']);
    expect(logged({})).not.toHaveProperty('error');
  });
  it('shows a code that is text, and nothing else that goes by that name', () => {
    expect(described(Object.assign(new Error('x'), { code: 'EPIPE' })).code).toBe('EPIPE');
    for (const code of [{ email: 'noor@example.com' }, 7, undefined]) {
      expect(described(Object.assign(new Error('x'), { code }))).not.toHaveProperty('code');
    }
  });
  it('drops the further lines of a message, also those with an "at" in them', () => {
    const error = new Error('invented\nnoor at example.com\nat noor\n  atnoor');
    expect(JSON.stringify(described(error))).not.toContain('noor');
    expect(described(error).frames).not.toEqual([]);
  });
  it('keeps eight frames, without their indentation', () => {
    const error = new Error('x');
    error.stack = ['Error: x', ...Array.from({ length: 12 }, (_, index) => `    at frame${index} (file.ts:1:1)  `)].join('\n');
    expect(described(error).frames).toEqual(Array.from({ length: 8 }, (_, index) => `at frame${index} (file.ts:1:1)`));
  });
  it('does without a stack', () => {
    const error = new Error('x');
    delete error.stack;
    expect(described(error)).toEqual({ name: 'Error' });
  });
  it('says no more of a thrown value that is no error than what kind of value it is', () => {
    expect(described('noor@example.com')).toEqual({ name: 'string' });
    expect(described({ message: 'noor@example.com', stack: 'x' })).toEqual({ name: 'object' });
    expect(described(null)).toEqual({ name: 'object' });
  });
  it('follows the chain of causes', () => {
    const chain = new Error('a', { cause: new RangeError('b', { cause: 'noor@example.com' }) });
    expect(described(chain)).toMatchObject({ name: 'Error', cause: { name: 'RangeError', cause: { name: 'string' } } });
    expect(described(new Error('a', { cause: null }))).toMatchObject({ cause: { name: 'object' } });
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
