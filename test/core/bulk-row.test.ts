import { describe, expect, it } from '@jest/globals';
import { type Known, weigh } from '../../functions/core/bulk-row.ts';
import type { Call, Facet } from '../../functions/core/calls.ts';
import { type Arrival, decide, EMPTY_ITEM, type LedgerItem } from '../../functions/core/ledger.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const user = (metadata: Record<string, string>, company?: string): Call => ({
  kind: 'identifyUser',
  user_id: 'u_1',
  metadata,
  ...(company !== undefined && { company: { id: company } }),
});
const arrival = (at: number, call: Call, facet: Facet = 'profile', source = 'clerk'): Arrival => ({
  source,
  change: { call, facet, occurredAt: new Date(at) },
  event: `e${at}`,
});
const known = (rest: Partial<Known> = {}): Known => ({ item: undefined, job: undefined, now: NOW, ...rest });
const kindOf = (arrivals: readonly Arrival[], rest: Partial<Known> = {}) => weigh(arrivals, known(rest)).kind;
const sent = arrival(5, user({ name: 'Ada' }));
const item: LedgerItem = { seen: decide(EMPTY_ITEM, [sent]).update.seen, dirty: false };
const job = (state: 'running' | 'completed' | 'failed') => ({ state, endsAt: NOW.getTime(), rows: 1 });
/** The row of `sent` went into a job. */
const given: LedgerItem = {
  seen: { 'clerk/profile': { asOf: 5, hash: '', events: [], bulk: item.seen['clerk/profile']?.hash ?? '' } },
  dirty: false,
  job: 'j1',
};

describe('weigh', () => {
  it('makes a row of a user, with the time and hash of each change', () => {
    expect(weigh([sent], known())).toEqual({
      kind: 'row',
      call: sent.change.call,
      mark: { item: EMPTY_ITEM, seen: { 'clerk/profile': { asOf: 5, bulk: item.seen['clerk/profile']?.hash } } },
    });
  });
  it('asks nothing for what Userpilot holds, and for what is older', () => {
    expect(kindOf([sent], { item })).toBe('nothing');
    expect(kindOf([arrival(4, user({ name: 'Eve' }))], { item })).toBe('nothing');
    expect(kindOf([sent], { item: given, job: job('completed') })).toBe('nothing');
  });
  it('makes a row again of what a failed job held', () => {
    expect(kindOf([sent], { item: given, job: job('failed') })).toBe('row');
  });

  const company: Call = { kind: 'identifyCompany', company_id: 'c_1', metadata: { name: 'Acme' } };
  it.each<readonly [string, readonly Arrival[], Partial<Known>]>([
    ['a company', [arrival(5, company)], {}],
    ['a deletion', [arrival(5, { kind: 'deleteUser', user_id: 'u_1' })], {}],
    [
      'somebody who was deleted once',
      [{ ...sent, change: { ...sent.change, creates: true } }],
      { item: { ...EMPTY_ITEM, deletedAt: 1 } },
    ],
    ['somebody in hand', [sent], { item: { ...EMPTY_ITEM, dirty: true } }],
    ['somebody in a job that runs', [arrival(6, user({ name: 'Eve' }))], { item: given, job: job('running') }],
  ])('leaves %s to a call of its own', (_, arrivals, rest) => {
    expect(kindOf(arrivals, rest)).toBe('single');
  });

  it('joins changes only when the newest says all that the older ones say', () => {
    expect(kindOf([sent, arrival(6, user({ name: 'Eve', plan: 'pro' }))])).toBe('row');
    expect(kindOf([arrival(4, user({ plan: 'pro' })), sent])).toBe('single');
    expect(kindOf([arrival(4, user({ name: 'Ada' }, 'c_1')), sent])).toBe('single');
    expect(kindOf([arrival(4, user({}, 'c_1'), 'membership'), sent])).toBe('row');
  });

  it('does not vouch for a facet that an earlier job lost', () => {
    const other = arrival(6, user({ stripe_customer_id: 'cus_1' }), 'profile', 'stripe');
    expect(kindOf([other], { item: given, job: job('failed') })).toBe('single');
    expect(kindOf([other], { item: given, job: undefined })).toBe('single');
    expect(kindOf([other], { item: given, job: job('completed') })).toBe('row');
    expect(kindOf([sent, other], { item: given, job: job('failed') })).toBe('row');
  });
});
