import { createRandom, type Random } from '../simulator/random.ts';
import { castOf, type Person } from './cast.ts';
import type { Repertoire, Says } from './repertoire.ts';

/** What an event says about one user or company, written down when the event is made, not read off our own mapping. */
export interface Saying {
  /** `user:…` or `company:…` */
  readonly entity: string;
  readonly kind: 'state' | 'creation' | 'deletion';
  /** What must stand there when this is the newest, `(company)` or a property; absent for a deletion. */
  readonly shows?: readonly [name: string, value: string];
}

/** One event of a vendor. */
export interface Happening {
  readonly repertoire: Repertoire;
  readonly type: string;
  /** As the sender takes it; the vendor's form of it is in the body or a header. */
  readonly id: string;
  /** Epoch milliseconds by the vendor's clock: unique, in whole seconds. Where the source tells no time, only the order counts. */
  readonly at: number;
  readonly person: Person;
  /** Unique, and in every value that this event sets. */
  readonly state: string;
  readonly companyId: string;
  readonly companyName: string;
  /** No event of a person goes out before all those of earlier stages are acknowledged. */
  readonly stage: number;
  readonly says: readonly Saying[];
  /** Without an id to find the user by: must end in the rejected queue. */
  readonly isUnmappable: boolean;
}

export interface Plan {
  readonly cast: readonly Person[];
  readonly happenings: readonly Happening[];
  /** What is sent, in order: every event once or more. */
  readonly deliveries: readonly Happening[];
}

export interface PlanOptions {
  readonly seed: number;
  /** Epoch milliseconds. The events happened one a second before it: a vendor does not send what is days old. */
  readonly endsAt: number;
  readonly events: number;
  readonly users: number;
}

/** Where a source of a shared user writes and no other does; a user of one source is known by its address. */
export const MARKS: Readonly<Record<string, string>> = { clerk: 'locale', stripe: 'stripe_currency' };
export const emailOf = ({ person, state }: Pick<Happening, 'person' | 'state'>): string => `${state}.${person.id}@example.com`;

const SECOND = 1000;
/** How many places an event may move in the order of sending. */
const SHUFFLE = 40;
/** Share of the events that come twice, and by how many places later at most. */
const DUPLICATES = 0.05;
const DUPLICATE_AFTER = 400;
const COMPANY_EVENTS = 0.08;
const MOVES = 0.08;
const COMPANIES = 6;
const UNMAPPABLE = 0.02;

type Draft = Pick<Happening, 'repertoire' | 'at' | 'id' | 'person' | 'state' | 'stage'>;
type Told = Omit<Happening, 'says'>;

const sayingOf = (says: Says, told: Told): Saying => {
  const { person, state, companyId, companyName, repertoire } = told;
  if (says === 'company') return { entity: `company:${companyId}`, kind: 'state', shows: ['name', companyName] };
  const entity = `user:${person.id}`;
  if (says === 'deletion') return { entity, kind: 'deletion' };
  if (says === 'move') return { entity, kind: 'state', shows: ['(company)', companyId] };
  const mark = person.sources.length > 1 ? MARKS[repertoire.source] : undefined;
  return { entity, kind: says, shows: mark === undefined ? ['email', emailOf(told)] : [mark, state] };
};

const tell = (draft: Draft, type: string, company?: string): Happening => {
  const told: Told = {
    ...draft,
    type,
    companyId: company ?? draft.person.companyId,
    companyName: company === undefined ? 'Company Home' : `Company ${draft.state}`,
    isUnmappable: false,
  };
  return { ...told, says: (draft.repertoire.says.get(type) ?? []).map((says) => sayingOf(says, told)) };
};

const changeOf = (draft: Draft, random: Random): Happening => {
  const { source, tellsTime, update, company, move } = draft.repertoire;
  // Where the order of arrival counts, nobody else may tell of the same company.
  const owner = tellsTime ? source : draft.person.id;
  const other = `${owner}-company-${random.below(COMPANIES)}`;
  if (company !== undefined && random.chance(COMPANY_EVENTS)) return tell(draft, company, other);
  // A second source's profile may name a company as well, by another clock.
  const moves = draft.person.sources.length === 1 ? move : undefined;
  if (moves !== undefined && random.chance(MOVES)) return tell(draft, moves, other);
  const happening = tell(draft, update);
  return source === 'stripe' && random.chance(UNMAPPABLE) ? { ...happening, says: [], isUnmappable: true } : happening;
};

interface Life {
  stage: number;
  readonly born: Set<Repertoire>;
  /** The place among all events behind which the next one of this person is its end; Infinity = never. */
  end: number;
}

/** Users' lives: sign-up, changes, and for some the end, late changes, and a second life. */
const happeningsOf = (cast: readonly Person[], { events, endsAt }: PlanOptions, random: Random): readonly Happening[] => {
  const lives = new Map<string, Life>();
  const endOf = ({ fate }: Person) => (fate === 'lives' ? Number.POSITIVE_INFINITY : random.between(0.3, 0.7) * events);
  return Array.from({ length: events }, (_, index) => {
    const person = random.pick(cast as [Person, ...Person[]]); // castOf makes at least one
    const life = lives.get(person.id) ?? { stage: 0, born: new Set(), end: endOf(person) };
    lives.set(person.id, life);
    const repertoire = random.pick(person.sources);
    // Where the order of arrival counts, one at a time.
    if (!repertoire.tellsTime) life.stage += 1;
    const at = (Math.floor(endsAt / SECOND) - events + index) * SECOND;
    const draft = { repertoire, id: `chaos${index}`, at, person, state: `s${index}`, stage: life.stage };
    const isBorn = life.born.has(repertoire);
    life.born.add(repertoire);
    if (isBorn && index > life.end) {
      life.end = Number.POSITIVE_INFINITY;
      life.stage += 1;
      // Whoever comes back signs up anew, and only then changes. Of the others every change comes too late.
      if (person.fate === 'returns') life.born.clear();
      return tell(draft, repertoire.deletion ?? repertoire.update);
    }
    if (isBorn) return changeOf(draft, random);
    if (life.stage > 0) life.stage += 1;
    return tell(draft, repertoire.signUp);
  });
};

/** The order of sending: shuffled a little, with duplicates. */
const deliveriesOf = (happenings: readonly Happening[], random: Random): readonly Happening[] => {
  const placed = happenings.map((happening, index) => ({ happening, place: index + random.between(0, SHUFFLE) }));
  const again = placed
    .filter(({ happening }) => happening.repertoire.tellsTime && random.chance(DUPLICATES))
    .map(({ happening, place }) => ({ happening, place: place + random.between(1, DUPLICATE_AFTER) }));
  return [...placed, ...again].sort((a, b) => a.place - b.place).map(({ happening }) => happening);
};

/** The same seed and sources make the same people, events and order. */
export const planOf = (options: PlanOptions, sources: readonly Repertoire[]): Plan => {
  const random = createRandom(options.seed);
  const cast = castOf(options.users, sources);
  const happenings = happeningsOf(cast, options, random.fork());
  return { cast, happenings, deliveries: deliveriesOf(happenings, random.fork()) };
};
