/** One deliberate error: texts of a file of ours, and what stands there instead. */
export interface Mutant {
  readonly name: string;
  /** From the root of the project. */
  readonly file: string;
  readonly edits: readonly (readonly [find: string, replace: string])[];
  /** The faults in which it must show, in any of the usual number of seeds. */
  readonly faults: readonly string[];
}

const LEDGER = 'functions/core/ledger.ts';
const ENTITY = 'functions/handlers/deliver-entity.ts';
const DELIVER = 'functions/handlers/deliver.ts';

/** Each is an error that somebody could make, and that some test of a single function might overlook. */
export const mutants: readonly Mutant[] = [
  {
    name: 'no ledger check',
    file: LEDGER,
    edits: [['let seen = item.seen;', "let seen: LedgerItem['seen'] = {};"]],
    faults: ['shuffled'],
  },
  {
    name: 'wrong comparison sign',
    file: LEDGER,
    edits: [['at < last.asOf)', 'at > last.asOf)']],
    faults: ['nothing goes wrong'],
  },
  {
    name: 'ledger before the call',
    file: ENTITY,
    edits: [
      ['  const trace: Trace = {', '  await ledger.commit(key, claim, update, true);\n  const trace: Trace = {'],
      ['  await ledger.commit(key, claim, update, true);\n  if (heldUntil', '  if (heldUntil'],
    ],
    faults: ['killed before the call'],
  },
  {
    name: 'skip on redelivery',
    file: DELIVER,
    edits: [['    if (envelope === undefined) {', '    if (receiveCount > 1) continue;\n    if (envelope === undefined) {']],
    faults: ['500'],
  },
  {
    name: 'delete without a tombstone',
    file: LEDGER,
    edits: [['      ...(deletedAt === undefined ? {} : { deletedAt }),\n', '']],
    faults: ['deleted and created again'],
  },
  {
    name: 'unchanged trusted while dirty',
    file: LEDGER,
    edits: [['!item.dirty && seen[key]', 'seen[key]']],
    faults: ['timeout after the effect, then refused'],
  },
  {
    name: 'a call settles what it leaves out',
    file: LEDGER,
    edits: [['update[key] ??= { ...entry, hash: UNKNOWN };', 'update[key] ??= entry;']],
    faults: ['timeout after the effect, then refused'],
  },
  {
    name: 'unchanged without moving asOf',
    file: LEDGER,
    edits: [["verdicts[change.index] = 'UNCHANGED';", "[verdicts[change.index]] = ['UNCHANGED', delete update[key]];"]],
    faults: ['shuffled'],
  },
  {
    name: 'a time-out taken for no effect',
    file: ENTITY,
    edits: [["new Set(['REFUSED',", "new Set(['UNREACHABLE', 'REFUSED',"]],
    faults: ['timeout after the effect, then refused'],
  },
  {
    name: 'commit not fenced',
    file: 'test/support/doubles.ts',
    edits: [['if (item?.owner !== owner) throw', 'if (item === undefined) throw']],
    faults: ['commits done long after'],
  },
  {
    name: 'merged the wrong way round',
    file: LEDGER,
    edits: [['{ ...older.metadata, ...newer.metadata }', '{ ...newer.metadata, ...older.metadata }']],
    faults: ['503'],
  },
  {
    name: 'a duplicate taken for the newest of its instant',
    file: LEDGER,
    edits: [
      ['else if (sameInstant.includes(event)) verdicts', 'else if (last?.asOf === at && last.events.includes(event)) verdicts'],
    ],
    faults: ['duplicates of one instant, during an outage'],
  },
  {
    name: 'only one message of a group comes back',
    file: DELIVER,
    edits: [['messages.slice(index).map(({ messageId', '[message].map(({ messageId']],
    faults: ['500'],
  },
  {
    name: 'an error answered as success',
    file: DELIVER,
    edits: [['request.response = await allComeBack(request.event, deps);', 'request.response = { batchItemFailures: [] };']],
    faults: ['secrets down at cold start'],
  },
  {
    name: 'limiter one permit too generous',
    file: 'functions/core/limiter.ts',
    edits: [['const cost = count * paces', 'const cost = (count - 1) * paces']],
    faults: ['pacing: even calls'],
  },
  {
    name: 'limiter interval too short',
    file: 'functions/core/pacing.ts',
    edits: [['identify: { intervalMs: 1000 / 9,', 'identify: { intervalMs: 1000 / 10,']],
    faults: ['pacing: even calls'],
  },
];

/** Names the mutant to `mutate.ts`. */
export const MUTANT_VARIABLE = 'SIMULATOR_MUTANT';
