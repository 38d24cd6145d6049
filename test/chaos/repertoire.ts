import { type Change, Facet } from '../../functions/core/calls.ts';
import { SOURCE_IDS, type SourceId } from '../../functions/manifest.ts';
import { sourceById } from '../../functions/sources/index.ts';
import { readJwks } from '../../functions/sources/jwt.ts';
import { deliveryOf, type Invented, type Moment } from '../../functions/sources/sender.ts';
import { senders } from '../../functions/sources/senders.ts';
import { recordsIn } from '../../functions/sources/source.ts';
import { jwksOf } from '../../functions/sources/token.sender.ts';
import { parseStage, type Stage } from '../../infra/stages.ts';

/** What an event type says, and so what of the invented person must stand at Userpilot after it. */
export type Says = 'state' | 'creation' | 'deletion' | 'company' | 'move';

/** What a vendor's sender can tell of a person, by the event type. */
export interface Repertoire {
  readonly source: SourceId;
  readonly signUp: string;
  readonly update: string;
  /** Left out where a deletion means nothing, or the vendor tells of none. */
  readonly deletion?: string;
  readonly company?: string;
  readonly move?: string;
  readonly says: ReadonlyMap<string, readonly Says[]>;
  /** False: the order of arrival is the order of the events. */
  readonly tellsTime: boolean;
}

const SAMPLE: Invented = {
  id: 'chaos-sample',
  email: 'sample@example.com',
  firstName: 'Sample',
  lastName: 'Invented',
  companyId: 'sample-company',
  companyName: 'Sample Company',
};
const TIMES = [new Date('2026-01-05T08:00:00Z'), new Date('2026-01-06T08:00:00Z')] as const;

/** What our own mapping makes of a sample: only which types say what is taken from it, no value and no order. */
const changesOf = (source: SourceId, type: string, { stage, sent, received }: { stage: Stage; sent: Date; received: Date }) => {
  const rules = sourceById(source);
  if (rules === undefined) throw new Error(`${source} has a sender and no source`);
  const moment: Moment = { now: sent, eventId: 'sample' };
  const sender = senders[source];
  const json = Buffer.from(sender.body(type, SAMPLE, moment));
  const { body } = deliveryOf(sender, json, { secret: sender.secret(new Uint8Array(24)), moment });
  const [record] = recordsIn(rules, body) ?? [];
  const mapped = rules.map(rules.schema.parse(record), { settings: stage.sources[source] ?? {}, receivedAt: received });
  return mapped.kind === 'changes' ? mapped.changes : [];
};

/** Whether an event of yesterday can be sent today: a token's own time may be that of the event, and good for minutes only. */
const keepsADay = (source: SourceId, stage: Stage): boolean => {
  const [early, late] = TIMES;
  const rules = sourceById(source);
  const sender = senders[source];
  const secret = sender.secret(new Uint8Array(24));
  const json = Buffer.from(sender.body(sender.types[0], SAMPLE, { now: early, eventId: 'sample' }));
  const letter = deliveryOf(sender, json, { secret, moment: { now: late, eventId: 'sample' } });
  const keys = readJwks(jwksOf([secret]));
  const trust = { settings: stage.sources[source] ?? {}, keys };
  const verdict = rules?.verify({ ...letter, receivedAt: late }, [secret], trust);
  return verdict?.ok === true || verdict?.code !== 'TIMESTAMP_OUTSIDE_TOLERANCE';
};

const saysOf = ({ call, facet, creates }: Change): Says | undefined => {
  const isOurs = 'user_id' in call ? call.user_id === SAMPLE.id : call.company_id === SAMPLE.companyId;
  if (!isOurs) return undefined;
  if (call.kind === 'deleteUser') return 'deletion';
  if (call.kind === 'identifyCompany') return call.metadata?.name === SAMPLE.companyName ? 'company' : undefined;
  if (call.kind !== 'identifyUser') return undefined;
  if (facet === Facet.enum.membership) return call.company?.id === SAMPLE.companyId ? 'move' : undefined;
  if (call.metadata?.email !== SAMPLE.email) return undefined;
  return creates === true ? 'creation' : 'state';
};

const repertoireOf = (source: SourceId, stage: Stage): Repertoire | undefined => {
  const [early, late] = TIMES;
  const { types } = senders[source];
  const [signUp] = types;
  const says = new Map<string, readonly Says[]>();
  let tellsTime = true;
  let profilesMove = false;
  for (const type of types) {
    const changes = changesOf(source, type, { stage, sent: early, received: early });
    const said = changes.map(saysOf).filter((one) => one !== undefined);
    const isTimely = changes.every(({ occurredAt }) => occurredAt.getTime() === early.getTime());
    if (!isTimely || said.length < changes.length || said.length === 0) continue;
    says.set(type, said);
    const receivedLater = changesOf(source, type, { stage, sent: early, received: late });
    tellsTime &&= receivedLater.every(({ occurredAt }) => occurredAt.getTime() === early.getTime());
    profilesMove ||= changes.some(({ call, facet }) => facet === 'profile' && 'company' in call);
  }
  const find = (wanted: Says, isFit = (_type: string) => true) =>
    types.find((type) => says.get(type)?.includes(wanted) === true && isFit(type));
  const update = find('state', (type) => type !== signUp);
  if (!says.has(signUp) || update === undefined) return undefined;
  const deletion = find('deletion');
  const company = find('company', (type) => /updat/i.test(type) && says.get(type)?.length === 1);
  // Where profiles carry the company as well, two clocks would tell of one thing.
  const isMoveAlone = (type: string) => says.get(type)?.every((one) => one === 'move' || one === 'company') === true;
  const move = profilesMove ? undefined : find('move', isMoveAlone);
  return {
    source,
    signUp,
    update,
    says,
    tellsTime,
    ...(deletion !== undefined && { deletion }),
    ...(company !== undefined && { company }),
    ...(move !== undefined && { move }),
  };
};

/** All sources that the local stage runs and whose senders tell of sign-ups and changes. */
export const repertoires = (stage: Stage = parseStage('local')): readonly Repertoire[] =>
  SOURCE_IDS.filter((source) => stage.sources[source] !== undefined && keepsADay(source, stage)).flatMap(
    (source) => repertoireOf(source, stage) ?? [],
  );
