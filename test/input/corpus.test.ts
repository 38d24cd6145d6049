import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { findCanaries } from '../support/canaries.ts';
import { FRONT_DOORS } from '../support/http-events.ts';
import type { Case } from './case.ts';
import { corpusOf } from './corpus.ts';
import { faultsOfAnswer, faultsOfEffects, faultsOfLines, isAsExpected, isPoisoned, kindOf, visible } from './promises.ts';
import { createRig, type Outcome } from './rig.ts';
import { contentOf, forbidden, signed, targets } from './target.ts';

const LIMIT_MS = 50;
const REPEATS = 3;
/** For thousands of requests, each played four times, on a machine that does other things as well. */
const PATIENCE_MS = 180_000;

interface Played {
  readonly one: Case;
  /** The first time, which also warms up. */
  readonly faults: Readonly<Record<'kind' | 'effects' | 'words' | 'poison', readonly string[]>>;
  readonly seen: string;
  readonly milliseconds: number[];
}

const cases = targets.flatMap(corpusOf);
const rigs = new Map(targets.map((target) => [target, createRig(target)]));

const play = async (one: Case) => {
  const rig = rigs.get(one.target);
  if (rig === undefined) throw new Error(`no rig for ${one.name}`);
  return rig(one.event);
};

const played: Played[] = [];
const medianOf = ({ milliseconds }: Played): number =>
  milliseconds.toSorted((a, b) => a - b)[milliseconds.length >> 1] ?? Number.NaN;

const faultsOf = (promise: keyof Played['faults']): readonly string[] =>
  played.flatMap(({ one, faults }) => faults[promise].map((fault) => `${one.name}: ${fault}`));

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** In another order each turn, and in the same one each run: large requests one after the other would all wait for the collector. */
const shuffled = (list: readonly Played[], turn: number): readonly Played[] =>
  list
    .map((item) => ({ item, place: sha256(`${turn} ${item.one.name}`) }))
    .toSorted((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ item }) => item);

beforeAll(async () => {
  for (const one of cases) {
    const outcome = await play(one);
    const kind = isAsExpected(outcome, one.expected) ? [] : [`${kindOf(outcome)} instead of ${one.expected}`];
    const faults = {
      kind,
      effects: faultsOfEffects(outcome),
      words: [...faultsOfAnswer(outcome), ...faultsOfLines(outcome)],
      poison: isPoisoned() ? ['poisoned'] : [],
    };
    played.push({ one, faults, seen: `${JSON.stringify(outcome.answer)}\n${visible(outcome)}`, milliseconds: [] });
  }
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    for (const { one, milliseconds } of shuffled(played, repeat)) milliseconds.push((await play(one)).milliseconds);
  }
}, PATIENCE_MS);

describe('every hostile request of the corpus', () => {
  it('is one of at least 500 that differ', () => {
    const distinct = new Set(cases.map(({ event }) => sha256(JSON.stringify(event)))).size;
    const forged = cases.filter(({ expected }) => typeof expected === 'number').length;
    process.stdout.write(`corpus: ${distinct} different requests, ${forged} of them to be refused\n`);
    expect(distinct).toBeGreaterThanOrEqual(500);
    expect(forged).toBeGreaterThanOrEqual(500);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });
  it('is answered as documented, never with an error of ours', () => {
    expect(faultsOf('kind')).toEqual([]);
  });
  it('leaves nothing behind when it is refused, and is stored readably when it is acknowledged', () => {
    expect(faultsOf('effects')).toEqual([]);
  });
  it('is neither repeated in the answer nor in a line of the log', () => {
    expect(faultsOf('words')).toEqual([]);
    const hits = played.filter(({ seen }) => findCanaries(seen, forbidden).length > 0);
    expect(hits.map(({ one }) => one.name)).toEqual([]);
  });
  it('leaves the prototypes of all objects alone', () => {
    expect(faultsOf('poison')).toEqual([]);
  });
  it(`is done with in ${LIMIT_MS} ms, the middle one of ${REPEATS} times`, () => {
    const slowest = played.toSorted((a, b) => medianOf(b) - medianOf(a));
    const shown = slowest.slice(0, 5).map((one) => `  ${medianOf(one).toFixed(1)} ms  ${one.one.name}`);
    process.stdout.write(`slowest of the corpus:\n${shown.join('\n')}\n`);
    expect(
      slowest.filter((one) => medianOf(one) > LIMIT_MS).map((one) => `${one.one.name}: ${medianOf(one).toFixed(1)} ms`),
    ).toEqual([]);
  });
});

describe.each(targets)('$source.id', (target) => {
  const rig = createRig(target);
  it.each(Object.entries(FRONT_DOORS))(
    'accepts the genuine delivery through %s, or the corpus would prove nothing',
    async (_, door) => {
      expect(kindOf(await rig(door(signed(target))))).toBe('accepted');
    },
  );
  it('gives a replayed delivery the same idempotency key, so that the queue swallows it', async () => {
    const [first, again] = [
      await rig(FRONT_DOORS['HTTP API'](signed(target))),
      await rig(FRONT_DOORS['REST API'](signed(target))),
    ];
    const keysOf = ({ queued }: Outcome) => queued.map(({ attributes }) => attributes.MessageDeduplicationId);
    expect(keysOf(again)).toEqual(keysOf(first));
  });
  it('says nothing of an event that the queues would not take, and asks for it again', async () => {
    const withoutQueues = createRig(target, true);
    const events = target.sender.types.map((type) => contentOf(target, { type }));
    const bodies = target.provesContent === true ? events : ['{}', ...events];
    for (const body of bodies) {
      const event = FRONT_DOORS['HTTP API'](signed(target, { body }));
      const isStored = kindOf(await rig(event)) !== 'ignored';
      const outcome = await withoutQueues(event);
      expect([kindOf(outcome), outcome.queued, outcome.parked]).toEqual([isStored ? 503 : 'ignored', [], []]);
      expect(findCanaries(`${JSON.stringify(outcome.answer)}\n${visible(outcome)}`, forbidden)).toEqual([]);
    }
  });
});
