import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Properties } from '../../functions/core/calls.ts';
import { filled, idAt, isoOf, momentOf, nameOf, propertiesOf } from '../../functions/core/mapping.ts';

describe('idAt', () => {
  it('takes the first usable id, as it is written', () => {
    expect(idAt({ a: '', b: ' x ', c: 'y' }, ['missing', 'a', 'b', 'c'])).toBe(' x ');
  });

  it.each([
    [42, '42'],
    [0, '0'],
    [2 ** 53 - 1, '9007199254740991'],
    ['007', '007'],
    ['x'.repeat(1024), 'x'.repeat(1024)],
  ])('takes %j', (value, id) => {
    expect(idAt({ id: value }, ['id'])).toBe(id);
  });

  it.each([
    '',
    ' ',
    '\t',
    'undefined',
    'null',
    'NaN',
    'None',
    '[object Object]',
    'x'.repeat(1025),
    2 ** 53,
    1.5,
    true,
    false,
    null,
    [],
    ['x'],
    {},
  ])('never takes %j', (value) => {
    expect(idAt({ id: value }, ['id'])).toBeUndefined();
  });

  it('finds nothing without paths', () => {
    expect(idAt({ id: 'x' }, [])).toBeUndefined();
  });
});

describe('propertiesOf', () => {
  it('leaves out what is undefined or omitted, and keeps null, which removes a property', () => {
    const defaults = { email: 'a@example.com', name: undefined, plan: null, locale: 'de' };
    expect(propertiesOf({}, { omit: ['locale'] }, defaults)).toEqual({ metadata: { email: 'a@example.com', plan: null } });
  });

  it('has no metadata rather than an empty one', () => {
    expect(propertiesOf({}, { omit: ['email'] }, { email: 'a@example.com', name: undefined })).toEqual({});
  });

  it('adds what is allow-listed, over a default of the same name', () => {
    const root = { plan: 'pro', seats: 3, on: false, gone: null, name: 'Own' };
    const properties = { plan: 'plan', seats: 'seats', on: 'on', gone: 'gone', none: 'none', name: 'name' };
    expect(propertiesOf(root, { properties }, { name: 'Default' })).toEqual({
      metadata: { name: 'Own', plan: 'pro', seats: 3, on: false, gone: null },
    });
  });

  it('joins lists of scalars, and lets nothing nested leave', () => {
    const root = {
      list: ['a', 1, true],
      empty: [],
      nested: { a: 1 },
      mixed: ['a', { b: 1 }],
      holes: ['a', null],
      big: [Number.POSITIVE_INFINITY],
    };
    const properties = { list: 'list', empty: 'empty', nested: 'nested', mixed: 'mixed', holes: 'holes', big: 'big' };
    expect(propertiesOf(root, { properties }, {})).toEqual({ metadata: { list: 'a,1,true', empty: '' } });
  });

  it('makes of any JSON properties that Userpilot takes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue()), (root) => {
        const { metadata } = propertiesOf(root, { properties: { a: 'a', b: 'b', c: 'c' } }, {});
        expect(Properties.safeParse(metadata ?? {}).success).toBe(true);
      }),
    );
  });
});

describe('the small helpers', () => {
  it('join what there is of a name', () => {
    expect([nameOf(' Ada ', 'Byron'), nameOf(null, 'Byron'), nameOf('Ada', undefined), nameOf('', ' '), nameOf()]).toEqual([
      'Ada Byron',
      'Byron',
      'Ada',
      undefined,
      undefined,
    ]);
  });

  it('take an empty text for none', () => {
    expect([filled('x'), filled(' '), filled(''), filled(null), filled(undefined)]).toEqual([
      'x',
      ' ',
      undefined,
      undefined,
      undefined,
    ]);
  });

  it.each([
    [1793000000, '2026-10-26T07:33:20.000Z'],
    [1793000000412, '2026-10-26T07:33:20.412Z'],
    [0, '1970-01-01T00:00:00.000Z'],
    [-1, '1969-12-31T23:59:59.000Z'],
    [99_999_999_999, '5138-11-16T09:46:39.000Z'],
    [100_000_000_000, '1973-03-03T09:46:40.000Z'],
    [253_402_300_799_999, '9999-12-31T23:59:59.999Z'],
    [253_402_300_800_000, undefined],
    [-62_135_596_800_000, '0001-01-01T00:00:00.000Z'],
    [-62_135_596_800_001, undefined],
  ])('read %d as the moment %s', (epoch, iso) => {
    expect(isoOf(momentOf(epoch))).toBe(iso);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e20, null, undefined])('read no moment from %p', (epoch) => {
    expect(isoOf(momentOf(epoch))).toBeUndefined();
  });
});
