import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type CanaryHit, findCanaries, makeCanaries } from '../support/canaries.ts';

const canaries = makeCanaries('0c4a17e90b2d');
const kinds = Object.entries(canaries);
const hitsOf = (haystack: string | Buffer): readonly CanaryHit[] => findCanaries(haystack, canaries);
const hex = (value: string): string => Buffer.from(value).toString('hex');
const allEscaped = (value: string): string =>
  Array.from({ length: value.length }, (_, at) => `\\u${value.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
const allPercent = (value: string): string => hex(value).replace(/../g, '%$&');

/** How a value may have been written into something else. */
const FORMS: readonly (readonly [name: string, form: string, write: (value: string) => string | Buffer])[] = [
  ['as it is', 'plain', (value) => `a line with ${value} in it`],
  ['in other case', 'plain', (value) => `<${value.replace(/[a-z]+/g, (run) => run.toUpperCase())}>`],
  [
    'in a binary file',
    'plain',
    (value) => Buffer.concat([Buffer.from([0xff, 0x00, 0xc3]), Buffer.from(value), Buffer.from([0x80])]),
  ],
  ['in hex', 'hex', (value) => `0x${hex(value)}`],
  ['in upper-case hex', 'hex', (value) => hex(value).toUpperCase()],
  ['in base64', 'base64', (value) => Buffer.from(value).toString('base64')],
  ['in base64, one byte in', 'base64', (value) => Buffer.from(`x${value}yz`).toString('base64')],
  ['in base64, two bytes in', 'base64', (value) => Buffer.from(`xy${value}z`).toString('base64')],
  ['in base64url', 'base64', (value) => Buffer.from(`{"a":"${value}"}`).toString('base64url')],
  ['in JSON escapes', 'plain in JSON escapes', (value) => `"${allEscaped(value)}"`],
  [
    'in upper-case JSON escapes',
    'plain in JSON escapes',
    (value) => allEscaped(value).replace(/[a-f]/g, (digit) => digit.toUpperCase()),
  ],
  ['in JSON inside JSON', 'plain in JSON escapes', (value) => JSON.stringify({ body: `{"a":"${allEscaped(value)}"}` })],
  ['percent-encoded', 'plain in URL encoding', (value) => `https://x.example/?a=${allPercent(value)}`],
  ['percent-encoded inside JSON escapes', 'plain in URL encoding', (value) => allEscaped(allPercent(value))],
  [
    'in base64 with an escaped slash',
    'base64',
    (value) => `{"a":"${Buffer.from(value).toString('base64').replaceAll('/', '\\/')}"}`,
  ],
];

describe('findCanaries', () => {
  it.each(FORMS)('finds a value %s, and nothing else', (_, form, write) => {
    for (const [canary, value] of kinds) {
      const hits = hitsOf(write(value));
      expect(new Set(hits.map((hit) => hit.canary))).toEqual(new Set([canary]));
      expect(hits.map((hit) => hit.form.replace(/^base64 in .*/, 'base64'))).toContain(form);
    }
  });
  it.each([
    ['JSON.stringify', (value: string) => JSON.stringify([value])],
    ['JSON.stringify twice', (value: string) => JSON.stringify(JSON.stringify([value]))],
    ['encodeURIComponent', encodeURIComponent],
    ['encodeURI', encodeURI],
    ['URLSearchParams', (value: string) => new URLSearchParams({ value }).toString()],
    ['a data URL', (value: string) => `data:;base64,${encodeURIComponent(Buffer.from(value).toString('base64'))}`],
  ])('finds what %s wrote', (_, write) => {
    for (const [canary, value] of kinds) expect(hitsOf(write(value))).toContainEqual(expect.objectContaining({ canary }));
  });
  it('finds every canary of a text that holds several', () => {
    const found = new Set(hitsOf(kinds.map(([, value]) => value).join(' ')).map(({ canary }) => canary));
    expect([...found].sort()).toEqual(kinds.map(([canary]) => canary).sort());
  });
  it('finds a value wherever it begins, in every form', () => {
    const around = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
    const encoding = fc.constantFrom('latin1', 'hex', 'base64', 'base64url');
    fc.assert(
      fc.property(fc.constantFrom(...kinds), around, around, encoding, ([canary, value], before, after, name) => {
        const written = Buffer.concat([before, Buffer.from(value), after]);
        const haystack = name === 'latin1' ? written : written.toString(name as BufferEncoding);
        expect(hitsOf(haystack)).toContainEqual(expect.objectContaining({ canary }));
      }),
      { numRuns: 1000 },
    );
  });
  it('finds nothing where nothing is', () => {
    const other = makeCanaries('5b3d0e7f6a19');
    expect(hitsOf('')).toEqual([]);
    expect(hitsOf(Buffer.alloc(10_000, 0x41))).toEqual([]);
    for (const [, value] of Object.entries(other)) {
      for (const text of [value, hex(value), Buffer.from(value).toString('base64'), allEscaped(value)])
        expect(hitsOf(text)).toEqual([]);
    }
  });
  it('refuses a canary that would be found by chance', () => {
    expect(() => findCanaries('text', { short: 'ada' })).toThrow(RangeError);
  });
});

describe('makeCanaries', () => {
  it('makes other values each time', () => {
    const all = [makeCanaries(), makeCanaries(), canaries].flatMap((made) => Object.values(made));
    expect(new Set(all).size).toBe(all.length);
  });
});
