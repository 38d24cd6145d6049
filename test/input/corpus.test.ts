import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { findCanaries } from '../support/canaries.ts';
import { FRONT_DOORS } from '../support/http-events.ts';
import type { Case } from './case.ts';
import { corpusOf } from './corpus.ts';
import { faultsOfAnswer, faultsOfEffects, faultsOfLines, isAsExpected, isPoisoned, kindOf, visible } from './promises.ts';
import { createRig, type Outcome } from './rig.ts';
import { contentOf, forbidden, signed, type Target, targets } from './target.ts';
import { createWatch } from './watch.ts';

const LIMIT_MS = 50;
/** What took longer is played again: a compiler and whatever else the machine does can only add to what a request costs. */
const TRIES = 5;
/** Of each source, all different. */
const REFUSED = 500;
/** For tens of thousands of requests on a machine that does other things as well. */
const PATIENCE_MS = 600_000;

interface Played {
  readonly name: string;
  readonly faults: Readonly<Record<'kind' | 'effects' | 'words' | 'poison', readonly string[]>>;
  readonly milliseconds: number;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const timed = async (rig: ReturnType<typeof createRig>, { event }: Case): Promise<Outcome> => {
  const outcome = await rig(event);
  let { milliseconds } = outcome;
  for (let tries = 1; tries < TRIES && milliseconds > LIMIT_MS; tries += 1) {
    milliseconds = Math.min(milliseconds, (await rig(event)).milliseconds);
  }
  return { ...outcome, milliseconds };
};

const faultsIn = (outcome: Outcome, { expected, target }: Case): Played['faults'] => ({
  kind: isAsExpected(outcome, expected) ? [] : [`${kindOf(outcome)} instead of ${expected}`],
  effects: faultsOfEffects(outcome, target),
  words: [...faultsOfAnswer(outcome), ...faultsOfLines(outcome)],
  poison: isPoisoned() ? ['poisoned'] : [],
});

const played: Played[] = [];
/** Digests of the requests that are to be refused, and of all, by source: none is kept, since some are of a megabyte. */
const refusals = new Map<string, ReadonlySet<string>>();
const requests = new Set<string>();
const watch = createWatch();

const playAll = async (target: Target): Promise<void> => {
  const rig = createRig(target);
  const refused = new Set<string>();
  refusals.set(target.name, refused);
  for (const one of corpusOf(target)) {
    const outcome = await timed(rig, one);
    const digest = sha256(JSON.stringify(one.event));
    requests.add(digest);
    if (typeof one.expected === 'number') refused.add(digest);
    watch.see(`${JSON.stringify(outcome.answer)}\n${visible(outcome)}`, one.name);
    played.push({ name: one.name, faults: faultsIn(outcome, one), milliseconds: outcome.milliseconds });
  }
};

const faultsOf = (promise: keyof Played['faults']): readonly string[] =>
  played.flatMap(({ name, faults }) => faults[promise].map((fault) => `${name}: ${fault}`));

beforeAll(async () => {
  for (const target of targets) await playAll(target);
}, PATIENCE_MS);

describe('every hostile request of the corpus', () => {
  it(`is one of many, ${REFUSED} of them to be refused by each source`, () => {
    const counts = [...refusals].map(([id, { size }]) => [id, size] as const);
    const refused = counts.reduce((sum, [, size]) => sum + size, 0);
    process.stdout.write(`corpus: ${requests.size} different requests, ${refused} of them to be refused\n`);
    expect(counts.filter(([, size]) => size < REFUSED)).toEqual([]);
    expect(new Set(played.map(({ name }) => name)).size).toBe(played.length);
  });
  it('is answered as documented, never with an error of ours', () => {
    expect(faultsOf('kind')).toEqual([]);
  });
  it('leaves nothing behind when it is refused, and is stored readably when it is acknowledged', () => {
    expect(faultsOf('effects')).toEqual([]);
  });
  it('is neither repeated in the answer nor in a line of the log', () => {
    expect(faultsOf('words')).toEqual([]);
    expect(watch.hits()).toEqual([]);
  });
  it('leaves the prototypes of all objects alone', () => {
    expect(faultsOf('poison')).toEqual([]);
  });
  it(`is done with in ${LIMIT_MS} ms`, () => {
    const slowest = played.toSorted((a, b) => b.milliseconds - a.milliseconds);
    const shown = slowest.slice(0, 5).map(({ name, milliseconds }) => `  ${milliseconds.toFixed(1)} ms  ${name}`);
    process.stdout.write(`slowest of the corpus:\n${shown.join('\n')}\n`);
    const late = slowest.filter(({ milliseconds }) => milliseconds > LIMIT_MS);
    expect(late.map(({ name, milliseconds }) => `${name}: ${milliseconds.toFixed(1)} ms`)).toEqual([]);
  });
});

describe.each(targets)('$name', (target) => {
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
