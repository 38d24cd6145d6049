import type { Change, Facet } from '../../functions/core/calls.ts';
import type { Lane } from '../../functions/core/pacing.ts';
import type { Invented } from '../../functions/sources/sender.ts';
import type { Random } from './random.ts';
import { MINUTE, SECOND, START } from './world.ts';

/** What an event says about one user or company, written down when the event is made, not read off our own mapping. */
export interface Saying {
  /** `user:…` or `company:…` */
  readonly entity: string;
  readonly facet: Facet;
  /** Epoch milliseconds, by the vendor's clock. */
  readonly at: number;
  readonly kind: 'state' | 'creation' | 'deletion';
  /** Properties that nobody else writes, and so must stand at Userpilot when this is the newest state. */
  readonly properties: Readonly<Record<string, string>>;
}

/** One event of a vendor. */
export interface Happening {
  readonly source: string;
  /** As our envelope names it. */
  readonly eventId: string;
  /** Epoch milliseconds of the world: the first attempt to deliver it. */
  readonly sendAt: number;
  readonly says: readonly Saying[];
  readonly delivery: Delivery;
}
export type Delivery =
  /** Signed by the vendor's sender and taken in by the real receive function. */
  | { readonly kind: 'signed'; readonly type: string; readonly who: Invented; readonly id: string; readonly at: number }
  /** Put into the queue as it is: a source of which no more than its changes matters. */
  | { readonly kind: 'mapped'; readonly change: Change; readonly lane: Lane };

export interface Traffic {
  readonly events: number;
  readonly users: number;
  /** How many kinds of updates there are at most: the fewer, the more often a state meets the one before it. */
  readonly kinds: number;
  readonly spanMs: number;
  /** How much later than the others an event may be sent, at most. */
  readonly shuffleMs: number;
  /** Share of the events that are sent once more although they were acknowledged, and how much later. */
  readonly duplicates: number;
  readonly duplicateAfterMs: readonly [least: number, most: number];
  readonly deletions: number;
  /** Share of the deleted users that are created again. */
  readonly rebirths: number;
  /** Share of the events that carry the same time as the one before. */
  readonly ties: number;
  /** Share of the events whose state is one of two, so that states return. */
  readonly flips: number;
  /** Share of the events that Userpilot takes under no circumstances. */
  readonly poison: number;
  /** Share of the ready-made changes that go in the backfill lane. */
  readonly backfill: number;
  /** Milliseconds that a vendor's clock may be off, either way. */
  readonly vendorSkewMs: number;
}

export const USUAL: Traffic = {
  events: 24,
  users: 4,
  kinds: 9,
  spanMs: 10 * MINUTE,
  shuffleMs: 0,
  duplicates: 0.05,
  duplicateAfterMs: [SECOND, 20 * MINUTE],
  deletions: 0.02,
  rebirths: 0.7,
  ties: 0.1,
  flips: 0.5,
  poison: 0,
  backfill: 0.1,
  vendorSkewMs: 0,
};

/** Few kinds of updates of few users, and states that return: whoever trusts an old record here is wrong soon. */
export const RETURNING: Partial<Traffic> = { users: 2, kinds: 1, flips: 0.9, deletions: 0, spanMs: 3 * MINUTE };

/** In every property value of an event that Userpilot refuses. */
export const POISON = 'poison';

interface Draft {
  readonly lane: Lane;
  readonly user: string;
  readonly company: string;
  readonly id: string;
  readonly at: number;
  readonly state: string;
  readonly sendAt: number;
}
type Make = (draft: Draft) => Happening;

const invented = ({ user, company, state }: Draft): Invented => ({
  id: user,
  email: `${user}@example.com`,
  firstName: state,
  lastName: 'Invented',
  companyId: company,
  companyName: `Company ${state}`,
});

const signed =
  (source: 'clerk' | 'stripe', type: string, says: (draft: Draft) => readonly Omit<Saying, 'at'>[]): Make =>
  (draft) => {
    const { id, sendAt } = draft;
    const at = source === 'stripe' ? Math.floor(draft.at / SECOND) * SECOND : draft.at;
    return {
      source,
      eventId: source === 'stripe' ? `evt_${id}` : `msg_${id}`,
      sendAt,
      says: says(draft).map((saying) => ({ ...saying, at })),
      delivery: { kind: 'signed', type, who: invented(draft), id, at: draft.at },
    };
  };

const state = (entity: string, properties: Readonly<Record<string, string>>, kind: Saying['kind'] = 'state') =>
  ({ entity, facet: 'profile', kind, properties }) as const;

const CLERK = {
  updated: signed('clerk', 'user.updated', (draft) => [state(`user:${draft.user}`, { clerk_state: draft.state })]),
  created: signed('clerk', 'user.created', (draft) => [state(`user:${draft.user}`, { clerk_state: draft.state }, 'creation')]),
  deleted: signed('clerk', 'user.deleted', (draft) => [state(`user:${draft.user}`, {}, 'deletion')]),
  company: signed('clerk', 'organization.updated', (draft) => [
    state(`company:${draft.company}`, { name: `Company ${draft.state}` }),
  ]),
  member: signed('clerk', 'organizationMembership.created', (draft) => [
    state(`company:${draft.company}`, { name: `Company ${draft.state}` }),
    { entity: `user:${draft.user}`, facet: 'membership', kind: 'state', properties: { '(company)': draft.company } },
  ]),
} as const;
const STRIPE = signed('stripe', 'customer.updated', (draft) => [
  state(`user:${draft.user}`, { stripe_state: `${draft.state} Invented` }),
]);

/** A source whose events are put straight into the queue, with a facet that the others lack. */
const mapped =
  (facet: Facet, kind: Saying['kind'] = 'state'): Make =>
  ({ user, id, at, state, sendAt, lane }) => {
    const properties = kind === 'deletion' ? {} : { [`auth0_${facet}`]: state };
    const call =
      kind === 'deletion'
        ? ({ kind: 'deleteUser', user_id: user } as const)
        : ({ kind: 'identifyUser', user_id: user, metadata: properties } as const);
    const change: Change = { call, facet, occurredAt: new Date(at), ...(kind === 'creation' && { creates: true }) };
    return {
      source: 'auth0',
      eventId: id,
      sendAt,
      says: [{ entity: `user:${user}`, facet, at, kind, properties }],
      delivery: { kind: 'mapped', change, lane },
    };
  };
const AUTH0 = {
  profile: mapped('profile'),
  subscription: mapped('subscription'),
  created: mapped('profile', 'creation'),
  deleted: mapped('profile', 'deletion'),
} as const;

const UPDATES = [
  CLERK.updated,
  CLERK.updated,
  CLERK.updated,
  CLERK.member,
  CLERK.company,
  STRIPE,
  STRIPE,
  AUTH0.profile,
  AUTH0.subscription,
] as const;

/** Invented events of some users, in the order in which they happened. */
export const createTraffic = (random: Random, traffic: Traffic): readonly Happening[] => {
  const { events, users, kinds, spanMs, shuffleMs, deletions, rebirths, ties, flips, poison, backfill, vendorSkewMs } = traffic;
  const happenings: Happening[] = [];
  const reborn: { readonly user: string; readonly make: Make }[] = [];
  const skews = new Map<string, number>();
  const skewOf = (source: string): number => {
    const skew = skews.get(source) ?? Math.round(random.between(-vendorSkewMs, vendorSkewMs));
    skews.set(source, skew);
    return skew;
  };
  const [first, ...others] = random.shuffled(UPDATES);
  const updates = [first ?? CLERK.updated, ...others.slice(0, kinds - 1)] as const;
  let at = START;
  for (let index = 0; index < events; index += 1) {
    if (!random.chance(ties)) at += 1 + random.below((2 * spanMs) / events);
    let user = `user_${random.below(users)}`;
    let make: Make = random.pick(updates);
    const again = random.chance(0.5) ? reborn.pop() : undefined;
    if (again !== undefined) ({ user, make } = again);
    else if (random.chance(deletions)) {
      make = random.pick([CLERK.deleted, AUTH0.deleted]);
      if (random.chance(rebirths)) reborn.push({ user, make: random.pick([CLERK.created, AUTH0.created]) });
    }
    const sendAt = at + random.below(500) + random.between(0, shuffleMs);
    const unique = random.chance(poison) ? `${POISON}${index}` : `n${index}`;
    const text = random.chance(flips) && !unique.startsWith(POISON) ? random.pick(['x', 'y']) : unique;
    const lane = random.chance(backfill) ? 'backfill' : 'live';
    const draft: Draft = { lane, user, company: `company_${random.below(2)}`, id: `e${index}`, at, state: text, sendAt };
    const { source } = make(draft);
    happenings.push(make({ ...draft, at: at + skewOf(source) }));
  }
  return happenings;
};
