import type { SQSRecord } from 'aws-lambda';
import type { Call, Change, Facet, Identify } from '../../functions/core/calls.ts';
import { memoryLedger } from '../support/doubles.ts';
import { type Said, wrongFacets } from './newest.ts';

/** One event of the model: times are small numbers, and the same `id` twice is a duplicate. */
export interface ModelEvent {
  readonly id: string;
  readonly entity: string;
  /** @default 'profile' */
  readonly facet?: Facet;
  readonly at: number;
  readonly kind: Said['kind'];
  readonly value: string;
}

type Items = ReturnType<typeof memoryLedger>['items'];

/** All that is left behind when no worker has anything in hand. What happens next depends on nothing else. */
export interface Rest {
  /** By the index of the event: whether its message has left the queue. */
  readonly done: readonly boolean[];
  readonly items: readonly (readonly [string, NonNullable<ReturnType<Items['get']>>])[];
  /** What Userpilot shows, by entity and facet. */
  readonly shown: readonly (readonly [string, string])[];
  /** Entity, facet and value of every call that had an effect. */
  readonly landed: readonly string[];
  readonly parked: readonly string[];
  readonly violations: readonly string[];
  readonly faultsLeft: number;
}

export const restAtFirst = (events: readonly ModelEvent[], faultsLeft: number): Rest => ({
  done: events.map(() => false),
  items: [],
  shown: [],
  landed: [],
  parked: [],
  violations: [],
  faultsLeft,
});

/** The owner of an attempt that nobody works on any more; which one it was means nothing. */
const FORMER = 'a former attempt';
export const EPOCH = Date.UTC(2026, 10, 23, 12);
const SOURCE = 'model';

/** Each facet has a property of its own, so the state of one can be told from that of another. */
const changeOf = ({ entity, facet = 'profile', at, kind, value }: ModelEvent): Change => {
  const call: Call =
    kind === 'deletion'
      ? { kind: 'deleteUser', user_id: entity }
      : { kind: 'identifyUser', user_id: entity, metadata: { [facet]: value } };
  return { call, facet, occurredAt: new Date(EPOCH + at), ...(kind === 'creation' && { creates: true }) };
};

export const recordOf = (event: ModelEvent, index: number): SQSRecord => {
  const head = { v: 1, source: SOURCE, eventId: event.id, type: 'invented', receivedAt: new Date(EPOCH) } as const;
  const body = JSON.stringify({ ...head, change: changeOf(event) });
  const attributes = { ApproximateReceiveCount: '1' };
  return { messageId: `m${index}`, receiptHandle: `r${index}`, body, attributes } as SQSRecord;
};

/** Queue, table, Userpilot and rejected queue while workers are busy. */
export const createModel = (events: readonly ModelEvent[], rest: Rest) => {
  const done = [...rest.done];
  const { ledger, items } = memoryLedger();
  for (const [key, item] of rest.items) items.set(key, item);
  const shown = new Map(rest.shown);
  const landed = new Set(rest.landed);
  const parked = new Set(rest.parked);
  const violations = [...rest.violations];

  /** Deleted, done with, and not created again by anything that was ever sent. */
  const isGone = (entity: string): boolean => {
    const own = events.map((event, index) => ({ ...event, isDone: done[index] })).filter((event) => event.entity === entity);
    const deaths = own.filter(({ kind, isDone }) => kind === 'deletion' && isDone).map(({ at }) => at);
    return deaths.length > 0 && !own.some(({ kind, at }) => kind === 'creation' && at > Math.max(...deaths));
  };
  return {
    ledger,
    isDone: (index: number): boolean => done[index] === true,
    remove(index: number) {
      done[index] = true;
    },
    apply(call: Identify) {
      const entity = call.kind === 'identifyUser' ? call.user_id : call.company_id;
      if (isGone(entity)) violations.push(`${entity} was called after its deletion`);
      for (const [facet, value] of Object.entries(call.metadata ?? {})) {
        shown.set(`${entity} ${facet}`, String(value));
        landed.add(`${entity} ${facet} ${value}`);
      }
    },
    park: (eventId: string) => void parked.add(eventId),
    rest: (faultsLeft: number): Rest => ({
      done,
      items: [...items].sort().map(([key, item]) => [key, item.owner === undefined ? item : { ...item, owner: FORMER }]),
      shown: [...shown].sort(),
      landed: [...landed].sort(),
      parked: [...parked].sort(),
      violations,
      faultsLeft,
    }),
  };
};

/** What is wrong when every message has left the queue. */
export const violationsOf = (events: readonly ModelEvent[], { shown, landed, parked, violations }: Rest): readonly string[] => {
  const saidOf = ({ id, value, facet = 'profile', ...event }: ModelEvent, arrival: number): Said => ({
    ...event,
    facet,
    source: SOURCE,
    properties: { value },
    key: id,
    arrival,
    // A duplicate of what was refused may be taken.
    latest: parked.includes(id) ? events.findLastIndex((event) => event.id === id) : arrival,
  });
  // A duplicate says nothing new: its first arrival counts.
  const firsts = events.filter((event, index) => events.findIndex(({ id }) => id === event.id) === index);
  const states = new Map(shown);
  const wrong = [...Map.groupBy(firsts.map(saidOf), ({ entity }) => entity)].flatMap(([entity, sayings]) =>
    wrongFacets({
      counting: sayings.filter(({ key }) => !parked.includes(key)),
      doubtful: sayings.filter(
        ({ key, facet, properties }) => parked.includes(key) && landed.includes(`${entity} ${facet} ${properties.value}`),
      ),
      shows: ({ facet, properties }) => states.get(`${entity} ${facet}`) === properties.value,
    }).map((line) => `${entity} ${line}, found ${JSON.stringify(shown)}`),
  );
  return [...violations, ...wrong];
};
