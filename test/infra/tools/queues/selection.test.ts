import { describe, expect, it } from '@jest/globals';
import { ageText, parseAge } from '../../../../infra/tools/queues/age.ts';
import type { Kept } from '../../../../infra/tools/queues/kept.ts';
import { isSelected, type Selection } from '../../../../infra/tools/queues/selection.ts';

const now = new Date('2026-11-23T12:00:00Z');
const kept: Kept = {
  id: '0123456789ab',
  source: 'clerk',
  type: 'user.created',
  reason: 'NO_USER_ID',
  eventId: 'msg_1',
  receivedAt: new Date('2026-11-23T10:00:00Z'),
};
const HOUR = 3_600_000;

describe('a selection', () => {
  it.each<readonly [Partial<Selection>, boolean]>([
    [{}, true],
    [{ reasons: ['NO_USER_ID'] }, true],
    [{ reasons: ['SCHEMA_MISMATCH', 'NO_USER_ID'] }, true],
    [{ reasons: ['SCHEMA_MISMATCH'] }, false],
    [{ sources: ['clerk'] }, true],
    [{ sources: ['stripe'] }, false],
    [{ ids: ['0123456789ab'] }, true],
    [{ ids: ['ba9876543210'] }, false],
    [{ olderThanMs: HOUR }, true],
    [{ olderThanMs: 3 * HOUR }, false],
    [{ youngerThanMs: 3 * HOUR }, true],
    [{ youngerThanMs: HOUR }, false],
    [{ olderThanMs: HOUR, youngerThanMs: 3 * HOUR, sources: ['clerk'] }, true],
    [{ sources: ['clerk'], reasons: ['SCHEMA_MISMATCH'] }, false],
  ])('%j takes an event of two hours ago: %s', (selection, expected) => {
    expect(isSelected({ reasons: [], sources: [], ids: [], ...selection }, kept, now)).toBe(expected);
  });
});

describe('an age', () => {
  it.each([
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['30min', 1_800_000],
    ['2h', 2 * HOUR],
    ['3d', 72 * HOUR],
    ['0s', 0],
    ['2', undefined],
    ['h', undefined],
    ['1.5h', undefined],
    ['-2h', undefined],
    ['2w', undefined],
    ['toString', undefined],
  ])('%s is read as %s ms', (text, expected) => {
    expect(parseAge(text)).toBe(expected);
  });
  it.each([
    [-5, '0 s'],
    [900, '0 s'],
    [119_000, '119 s'],
    [120_000, '2 min'],
    [119 * 60_000, '119 min'],
    [2 * HOUR, '2 h'],
    [47 * HOUR, '47 h'],
    [50 * HOUR, '2 d'],
  ])('%s ms is said as %s', (milliseconds, expected) => {
    expect(ageText(milliseconds)).toBe(expected);
  });
});
