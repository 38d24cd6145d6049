import { eventIdOf } from './letter.ts';
import type { CallSeen } from './life.ts';
import type { EndingSeen, Outputs, Profile } from './outputs.ts';
import type { Happening, Plan, Saying } from './plan.ts';

/** What the run did, beside its outputs. */
export interface RunRecord {
  readonly plan: Plan;
  readonly acknowledged: ReadonlySet<Happening>;
  readonly firstPostAt: ReadonlyMap<Happening, number>;
  /** Every identify call of all lives, in any order. */
  readonly calls: readonly CallSeen[];
  /** Messages that are still on their way. */
  readonly waiting: number;
}

/** Userpilot's limit on identify calls in any 60 seconds: docs.userpilot.com/api-references/real-time/overview */
const LIMIT = 600;

type Said = Saying & Pick<Happening, 'at' | 'repertoire'>;

const saidBy = (happenings: Iterable<Happening>): readonly Said[] =>
  [...happenings].flatMap(({ says, at, repertoire }) => says.map((saying) => ({ ...saying, at, repertoire })));

const shown = (profile: Profile | undefined, name: string): unknown =>
  name === '(company)' ? profile?.company : profile?.properties[name];

/** The newest state of each property, and nothing of a user that is deleted. */
const wrongStates = ({ plan, acknowledged }: RunRecord, { profiles }: Outputs): readonly string[] => {
  const refused = new Set(plan.cast.filter(({ isRefused }) => isRefused).map(({ id }) => `user:${id}`));
  const byEntity = Map.groupBy(saidBy(acknowledged), ({ entity }) => entity);
  return [...byEntity].flatMap(([entity, said]) => {
    if (refused.has(entity)) return [];
    const timesOf = (kind: Saying['kind']) => said.filter((saying) => saying.kind === kind).map(({ at }) => at);
    const deletedAt = Math.max(...timesOf('deletion'), Number.NEGATIVE_INFINITY);
    if (deletedAt > Math.max(...timesOf('creation'), Number.NEGATIVE_INFINITY)) return [];
    const alive = said.filter(({ at, shows }) => shows !== undefined && at > deletedAt);
    return [...Map.groupBy(alive, ({ repertoire, shows }) => `${repertoire.source} ${shows?.[0]}`)].flatMap(([what, states]) => {
      const newest = states.reduce((a, b) => (b.at > a.at ? b : a));
      const [name, value] = newest.shows ?? ['', ''];
      const found = shown(profiles.get(entity), name);
      return found === value ? [] : [`${entity} ${what}: expected ${value}, found ${String(found)}`];
    });
  });
};

/** Every acknowledged event has an end that the log or a queue tells of, and only what must is set aside. */
const wrongAccounts = ({ acknowledged }: RunRecord, { endings, rejected, deadLetters }: Outputs): readonly string[] => {
  const parked = new Set(rejected.map(({ eventId }) => eventId));
  const dead = new Set(deadLetters.map(({ eventId }) => eventId));
  const ended = new Set(endings.filter(({ outcome }) => outcome !== 'rejected').map(({ eventId }) => eventId));
  return [...acknowledged].flatMap((happening) => {
    const id = eventIdOf(happening);
    if (id === undefined) return [];
    const { isUnmappable, person } = happening;
    if (isUnmappable) return parked.has(id) ? [] : [`${id} could not be mapped, and is not in the rejected queue`];
    if (parked.has(id) && !person.isRefused) return [`${id} is in the rejected queue without a reason`];
    return ended.has(id) || parked.has(id) || dead.has(id) ? [] : [`${id} was acknowledged and lost`];
  });
};

const strangers = ({ plan }: RunRecord, { rejected, deadLetters }: Outputs): readonly string[] => {
  const known = new Set(plan.happenings.map(eventIdOf));
  const timed = new Set<string>(plan.happenings.flatMap(({ repertoire }) => (repertoire.tellsTime ? repertoire.source : [])));
  const foreign = [...rejected, ...deadLetters].filter(({ eventId, source }) => timed.has(source) && !known.has(eventId));
  return foreign.map(({ eventId, reason }) => `${eventId || 'a message'} was never sent, and is kept for ${reason}`);
};

/** When a deletion was on record. Where a kill came before its log line, its message comes again and ends as a duplicate. */
const buriedAt = (deletion: Happening, endings: ReadonlyMap<string, readonly EndingSeen[]>): number =>
  Math.min(...(endings.get(eventIdOf(deletion) ?? '') ?? []).map(({ at }) => at), Number.POSITIVE_INFINITY);

const has = ({ says }: Happening, kind: Saying['kind']): boolean => says.some((saying) => saying.kind === kind);

/** Calls for a user between its deletion and the first attempt to tell that it is back. */
const revived = ({ plan, acknowledged, firstPostAt, calls }: RunRecord, { endings }: Outputs): readonly string[] => {
  const endingsById = Map.groupBy(endings, ({ eventId }) => eventId);
  const callsByEntity = Map.groupBy(calls, ({ entity }) => entity);
  const lives = Map.groupBy(plan.happenings, ({ person }) => person.id);
  return [...acknowledged].flatMap((deletion) => {
    // Without an id of its own the event cannot be found in the log.
    if (!has(deletion, 'deletion') || !deletion.repertoire.tellsTime) return [];
    const { person, at } = deletion;
    const rebirth = lives.get(person.id)?.find((happening) => happening.at > at && has(happening, 'creation'));
    const until = (rebirth && firstPostAt.get(rebirth)) ?? Number.POSITIVE_INFINITY;
    const since = buriedAt(deletion, endingsById);
    if (since === Number.POSITIVE_INFINITY) return [`user:${person.id} was deleted, and no tombstone tells of it`];
    const late = (callsByEntity.get(`user:${person.id}`) ?? []).filter((call) => call.at > since && call.at < until);
    return late.length === 0 ? [] : [`user:${person.id} was called ${late.length} times after its deletion`];
  });
};

const WINDOW_MS = 60_000;

/** The most calls in any 60 seconds, both ends included. */
export const mostInAMinute = (calls: readonly CallSeen[]): number => {
  const times = calls.map(({ at }) => at).sort((a, b) => a - b);
  let from = 0;
  return times.reduce((most, time, to) => {
    while (time - (times[from] ?? time) > WINDOW_MS) from += 1;
    return Math.max(most, to - from + 1);
  }, 0);
};

/** Everything that is not as it should be; empty = all is well. */
export const mismatchesOf = (record: RunRecord, outputs: Outputs): readonly string[] => {
  const { plan, acknowledged, calls, waiting } = record;
  const most = mostInAMinute(calls);
  return [
    ...(waiting === 0 ? [] : [`the queue still holds ${waiting} messages`]),
    ...plan.happenings.filter((happening) => !acknowledged.has(happening)).map(({ id }) => `${id} was never acknowledged`),
    ...wrongAccounts(record, outputs),
    ...strangers(record, outputs),
    ...wrongStates(record, outputs),
    ...revived(record, outputs),
    ...(most > LIMIT ? [`${most} calls in 60 seconds`] : []),
    ...(outputs.lostSignUps > 0 ? [`${outputs.lostSignUps} sign-ups of Cognito were answered and not queued`] : []),
  ];
};
