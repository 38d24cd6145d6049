import { describe, expect, it } from '@jest/globals';
import { digest } from '../../functions/core/digest.ts';
import { COMPANY_KEY } from '../../functions/core/envelope.ts';
import type { LedgerItem } from '../../functions/core/ledger.ts';
import { createKeySet, isMassMissing, whereaboutsOf } from '../../functions/core/missing.ts';

const keyOf = (index: number) => digest(String(index));

describe('a set of keys', () => {
  it('knows its own, before and after it was asked', () => {
    const keys = createKeySet();
    expect(keys.has(keyOf(0))).toBe(false);
    for (let index = 0; index < 5000; index += 2) keys.add(keyOf(index));
    const known = () => Array.from({ length: 5000 }, (_, index) => index).filter((index) => keys.has(keyOf(index)));
    expect(known()).toEqual(Array.from({ length: 2500 }, (_, index) => 2 * index));
    keys.add(keyOf(1));
    expect(known()).toHaveLength(2501);
    keys.add(`${COMPANY_KEY}${keyOf(3)}`);
    expect(keys.has(`${COMPANY_KEY}${keyOf(3)}`)).toBe(true);
  });
  it('comes in parts, whose bytes may begin anywhere', () => {
    const keys = createKeySet();
    for (let index = 0; index < 10; index += 1) keys.add(keyOf(index));
    const parts = keys.parts(4);
    expect(parts.map(({ byteLength }) => byteLength)).toEqual([32, 32, 16]);
    const copy = createKeySet();
    for (const part of parts) copy.addPart(new Uint8Array([0, ...part]).subarray(1));
    expect(copy.size).toBe(10);
    for (let index = 0; index < 10; index += 1) expect(copy.has(keyOf(index))).toBe(true);
    expect(createKeySet().parts(4)).toEqual([]);
  });
});

describe('a user whom a run did not list', () => {
  const startedAt = Date.UTC(2026, 10, 23, 3);
  const where = (item: Partial<LedgerItem>, listed = false) => {
    const keys = createKeySet();
    if (listed) keys.add(keyOf(0));
    return whereaboutsOf([keyOf(0), { seen: {}, dirty: false, ...item }], { source: 'clerk', startedAt, listed: keys });
  };
  const seen = (asOf: number, facet = 'clerk/profile') => ({ seen: { [facet]: { asOf, hash: 'h', events: [] } } });
  const long = startedAt - 86_400_000;

  it('is missing, unless the vendor told of them lately', () => {
    expect(where(seen(long))).toBe('MISSING');
    expect(where(seen(long), true)).toBe('LISTED');
    expect(where(seen(startedAt + 1))).toBe('LISTED');
    expect(where(seen(startedAt - 60_000))).toBe('LISTED'); // a list may lag behind
    expect(where({ seen: { ...seen(long).seen, ...seen(startedAt, 'stripe/profile').seen } })).toBe('MISSING');
  });
  it('is not when deleted, but is when created again', () => {
    expect(where({ ...seen(long), deletedAt: long })).toBe('DELETED');
    expect(where({ ...seen(long), deletedAt: long, createdAt: long })).toBe('DELETED');
    expect(where({ ...seen(long), deletedAt: long, createdAt: long + 1 })).toBe('MISSING');
  });
  it.each([
    [20, 20, false],
    [21, 30, true],
    [50, 1000, false],
    [51, 1000, true],
    [1000, 1_000_000, false],
    [1001, 1_000_000, true],
  ])('%i of %i are a mass: %p', (missing, known, isMass) => {
    expect(isMassMissing(missing, known)).toBe(isMass);
  });
});
