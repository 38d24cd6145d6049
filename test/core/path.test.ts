import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { idAt } from '../../functions/core/mapping.ts';
import { Path, valueAt } from '../../functions/core/path.ts';

const subject = JSON.parse(
  '{"a":{"b":[{"c":1},null]},"custom:id":"x","app_metadata":{"https://app.example/id":"y","we\\"ird":"z"},"__proto__":{"own":true},"":"empty","text":"abc","zero":0,"none":null}',
);

describe('valueAt', () => {
  it.each([
    ['a.b[0].c', 1],
    ['a.b[1]', null],
    ['custom:id', 'x'],
    ['app_metadata."https://app.example/id"', 'y'],
    ['app_metadata."we\\"ird"', 'z'],
    ['"a"."b"[0]."c"', 1],
    ['zero', 0],
    ['none', null],
    ['__proto__.own', true],
  ])('finds %s', (path, value) => {
    expect(Path.parse(path)).toBe(path);
    expect(valueAt(subject, path)).toEqual(value);
  });

  it.each([
    'a.x',
    'a.b[2]',
    'a.b[0].c.d',
    'none.x',
    'text.length',
    'text[0]',
    'a.constructor',
    'toString',
    'a.b.map',
    'zero.toFixed',
  ])('finds nothing at %s', (path) => {
    expect(valueAt(subject, path)).toBeUndefined();
  });

  it.each([undefined, null, 7, 'text', true])('finds nothing in %j', (root) => {
    expect(valueAt(root, 'a')).toBeUndefined();
  });

  it('finds own members however they are called, when they are quoted', () => {
    const name = fc.string({ minLength: 1, maxLength: 60 }).filter((text) => text !== '__proto__');
    fc.assert(
      fc.property(name, name, fc.jsonValue(), (outer, inner, value) => {
        const quoted = [outer, inner].map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join('.');
        expect(valueAt({ [outer]: { [inner]: value } }, quoted)).toEqual(value);
      }),
    );
  });
});

describe('Path', () => {
  it.each([
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a[',
    'a[]',
    'a[x]',
    'a[-1]',
    'a]',
    'a"b"',
    '"a"b',
    'a[0]b',
    '"',
    '"a',
    'a.""',
    `a.${'x'.repeat(600)}`,
  ])('refuses %j', (path) => {
    expect(Path.safeParse(path).success).toBe(false);
  });

  it('never throws, and what it refuses leads to no value that could be sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '.', '[', ']', '"', '\\', '0') }), (path) => {
        const accepted = Path.safeParse(path).success;
        expect(accepted || idAt({ a: { a: [['x']] }, '': 'y' }, [path]) === undefined).toBe(true);
      }),
    );
  });

  it('takes no longer for a hostile path than its length', () => {
    const started = performance.now();
    for (const piece of ['"\\', '[', '"', 'a.', '[0', '\\']) Path.safeParse(piece.repeat(200_000 / piece.length));
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
