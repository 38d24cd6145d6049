import { describe, expect, it } from '@jest/globals';
import type { BulkJob } from '../../functions/core/bulk-job.ts';
import {
  batchesOf,
  CLAIM_MS,
  carriedOutBy,
  dayOf,
  dueDay,
  type Erasure,
  isMass,
  judge,
  MAX_IDS_PER_CALL,
  openClaimsSince,
  toErasure,
} from '../../functions/core/erasure.ts';
import { EMPTY_ITEM, type LedgerItem } from '../../functions/core/ledger.ts';

const at = (text: string): number => Date.parse(`2026-11-${text}Z`);
const erasure = (index: number, changes: Partial<Erasure> = {}): Erasure => ({
  key: `k${index}`,
  kind: 'user',
  id: `u${index}`,
  requestedAt: at('20T12:00:00'),
  due: '2026-11-21',
  ...changes,
});
const several = (count: number, changes: Partial<Erasure> = {}) =>
  Array.from({ length: count }, (_, index) => erasure(index, changes));

describe('the day on which an erasure is due', () => {
  it.each([
    ['20T12:00:00', 0, '2026-11-21'],
    ['20T00:59:59', 0, '2026-11-20'],
    ['20T01:00:00', 0, '2026-11-20'],
    ['20T01:00:01', 0, '2026-11-21'],
    ['20T12:00:00', 1, '2026-11-22'],
    ['20T12:00:00', 7, '2026-11-28'],
    ['30T12:00:00', 1, '2026-12-02'],
  ])('asked for at %s, held back for %i days: %s', (moment, days, due) => {
    expect(dueDay(at(moment), days)).toBe(due);
  });
  it('comes no sooner than the days of the hold-back, and no later than one more', () => {
    for (let minutes = 0; minutes < 2 * 1440; minutes += 7) {
      for (const days of [0, 1, 7]) {
        const requestedAt = at('20T00:00:00') + minutes * 60_000;
        const run = Date.parse(`${dueDay(requestedAt, days)}T01:30:00Z`);
        const held = (run - requestedAt) / 86_400_000;
        expect([held >= days, held < days + 1.05]).toEqual([true, true]);
        expect(dayOf(run)).toBe(dueDay(requestedAt, days));
      }
    }
  });
  it('begins at 01:00, so that a run that starts late or early still means the same day', () => {
    expect(['21T00:59:59', '21T01:00:00', '21T01:29:00', '21T23:00:00'].map((moment) => dayOf(at(moment)))).toEqual([
      '2026-11-20',
      '2026-11-21',
      '2026-11-21',
      '2026-11-21',
    ]);
  });
  it('is part of what a deletion asks for, and of nothing else', () => {
    const when = { requestedAt: new Date(at('20T12:00:00')), holdBackDays: 0 };
    expect(toErasure('k1', { kind: 'deleteUser', user_id: 'u1' }, when)).toEqual(erasure(1));
    expect(toErasure('k1', { kind: 'deleteCompany', company_id: 'u1' }, when)).toEqual(erasure(1, { kind: 'company' }));
    expect(toErasure('k1', { kind: 'identifyUser', user_id: 'u1' }, when)).toBeUndefined();
  });
});

describe('a deletion that was sent', () => {
  it.each([
    ['20T01:31:00', '20T03:00:00'],
    ['20T01:54:59', '20T03:00:00'],
    // Its call may come after 02:00.
    ['20T01:55:00', '21T03:00:00'],
    ['20T10:00:00', '21T03:00:00'],
  ])('claimed at %s has surely been carried out by %s', (claimed, done) => {
    expect(carriedOutBy(at(claimed))).toBe(at(done));
  });
  it('stands in the way exactly until then', () => {
    for (let minutes = 0; minutes < 3 * 1440; minutes += 5) {
      const claimedAt = at('20T00:00:00') + minutes * 60_000;
      const done = carriedOutBy(claimedAt);
      expect([claimedAt >= openClaimsSince(done - 1), claimedAt >= openClaimsSince(done)]).toEqual([true, false]);
      expect(done).toBeGreaterThan(claimedAt + CLAIM_MS);
    }
  });
});

describe('what becomes of a due erasure', () => {
  const now = at('21T01:30:00');
  const item = (changes: Partial<LedgerItem>): LedgerItem => ({ ...EMPTY_ITEM, ...changes });
  const running: BulkJob = { state: 'running', endsAt: now + 60_000, rows: 1 };
  it.each([
    ['deleted', item({ deletedAt: 5 }), undefined, 'SEND'],
    ['created before it was deleted', item({ deletedAt: 5, createdAt: 4 }), undefined, 'SEND'],
    ['created and deleted in one instant', item({ deletedAt: 5, createdAt: 5 }), undefined, 'SEND'],
    ['created again', item({ deletedAt: 5, createdAt: 6 }), undefined, 'CANCELLED'],
    ['deleted, and an old attempt is unaccounted for', item({ deletedAt: 5, dirty: true }), undefined, 'SEND'],
    ['never deleted, as far as the ledger knows', EMPTY_ITEM, undefined, 'CANCELLED'],
    ['perhaps about to be deleted', item({ dirty: true }), undefined, 'LATER'],
    ['in the hand of a bulk job', item({ deletedAt: 5, job: 'j' }), running, 'LATER'],
    ['in the hand of a bulk job that is over', item({ deletedAt: 5, job: 'j' }), { ...running, state: 'failed' }, 'SEND'],
  ] as const)('%s: %#', (_, ledgerItem, job, verdict) => {
    expect(judge(erasure(1), ledgerItem, job, now)).toBe(verdict);
  });
  it('is sent before its day only where no attempt is unaccounted for', () => {
    const early = erasure(1, { due: '2026-11-22' });
    expect(judge(early, item({ deletedAt: 5, dirty: true }), undefined, now)).toBe('LATER');
    expect(judge(early, item({ deletedAt: 5 }), undefined, now)).toBe('SEND');
  });
  it('is given up when nothing has confirmed it for a month', () => {
    expect(judge(erasure(1), item({ dirty: true }), undefined, now + 30 * 86_400_000)).toBe('CANCELLED');
  });
});

describe('a mass deletion', () => {
  const mass = { count: 100, share: 0.05 };
  it.each([
    [100, 10_000, false],
    [101, 10_000, true],
    [50, 1000, false],
    [51, 1000, true],
    [20, 30, false],
    [21, 30, true],
    [21, 0, false],
    [101, 0, true],
  ])('%i of %i', (due, known, isOne) => {
    expect(isMass(several(due), known, mass)).toBe(isOne);
  });
  it('is counted by the day, so that days that could not be sent do not add up to one', () => {
    expect(isMass([...several(90), ...several(90, { due: '2026-11-20' })], 10_000, mass)).toBe(false);
  });
  it('can be set lower than what is never one', () => {
    expect(isMass(several(3), 10_000, { count: 2, share: 1 })).toBe(true);
  });
});

describe('batches', () => {
  it('are as few as possible, of users or of companies', () => {
    const list = [...several(MAX_IDS_PER_CALL + 1), ...several(2, { kind: 'company' })];
    expect(batchesOf(list).map((batch) => [batch[0]?.kind, batch.length])).toEqual([
      ['user', MAX_IDS_PER_CALL],
      ['user', 1],
      ['company', 2],
    ]);
    expect(batchesOf([])).toEqual([]);
  });
});
