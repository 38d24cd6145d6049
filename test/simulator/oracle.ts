import * as z from 'zod';
import { Facet } from '../../functions/core/calls.ts';
import { digest } from '../../functions/core/digest.ts';
import { mostInAMinute } from './judge.ts';
import { type Said, wrongFacets } from './newest.ts';
import type { FifoQueue } from './queue.ts';
import type { Stage } from './stage.ts';
import type { Happening, Saying } from './traffic.ts';

/** Userpilot's limit on identify calls in any 60 seconds: docs.userpilot.com, rate limits. */
const LIMIT = 600;

const Change = z.looseObject({
  facet: Facet,
  call: z.looseObject({ user_id: z.string().optional(), company_id: z.string().optional() }),
});
/** Of a message or a rejected event only what names it. */
const Named = z.looseObject({ source: z.string(), eventId: z.string(), change: Change });

const keyOf = (source: string, eventId: string, entity: string, facet: Facet): string =>
  [source, eventId, entity, facet].join(' ');
const entityIn = (key: string): string => key.split(' ')[2] ?? '';
const keyIn = (message: unknown): string => {
  const { source, eventId, change } = Named.parse(message);
  const { user_id, company_id } = change.call;
  return keyOf(source, eventId, user_id === undefined ? `company:${company_id}` : `user:${user_id}`, change.facet);
};

/** The key of each message that the queue took in; reading a body is dear. */
const keysIn = ({ accepted }: FifoQueue): ReadonlyMap<string, string> =>
  new Map([...new Set(accepted.map(({ body }) => body))].map((body) => [body, keyIn(JSON.parse(body))]));

const difference = (a: ReadonlySet<string>, b: ReadonlySet<string>): readonly string[] => [...a].filter((key) => !b.has(key));

export interface Ending {
  readonly stage: Stage;
  readonly happenings: readonly Happening[];
  readonly acknowledged: ReadonlySet<Happening>;
  /** Whether nothing was left to do. */
  readonly ended: boolean;
}

type Keyed = Ending & { readonly keyOfBody: (body: string) => string };

/** Both sides of the equation, and what stands at its sides. */
const accounts = ({ stage, acknowledged, keyOfBody }: Keyed) => {
  const { queue, rejected } = stage;
  const parked = new Set(rejected.map(keyIn));
  const dead = new Set(queue.deadLetters.map(({ body }) => keyOfBody(body)));
  const handed = new Set(queue.consumed.map(({ body }) => keyOfBody(body)));
  const owed = new Set(
    [...acknowledged].flatMap(({ source, eventId, says }) =>
      says.map(({ entity, facet }) => keyOf(source, eventId, entity, facet)),
    ),
  );
  return { parked, dead, owed, done: new Set([...handed, ...parked, ...dead]) };
};

const wrongStates = ({ stage, happenings, keyOfBody }: Keyed, excluded: ReadonlySet<string>): readonly string[] => {
  const { judge, queue, table } = stage;
  const firsts = new Map<string, number>();
  const lasts = new Map<string, number>();
  for (const { body, sequence, redriven } of queue.accepted) {
    const key = keyOfBody(body);
    if (!firsts.has(key)) firsts.set(key, sequence);
    // A duplicate of what was refused may be taken.
    if (redriven || excluded.has(key) || firsts.get(key) === sequence) lasts.set(key, sequence);
  }
  const said = happenings.flatMap(({ source, eventId, says }) =>
    says.map((saying): Said => {
      const key = keyOf(source, eventId, saying.entity, saying.facet);
      const arrival = firsts.get(key) ?? Number.POSITIVE_INFINITY;
      return { ...saying, key, source, arrival, latest: lasts.get(key) ?? arrival };
    }),
  );
  return [...Map.groupBy(said, ({ entity }) => entity)].flatMap(([entity, sayings]) => {
    const profile = judge.profile(entity);
    const value = (name: string) => (name === '(company)' ? profile?.company : profile?.properties.get(name));
    const shows = ({ properties }: Saying) => Object.entries(properties).every(([name, wanted]) => value(name) === wanted);
    const mayCount = ({ kind, properties, at }: Saying) =>
      kind === 'deletion'
        ? table.tombstones.some(({ key, deletedAt }) => key.endsWith(digest(entity)) && deletedAt === at)
        : judge.log.some((call) => call.landed && call.entity === entity && matches(call.properties, properties));
    const counting = sayings.filter(({ key }) => !excluded.has(key));
    const doubtful = sayings.filter((saying) => excluded.has(saying.key) && mayCount(saying));
    const found = JSON.stringify(Object.fromEntries(profile?.properties ?? []));
    return wrongFacets({ counting, doubtful, shows }).map((wrong) => `${entity} ${wrong}, found ${found}`);
  });
};

const matches = (given: Readonly<Record<string, unknown>>, wanted: Readonly<Record<string, string>>): boolean =>
  Object.entries(wanted).every(([name, value]) => name === '(company)' || given[name] === value);

/** Calls for an entity after a deletion of it was done with, unless it had been created again by then. */
const callsAfterDeletion = ({ stage: { judge, queue }, happenings, keyOfBody }: Keyed): readonly string[] => {
  const sentAt = new Map<string, number>();
  for (const { body, acceptedAt } of queue.accepted.toReversed()) sentAt.set(keyOfBody(body), acceptedAt);
  const doneAt = new Map<string, number>();
  for (const { body, consumedAt } of queue.consumed.toReversed()) doneAt.set(keyOfBody(body), consumedAt);
  const of = (wanted: Saying['kind'], moments: ReadonlyMap<string, number>) => {
    const list = happenings.flatMap(({ source, eventId, says }) =>
      says.flatMap(({ kind, entity, facet, at }) => {
        const since = moments.get(keyOf(source, eventId, entity, facet));
        return kind === wanted && since !== undefined ? { entity, at, since } : [];
      }),
    );
    return Map.groupBy(list, ({ entity }) => entity);
  };
  const [deaths, births] = [of('deletion', doneAt), of('creation', sentAt)];
  return judge.log.flatMap(({ entity, at: moment }) => {
    const known = deaths.get(entity)?.filter(({ since }) => since < moment) ?? [];
    const deletedAt = Math.max(...known.map(({ at }) => at));
    const isReborn = births.get(entity)?.some(({ at, since }) => at > deletedAt && since <= moment);
    return known.length === 0 || isReborn ? [] : [`${entity} was called after its deletion`];
  });
};

/** Everything that is not as it should be at the end of a run; empty = all is well. */
export const mismatchesOf = (result: Ending): readonly string[] => {
  const { stage, ended } = result;
  const keys = keysIn(stage.queue);
  const ending: Keyed = { ...result, keyOfBody: (body) => keys.get(body) ?? '' };
  const { parked, dead, owed, done } = accounts(ending);
  const { waiting, inFlight } = stage.queue.figures.sizes();
  const { refused } = stage.judge;
  const most = mostInAMinute(stage.judge.log.map(({ at }) => at));
  return [
    ...(ended && waiting + inFlight === 0 ? [] : [`the queue still holds ${waiting + inFlight} messages`]),
    ...difference(owed, done).map((key) => `acknowledged and lost: ${key}`),
    ...difference(done, owed).map((key) => `never acknowledged: ${key}`),
    ...[...parked].filter((key) => !refused.has(entityIn(key))).map((key) => `rejected though never refused: ${key}`),
    ...(dead.size > 0 && stage.plan.maxReceiveCount === undefined ? [`${dead.size} messages in the dead letters`] : []),
    ...wrongStates(ending, new Set([...parked, ...dead])),
    ...callsAfterDeletion(ending),
    ...(most > LIMIT ? [`${most} calls in 60 seconds`] : []),
  ];
};
