import { Call } from '../../functions/core/calls.ts';
import { MAX_ENVELOPE_BYTES, RejectedEvent, readEnvelope } from '../../functions/core/envelope.ts';
import { readRefresh } from '../../functions/core/refresh.ts';
import type { HttpAnswer } from '../../functions/middleware/problem.ts';
import type { Expected } from './case.ts';
import type { Outcome, Traces } from './rig.ts';
import type { Kept } from './sqs.ts';
import type { Target } from './target.ts';

const HASH = /^(company-)?[0-9a-f]{64}$/;
const CODE = /^[A-Za-z0-9_-]{1,64}$/;
const ASCII = /^[\x20-\x7f]*$/;

/** The only members that a line may have: those of `LogFields`, of every line, and of the embedded metric format. */
const LOG_MEMBERS = new Set([
  'at',
  'level',
  'function',
  'message',
  'source',
  'type',
  'eventId',
  'outcome',
  'code',
  'milliseconds',
  'status',
]);
const METRIC_MEMBERS = /^(?:_aws|source|code|[A-Z][A-Za-z]+)$/;

interface Said {
  readonly status: string;
  readonly code?: string;
}
const saidBy = ({ body }: HttpAnswer): Said => JSON.parse(body) as Said;

/** What came of a request, in the words of `Expected`. */
export const kindOf = ({ answer }: Outcome): Expected | number => {
  const { status } = saidBy(answer);
  if (answer.statusCode !== 202) return answer.statusCode;
  return status === 'accepted' || status === 'ignored' || status === 'parked' ? status : 202;
};

const isAcknowledged = (kind: Expected | number): boolean => kind === 'accepted' || kind === 'ignored' || kind === 'parked';

/** The codes that a caller may see with a refusal. A 401 says nothing about what was wrong. */
const REFUSALS: Readonly<Record<number, RegExp>> = {
  400: /^(?:MALFORMED_BODY|NOT_AN_HTTP_EVENT)$/,
  401: /^NOT_AUTHENTIC$/,
  404: /^UNKNOWN_PATH$/,
  405: /^METHOD_NOT_ALLOWED$/,
  413: /^BODY_TOO_LARGE$/,
  415: /^CONTENT_ENCODING$/,
};

/** Whether it is a refusal as documented: one of the statuses that stand for one, with its code. */
export const isRefused = ({ answer }: Outcome): boolean => {
  const { status, code = '' } = saidBy(answer);
  return status === 'refused' && REFUSALS[answer.statusCode]?.test(code) === true;
};

export const isAsExpected = (outcome: Outcome, expected: Expected): boolean => {
  const kind = kindOf(outcome);
  if (typeof kind === 'number' && !isRefused(outcome)) return false;
  if (expected === 'answered') return isAcknowledged(kind) || typeof kind === 'number';
  if (expected === 'taken') return isAcknowledged(kind);
  if (expected === 'authentic') return isAcknowledged(kind) || kind === 400;
  if (expected === 'claimed') return isAcknowledged(kind) || kind === 401;
  return kind === expected;
};

/** What is wrong with a message that deliver is to read. */
export const faultsOfMessage = ({ body, attributes }: Kept): readonly string[] => {
  const envelope = readEnvelope(body);
  const isReadable = envelope !== undefined || readRefresh(body) !== undefined;
  return [
    ...(ASCII.test(body) ? [] : ['not ASCII']),
    ...(body.length <= MAX_ENVELOPE_BYTES ? [] : ['too long']),
    ...(isReadable ? [] : ['unreadable']),
    ...(envelope === undefined || Call.safeParse(envelope.change.call).success ? [] : ['not a call']),
    ...(Object.values(attributes).every((id) => HASH.test(id)) ? [] : ['ids that are no hashes']),
  ];
};

/** What is wrong with a parked event that an operator is to look at. */
export const faultsOfParked = ({ body, attributes }: Kept): readonly string[] => [
  ...(RejectedEvent.safeParse(JSON.parse(body)).success ? [] : ['unreadable']),
  ...(Object.values(attributes).every((value) => CODE.test(value)) ? [] : ['attributes that are no codes']),
];

const parsedLines = ({ lines }: Traces) => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

/** How many events may have been parked: one or none, and of a body that may carry several each that a line tells of. */
const isParkedRight = (outcome: Outcome, { source }: Pick<Target, 'source'>): boolean => {
  const { parked } = outcome;
  const kind = kindOf(outcome);
  if (source.records === undefined || !isAcknowledged(kind)) return parked.length === (kind === 'parked' ? 1 : 0);
  const told = parsedLines(outcome).filter((line) => line.outcome === 'rejected').length;
  return parked.length === told && (kind === 'accepted' || told > 0 === (kind === 'parked'));
};

/** Acknowledged is stored, ignored or parked, and nothing else is kept at all. */
export const faultsOfEffects = (outcome: Outcome, target: Pick<Target, 'source'>): readonly string[] => {
  const { queued, parked } = outcome;
  const kind = kindOf(outcome);
  return [
    ...(queued.length > 0 === (kind === 'accepted') ? [] : [`${queued.length} messages queued`]),
    ...(isParkedRight(outcome, target) ? [] : [`${parked.length} events parked`]),
    ...queued.flatMap(faultsOfMessage),
    ...parked.flatMap(faultsOfParked),
  ];
};

/** A line has no room for anything that came in, and a hostile event is no error of ours. */
export const faultsOfLines = (traces: Traces): readonly string[] => {
  const parsed = parsedLines(traces);
  const strays = parsed.flatMap((line) =>
    Object.keys(line).filter((name) => !('_aws' in line ? METRIC_MEMBERS.test(name) : LOG_MEMBERS.has(name))),
  );
  return [
    ...(traces.lines.some((line) => line.includes('\n')) ? ['a line of several lines'] : []),
    ...(parsed.some(({ level }) => level === 'ERROR') ? ['an error in the log'] : []),
    ...strays.map((name) => `a line with the member ${name}`),
  ];
};

/** An answer is a status word and a code of ours. */
export const faultsOfAnswer = ({ answer }: Outcome): readonly string[] => {
  const { status, code = 'NONE', ...more } = saidBy(answer);
  const isPlain = /^[a-z]+$/.test(status) && /^[A-Z_]+$/.test(code) && Object.keys(more).length === 0;
  return isPlain ? [] : ['an answer with more than codes'];
};

/** Everything that others than deliver can see: lines and the attributes of messages. The answer comes besides. */
export const visible = ({ lines, queued, parked }: Traces): string =>
  [...lines, ...[...queued, ...parked].map(({ attributes }) => JSON.stringify(attributes))].join('\n');

const prototypes = [Object.prototype, Array.prototype, String.prototype, Function.prototype];
const namesOf = () => prototypes.map((prototype) => Object.getOwnPropertyNames(prototype).join()).join(';');
const pristine = namesOf();

/** Whether a request left something on the prototypes that all objects share. */
export const isPoisoned = (): boolean => namesOf() !== pristine;
