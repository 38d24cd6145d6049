import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Call, Change, Facet } from '../../functions/core/calls.ts';
import { type Arrival, decide, EMPTY_ITEM, type LedgerItem, type Plan } from '../../functions/core/ledger.ts';

const user = (metadata: Record<string, string>, company?: string): Call => ({
  kind: 'identifyUser',
  user_id: 'u_1',
  metadata,
  ...(company === undefined ? {} : { company: { id: company } }),
});
const gone: Call = { kind: 'deleteUser', user_id: 'u_1' };

interface Made {
  readonly source?: string;
  readonly facet?: Facet;
  readonly creates?: boolean;
  readonly event?: string;
}
const arrival = (
  at: number,
  call: Call,
  { source = 'clerk', facet = 'profile', creates, event = `e${at}` }: Made = {},
): Arrival => {
  const change: Change = { call, facet, occurredAt: new Date(at), ...(creates === undefined ? {} : { creates }) };
  return { source, change, event };
};

/** What the ledger holds after Userpilot accepted the plan. */
const stateAfter = (item: LedgerItem, { update }: Plan): LedgerItem => ({
  dirty: false,
  seen: update.forgetSeen ? update.seen : { ...item.seen, ...update.seen },
  ...(update.deletedAt === undefined ? {} : { deletedAt: update.deletedAt }),
  ...(update.createdAt === undefined ? {} : { createdAt: update.createdAt }),
});
/** Batches, each planned on what the one before left behind. */
const run = (...batches: readonly (readonly Arrival[])[]) => {
  let item = EMPTY_ITEM;
  return batches.map((batch) => {
    const plan = decide(item, batch);
    item = stateAfter(item, plan);
    return plan;
  });
};
const verdicts = (...batches: readonly (readonly Arrival[])[]) => run(...batches).map((plan) => plan.verdicts);

describe('staleness', () => {
  it('drops an event older than what its source sent for the facet', () => {
    expect(verdicts([arrival(5, user({ name: 'new' }))], [arrival(4, user({ name: 'old' }))])).toEqual([['SEND'], ['STALE']]);
  });
  it('sends another event of the same instant, and not the same one twice', () => {
    const first = arrival(5, user({ name: 'a' }), { event: 'e1' });
    const second = arrival(5, user({ name: 'b' }), { event: 'e2' });
    expect(verdicts([first], [second], [first], [second])).toEqual([['SEND'], ['SEND'], ['DUPLICATE'], ['DUPLICATE']]);
  });
  it('sends one event that came twice in a batch once, and knows each event of an instant again', () => {
    const first = arrival(5, user({ name: 'a' }), { event: 'e1' });
    const second = arrival(5, user({ name: 'b' }), { event: 'e2' });
    expect(verdicts([first, first])).toEqual([['SEND', 'DUPLICATE']]);
    expect(verdicts([first, second], [first], [second])).toEqual([['MERGED', 'SEND'], ['DUPLICATE'], ['DUPLICATE']]);
  });
  it('remembers the events of the newest instant alone, and of those the last twenty', () => {
    const remembered = (...arrivals: readonly Arrival[]) => decide(EMPTY_ITEM, arrivals).update.seen['clerk/profile']?.events;
    const names = Array.from({ length: 25 }, (_, index) => `e${index}`);
    expect(remembered(arrival(5, user({ name: 'a' })))).toEqual(['e5']);
    expect(remembered(arrival(5, user({ name: 'a' })), arrival(6, user({ name: 'b' })))).toEqual(['e6']);
    expect(remembered(...names.map((event) => arrival(5, user({ event }), { event })))).toEqual(names.slice(5));
  });
  it('never compares the clocks of two sources or two facets', () => {
    const stripe = arrival(2, user({ plan: 'pro' }), { source: 'stripe' });
    const membership = arrival(1, user({}, 'c_1'), { facet: 'membership' });
    expect(verdicts([arrival(5, user({ name: 'a' }))], [stripe], [membership])).toEqual([['SEND'], ['SEND'], ['SEND']]);
  });
});

describe('unchanged', () => {
  it('sends nothing for the state that was sent last, whatever the order of its keys', () => {
    const [, plan] = run([arrival(1, user({ a: '1', b: '2' }))], [arrival(2, user({ b: '2', a: '1' }))]);
    expect(plan?.verdicts).toEqual(['UNCHANGED']);
    expect(plan?.call).toBeUndefined();
  });
  it('takes any value of a property for a value, null included', () => {
    const nothing: Call = { kind: 'identifyUser', user_id: 'u_1', metadata: { phone: null } };
    expect(verdicts([arrival(1, nothing)], [arrival(2, nothing)], [arrival(3, user({ phone: 'null' }))])).toEqual([
      ['SEND'],
      ['UNCHANGED'],
      ['SEND'],
    ]);
  });
  it('holds for the whole batch: what an older change of the facet carries is sent', () => {
    const [, plan] = run([arrival(1, user({ a: '1' }))], [arrival(2, user({ b: 'x' })), arrival(3, user({ a: '1' }))]);
    expect(plan?.verdicts).toEqual(['MERGED', 'SEND']);
    expect(plan?.call).toEqual(user({ a: '1', b: 'x' }));
  });
  it('keeps a short hash and no value of the profile', () => {
    const { update } = decide(EMPTY_ITEM, [arrival(1, user({ name: 'Noor' }))]);
    expect(update.seen['clerk/profile']).toEqual({ asOf: 1, hash: expect.stringMatching(/^[0-9a-f]{32}$/), events: ['e1'] });
    expect(JSON.stringify(update)).not.toContain('Noor');
  });
  it('still moves the clock, so that an event in between stays stale', () => {
    expect(verdicts([arrival(1, user({ a: 'x' }))], [arrival(3, user({ a: 'x' }))], [arrival(2, user({ a: 'y' }))])).toEqual([
      ['SEND'],
      ['UNCHANGED'],
      ['STALE'],
    ]);
  });
  it('does not trust the hash while an attempt is unaccounted for', () => {
    const item = { ...stateAfter(EMPTY_ITEM, decide(EMPTY_ITEM, [arrival(1, user({ a: 'x' }))])), dirty: true };
    // An attempt with y may have reached Userpilot before its function died: x must go out again.
    expect(decide(item, [arrival(2, user({ a: 'y' })), arrival(3, user({ a: 'x' }))]).call).toEqual(user({ a: 'x' }));
    expect(decide(item, [arrival(3, user({ a: 'x' }))]).verdicts).toEqual(['SEND']);
  });
});

describe('an attempt that is unaccounted for', () => {
  const membership = (at: number) => arrival(at, user({}, 'c_1'), { facet: 'membership' });
  let known: LedgerItem;
  let dirty: LedgerItem;
  beforeEach(() => {
    const profileSent = stateAfter(EMPTY_ITEM, decide(EMPTY_ITEM, [arrival(1, user({ a: 'x' }))]));
    known = stateAfter(profileSent, decide(profileSent, [membership(2)]));
    dirty = { ...known, dirty: true };
  });

  it('may have sent any facet, so the next call makes every other hash count for nothing, and moves no clock', () => {
    const plan = decide(dirty, [arrival(3, user({ a: 'y' }))]);
    expect(plan.update.seen['clerk/membership']).toEqual({ asOf: 2, hash: '', events: ['e2'] });
    const settled = stateAfter(dirty, plan);
    expect(decide(settled, [membership(1)]).verdicts).toEqual(['STALE']);
    expect(decide(settled, [membership(4)]).verdicts).toEqual(['SEND']);
    expect(decide(settled, [arrival(4, user({ a: 'y' }))]).verdicts).toEqual(['UNCHANGED']);
  });
  it('leaves the hashes alone while nothing is sent', () => {
    expect(decide(dirty, [arrival(0, user({ a: 'old' }))]).update.seen).toEqual({});
  });
  it('is needed for that: a call after a settled one touches its own facet alone', () => {
    expect(Object.keys(decide(known, [arrival(3, user({ a: 'y' }))]).update.seen)).toEqual(['clerk/profile']);
    expect(decide(known, [membership(3)]).verdicts).toEqual(['UNCHANGED']);
  });
});

describe('deletion', () => {
  it('keeps a deleted user deleted, from every source', () => {
    const stripe = arrival(20, user({ plan: 'pro' }), { source: 'stripe' });
    expect(verdicts([arrival(1, user({}))], [arrival(9, gone)], [arrival(10, user({ a: 'late' }))], [stripe])).toEqual([
      ['SEND'],
      ['TOMBSTONE'],
      ['TOMBSTONED'],
      ['TOMBSTONED'],
    ]);
  });
  it('wins over an update with a later clock, because only a creation can follow a deletion', () => {
    expect(verdicts([arrival(10, user({ a: '1' }))], [arrival(9, gone)])).toEqual([['SEND'], ['TOMBSTONE']]);
  });
  it('is lifted by a newer creation, which is sent although nothing changed, and never by an older one', () => {
    const born = (at: number) => arrival(at, user({ a: '1' }), { creates: true });
    expect(verdicts([born(1)], [arrival(5, gone)], [born(4)], [born(6)], [arrival(7, user({ a: '2' }))])).toEqual([
      ['SEND'],
      ['TOMBSTONE'],
      ['TOMBSTONED'],
      ['SEND'],
      ['SEND'],
    ]);
  });
  it('lets nothing from before the deletion back in after the user was created again', () => {
    const oldMembership = arrival(3, user({}, 'c_old'), { facet: 'membership' });
    const born = arrival(6, user({ a: '1' }), { creates: true });
    expect(verdicts([arrival(5, gone)], [born], [oldMembership], [arrival(5, gone)])).toEqual([
      ['TOMBSTONE'],
      ['SEND'],
      ['TOMBSTONED'],
      ['STALE'],
    ]);
  });
  it('is written once: a repeated or an older one changes nothing, a newer one moves it', () => {
    const [first, repeated, older, newer] = run([arrival(9, gone)], [arrival(9, gone)], [arrival(8, gone)], [arrival(12, gone)]);
    expect(first?.update).toEqual({ seen: {}, forgetSeen: true, deletedAt: 9 });
    for (const plan of [repeated, older]) {
      expect(plan?.verdicts).toEqual(['DUPLICATE']);
      expect(plan?.update).toEqual({ seen: {}, forgetSeen: false, deletedAt: 9 });
    }
    expect(newer?.verdicts).toEqual(['TOMBSTONE']);
    expect(newer?.update).toMatchObject({ forgetSeen: true, deletedAt: 12 });
  });
  it('is not undone by a creation that came before it, in the ledger or at the same instant', () => {
    const born = (at: number) => arrival(at, user({ a: '1' }), { creates: true });
    const late = arrival(7, user({ a: '2' }));
    expect(verdicts([born(1)], [arrival(5, gone)], [late])).toEqual([['SEND'], ['TOMBSTONE'], ['TOMBSTONED']]);
    expect(verdicts([born(5)], [arrival(5, gone)], [late])).toEqual([['SEND'], ['TOMBSTONE'], ['TOMBSTONED']]);
  });
  it('keeps its own instant for itself after the user was created again', () => {
    const membership = (at: number) => arrival(at, user({}, 'c_1'), { facet: 'membership' });
    const born = arrival(6, user({ a: '1' }), { creates: true });
    expect(verdicts([arrival(5, gone)], [born], [membership(5)], [membership(6)])).toEqual([
      ['TOMBSTONE'],
      ['SEND'],
      ['TOMBSTONED'],
      ['SEND'],
    ]);
  });
  it('overtakes updates in the same batch', () => {
    const [plan] = run([arrival(2, gone), arrival(1, user({ a: '1' })), arrival(3, user({ a: '2' }))]);
    expect(plan?.verdicts).toEqual(['TOMBSTONE', 'TOMBSTONED', 'TOMBSTONED']);
    expect(plan?.call).toBeUndefined();
  });
});

describe('merging', () => {
  it('makes one call of ten updates, with the newest state', () => {
    const updates = Array.from({ length: 10 }, (_, index) => arrival(index, user({ n: String(index) })));
    const plan = decide(EMPTY_ITEM, updates.toReversed());
    expect(plan.call).toEqual(user({ n: '9' }));
    expect(plan.verdicts.filter((verdict) => verdict === 'MERGED')).toHaveLength(9);
  });
  it('keeps what only an older change carries, as Userpilot would have', () => {
    const { call } = decide(EMPTY_ITEM, [arrival(1, user({ created_at: 'then', n: '1' })), arrival(2, user({ n: '2' }))]);
    expect(call).toEqual(user({ created_at: 'then', n: '2' }));
  });
  it('leaves the user in the company of the newest change that names one', () => {
    const joined = (first: Call, second: Call) => decide(EMPTY_ITEM, [arrival(1, first), arrival(2, second)]).call;
    expect(joined(user({}, 'c_1'), user({}, 'c_2'))).toEqual(user({}, 'c_2'));
    expect(joined(user({}, 'c_1'), user({ a: '1' }))).toEqual(user({ a: '1' }, 'c_1'));
    expect(joined(user({ a: '1' }), user({}, 'c_2'))).toEqual(user({ a: '1' }, 'c_2'));
  });
  it('adds nothing that no change carries', () => {
    const company = (metadata?: Record<string, string>): Call => ({
      kind: 'identifyCompany',
      company_id: 'c_1',
      ...(metadata === undefined ? {} : { metadata }),
    });
    const bare: Call = { kind: 'identifyUser', user_id: 'u_1' };
    const joined = (first: Call, second: Call) => decide(EMPTY_ITEM, [arrival(1, first), arrival(2, second)]).call;
    expect(joined(bare, bare)).toStrictEqual(bare);
    expect(joined(company(), company())).toStrictEqual(company());
    expect(joined(company({ a: '1' }), company({ b: '2' }))).toStrictEqual(company({ a: '1', b: '2' }));
  });
  it('gives the last word to the facet that changed last, also when it had changed before', () => {
    const { call } = decide(EMPTY_ITEM, [
      arrival(1, user({ name: 'first' })),
      arrival(2, user({ name: 'second' }), { source: 'stripe' }),
      arrival(3, user({ name: 'third' })),
    ]);
    expect(call).toEqual(user({ name: 'third' }));
  });
  it('joins sources and facets in the order of their times', () => {
    const { call, update } = decide(EMPTY_ITEM, [
      arrival(2, user({}, 'c_1'), { facet: 'membership' }),
      arrival(3, user({ name: 'stripe', plan: 'pro' }), { source: 'stripe' }),
      arrival(1, user({ name: 'clerk', email: 'e' })),
    ]);
    expect(call).toEqual(user({ name: 'stripe', email: 'e', plan: 'pro' }, 'c_1'));
    expect(Object.keys(update.seen).sort()).toEqual(['clerk/membership', 'clerk/profile', 'stripe/profile']);
  });
});

describe('an entity that was never seen', () => {
  it('has nothing unaccounted for', () => {
    expect(EMPTY_ITEM).toEqual({ seen: {}, dirty: false });
  });
  it('gets no field without a value written, as the table would refuse it', () => {
    expect(decide(EMPTY_ITEM, [])).toStrictEqual({ verdicts: [], update: { seen: {}, forgetSeen: false } });
  });
});

/** Userpilot's merge semantics for one user. */
const apply = (state: Record<string, unknown>, { call }: Plan): Record<string, unknown> =>
  call === undefined ? state : { ...state, ...call.metadata, ...('company' in call ? { company: call.company?.id } : {}) };

describe('for any shuffle, duplication and batching of events', () => {
  const Event = fc.record({
    at: fc.integer({ min: 0, max: 40 }),
    source: fc.constantFrom('clerk', 'stripe'),
    value: fc.constantFrom('x', 'y', 'z'),
  });

  it('ends with the newest state of each source', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(Event, { minLength: 1, maxLength: 12, selector: ({ at, source }) => `${source}${at}` }),
        fc.infiniteStream(fc.nat()),
        (events, choices) => {
          const choose = (below: number) => (choices.next().value as number) % below;
          // Every event once, some twice, in any order, cut into batches anywhere.
          const sent = [...events, ...events.filter(() => choose(3) === 0)].sort(() => choose(3) - 1);
          const batches: Arrival[][] = [[]];
          for (const { at, source, value } of sent) {
            if (choose(2) === 0) batches.push([]);
            batches.at(-1)?.push(arrival(at, user({ [source]: value }), { source, event: `${source}${at}` }));
          }
          const state = run(...batches).reduce(apply, {});
          for (const source of ['clerk', 'stripe']) {
            const newest = events.filter((event) => event.source === source).sort((a, b) => b.at - a.at)[0];
            expect(state[source]).toBe(newest?.value);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
