import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createReaders } from '../../functions/sources/expression.ts';

const readerOf = createReaders((key) => key === 'hidden');
const EVENT = JSON.parse(
  '{"a":{"b":1,"__proto__":{"x":2}},"list":[{"n":"x","on":true},{"n":"y"}],"first-name":"Ada","s":"text","none":null}',
);

describe('an expression', () => {
  it.each([
    ['a.b', 1],
    ['list[?on].n | [0]', 'x'],
    ['list[-1].n', 'y'],
    ["join(', ', list[].n)", 'x, y'],
    ['not_null(none, missing, s)', 'text'],
    ["missing || s && 'yes'", 'yes'],
    ['"first-name"', 'Ada'],
    ["a.b == `1` ? 'one' : 'other'", 'one'],
    ['sort_by(list, &n)[-1].n', 'y'],
    ['{x: a.b}.x', 1],
  ])('%s finds what it names', (expression, value) => {
    expect(readerOf(expression)(EVENT)).toEqual(value);
  });

  it.each(['none', 'missing', 'missing.deeper[0].still', 's.length', 'list.n', 'length(none)', 'max_by(list, &a)', 'join(s, s)'])(
    '%s finds nothing, and breaks nothing',
    (expression) => {
      expect(readerOf(expression)(EVENT)).toBeUndefined();
    },
  );

  it.each([
    ['a..b', 'no JMESPath expression'],
    ['', 'no JMESPath expression'],
    ['a[', 'no JMESPath expression'],
    ['data.first-name', 'double quotes'],
    ['-a', 'double quotes'],
    ['list[*].{x: $.a}', 'Root is not supported'],
    ['let $x = a in $x', 'LetExpression is not supported'],
    ["pad_left(s, `1000000000`, ' ')", 'pad_left() is not among'],
    ["replace(s, 'e', s)", 'replace() is not among'],
    ['from_items(list)', 'from_items() is not among'],
    ['nothing(a)', 'nothing() is not among'],
    ['toString(a)', 'toString() is not among'],
    ['constructor', 'constructor is not a key'],
    ['a."__proto__".x', '__proto__ is not a key'],
    ['a.hasOwnProperty', 'hasOwnProperty is not a key'],
    ['{"__proto__": a}.b', '__proto__ is not a key'],
    ['list[?contains(a.hidden, s)]', 'hidden is private'],
  ])('%s is refused: %s', (expression, message) => {
    expect(() => readerOf(expression)).toThrow(message);
  });

  it('may hold anything in a literal', () => {
    expect(readerOf('`{"type":"Root","name":"constructor"}`.type')(EVENT)).toBe('Root');
  });

  it('is compiled once', () => {
    expect(readerOf('a.b')).toBe(readerOf('a.b'));
  });

  it('reads any JSON without throwing, and never something that is not in it', () => {
    const expressions = fc.constantFrom(
      'a.b',
      '*',
      '[]',
      'a[?b].c',
      'keys(@)',
      'sort_by(@, &a)',
      'to_string(a)',
      '@',
      'values(a)[0]',
    );
    fc.assert(
      fc.property(expressions, fc.jsonValue(), (expression, event) => {
        expect(['function', 'symbol', 'bigint']).not.toContain(typeof readerOf(expression)(event));
      }),
    );
  });
});
