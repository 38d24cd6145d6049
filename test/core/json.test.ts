import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isTooComplex, MAX_COMMAS, MAX_DEPTH, parseJson, scrub, toAsciiJson } from '../../functions/core/json.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('parseJson', () => {
  it('takes 64 levels and refuses 65', () => {
    const nested = (levels: number) => bytes('['.repeat(levels) + ']'.repeat(levels));
    expect(parseJson(nested(MAX_DEPTH)).ok).toBe(true);
    expect(parseJson(nested(MAX_DEPTH + 1))).toEqual({ ok: false });
    expect(parseJson(nested(2_000_000))).toEqual({ ok: false });
  });
  it('does not count brackets inside strings, escaped quotes included', () => {
    expect(isTooComplex(bytes(JSON.stringify('\\"[{'.repeat(100))))).toBe(false);
  });
  it('counts how deep brackets stand in each other, not how many there are', () => {
    expect(parseJson(bytes(`[${'[],{},'.repeat(MAX_DEPTH)}{"a":[]}]`)).ok).toBe(true);
    expect(isTooComplex(bytes(`${'[{}]'.repeat(9)}${'{"a":['.repeat(3)}`), 5)).toBe(true);
    expect(isTooComplex(bytes(`${'[{}]'.repeat(9)}${'{"a":['.repeat(3)}`), 6)).toBe(false);
  });
  it.each([
    ['a string', '"a"'],
    ['an empty string', '""'],
    ['a string with a closing bracket', '"]}]"'],
    ['a string that ends in an escaped backslash', '"a\\\\"'],
    ['a string with an escaped quote', '"\\""'],
  ])('goes on counting after %s', (_, text) => {
    expect(isTooComplex(bytes(`[${text},[[`), 2)).toBe(true);
    expect(isTooComplex(bytes(`[${text},[[`), 3)).toBe(false);
  });
  it('ends with the bytes, inside a string or an escape as well', () => {
    for (const text of ['', '"', '"\\', '"a', '"\\"']) expect(isTooComplex(bytes(text), 0)).toBe(false);
  });
  it('takes 5,000 commas outside strings and refuses 5,001, however flat', () => {
    const list = (commas: number) => bytes(`["${','.repeat(9000)}"${',0'.repeat(commas)}]`);
    expect(parseJson(list(MAX_COMMAS)).ok).toBe(true);
    expect(parseJson(list(MAX_COMMAS + 1))).toEqual({ ok: false });
  });
  it('refuses bytes that are not UTF-8 instead of reading them as something else', () => {
    expect(parseJson(new Uint8Array([0x22, 0xff, 0x22]))).toEqual({ ok: false });
  });
  it('refuses what is not JSON', () => {
    for (const text of ['', '{', 'nope', '{"a":1}x', '{"a":1e}']) expect(parseJson(bytes(text))).toEqual({ ok: false });
  });
});

describe('toAsciiJson', () => {
  it('is ASCII and means the same, for any value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const text = toAsciiJson(value);
        expect(text).toMatch(/^[\x20-\x7f]*$/);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
  it('escapes the characters that SQS refuses', () => {
    expect(toAsciiJson('\ufffe\uffff\ud800')).toBe('"\\ufffe\\uffff\\ud800"');
  });
});

describe('scrub', () => {
  it('drops credentials and private details at any depth, in any spelling, and keeps the rest', () => {
    const event = {
      id: 'u_1',
      passwordHash: 'x',
      password_digest: 'x',
      'client-secret': 'x',
      phone_numbers: ['x'],
      privateMetadata: {},
      unsafe_metadata: {},
      last_ip: 'x',
      email_address: 'x',
      list: [{ accessToken: 'x', description: 'kept', shipping: 'kept' }],
    };
    expect(scrub(event)).toEqual({ id: 'u_1', list: [{ description: 'kept', shipping: 'kept' }] });
  });
  it.each(['ipaddress', 'remoteIP', 'ipv6', 'phoneNumber', 'homephone', 'refreshtoken', 'totp', 'backup_otps', 'salts', 'pwd'])(
    'knows %s for private',
    (key) => {
      expect(scrub({ [key]: 'x' })).toEqual({});
    },
  );
  it.each(['shipping', 'zip', 'hashtag', 'salted_nuts', 'description', 'privateer', 'tips'])('lets %s pass', (key) => {
    expect(scrub({ [key]: 'x' })).toEqual({ [key]: 'x' });
  });
  it('asks another judge of keys when told to', () => {
    expect(scrub([{ a: { b: 1, c: 2 } }], (key) => key === 'b')).toEqual([{ a: { c: 2 } }]);
  });
  it('leaves every other kind of value as it is', () => {
    for (const value of [null, 'text', 0, false, [], {}, [null, [1]], { a: null, b: '' }]) expect(scrub(value)).toEqual(value);
  });
});
