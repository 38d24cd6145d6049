import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  type BreakerStore,
  CALLS_TO_JUDGE,
  CLOSED,
  createBreaker,
  createCallWindow,
  FAILURES_TO_OPEN,
  HOLD_MS,
  openFactor,
  phaseOf,
  TRIAL_MS,
  WINDOW_MS,
} from '../../functions/core/breaker.ts';
import { memoryBreakerStore } from '../support/doubles.ts';

const START = 1_800_000_000_000;
const NEVER = Number.POSITIVE_INFINITY;

let clock: number;
let sleeps: number[];
let heard: string[];
let health: ReturnType<typeof memoryBreakerStore>;
beforeEach(() => {
  clock = START;
  sleeps = [];
  heard = [];
  health = memoryBreakerStore();
});

/** One worker of several that share the store. Waiting moves everybody's clock. */
const worker = (over: Partial<BreakerStore> = {}) =>
  createBreaker({
    store: { ...health.store, ...over },
    now: () => new Date(clock),
    sleep: async (milliseconds) => {
      sleeps.push(milliseconds);
      clock += milliseconds;
    },
    openSeconds: 30,
    events: {
      opened: (code, seconds) => heard.push(`opened ${code} ${seconds}`),
      tried: () => heard.push('tried'),
      closed: () => heard.push('closed'),
    },
  });
const failTimes = async (breaker: ReturnType<typeof worker>, count: number): Promise<void> => {
  for (let index = 0; index < count; index += 1) await breaker.failed('UNAVAILABLE', false);
};
const openUntil = (until: number, opens = 1) => {
  health.state.item = { failures: FAILURES_TO_OPEN, opens, openUntil: until };
};

describe('phases', () => {
  it('are closed, open to the last millisecond, then half-open', () => {
    expect(phaseOf(CLOSED, START)).toBe('closed');
    const state = { failures: 10, opens: 1, openUntil: START };
    expect([phaseOf(state, START - 1), phaseOf(state, START), phaseOf(state, START + 1)]).toEqual([
      'open',
      'half-open',
      'half-open',
    ]);
  });
  it('last twice as long each time, up to ten times as long, however often it opened', () => {
    expect([0, 1, 2, 3, 4, 10, 11, 5000].map(openFactor)).toEqual([1, 2, 4, 8, 10, 10, 10, 10]);
  });
});

describe('the window of one worker', () => {
  const judge = (outcomes: string, everyMs = 1): readonly boolean[] => {
    const window = createCallWindow();
    return [...outcomes].map((outcome, index) => window.add(outcome === '+', START + index * everyMs));
  };

  it('judges no fewer than ten calls', () => {
    expect(CALLS_TO_JUDGE).toBe(10);
    expect(judge('-'.repeat(9))).not.toContain(true);
    expect(judge('-'.repeat(10)).at(-1)).toBe(true);
  });
  it('finds seven failures in ten too many, and six not', () => {
    expect(judge('+++-------').at(-1)).toBe(true);
    expect(judge('++++------')).not.toContain(true);
    expect(judge('++++++--------------').indexOf(true)).toBe(19);
  });
  it('counts failures, not calls', () => {
    expect(judge('+'.repeat(50))).not.toContain(true);
  });
  it('forgets what is five minutes old', () => {
    const forgotten = createCallWindow();
    const remembered = createCallWindow();
    for (let index = 0; index < 9; index += 1) {
      forgotten.add(false, START);
      remembered.add(false, START);
    }
    expect(remembered.add(false, START + WINDOW_MS - 1)).toBe(true);
    expect(forgotten.add(false, START + WINDOW_MS)).toBe(false);
  });
  it('starts afresh once it has spoken', () => {
    expect(judge('-'.repeat(20)).flatMap((tooMany, index) => (tooMany ? [index] : []))).toEqual([9, 19]);
  });
});

describe('while Userpilot is well', () => {
  it('lets everybody through at once', async () => {
    expect(await worker().pass(NEVER)).toBe('all');
    expect(sleeps).toEqual([]);
  });
  it('writes nothing for a success', async () => {
    const writes: string[] = [];
    const breaker = worker({ close: async () => void writes.push('close') });
    await breaker.pass(NEVER);
    await breaker.succeeded();
    expect(writes).toEqual([]);
    expect(heard).toEqual([]);
  });
  it('forgets a row of failures at the first success, without a word', async () => {
    const breaker = worker();
    await failTimes(breaker, FAILURES_TO_OPEN - 1);
    await breaker.succeeded();
    expect(health.state.item).toEqual(CLOSED);
    expect(heard).toEqual([]);
    await breaker.succeeded();
    await failTimes(breaker, 1);
    expect(health.state.item).toEqual({ failures: 1, opens: 0 });
  });
  it('writes the next success when the last one could not be written', async () => {
    const breaker = worker();
    await failTimes(breaker, 2);
    health.state.down = true;
    await breaker.succeeded();
    health.state.down = false;
    expect(health.state.item.failures).toBe(2);
    await breaker.succeeded();
    expect(health.state.item).toEqual(CLOSED);
  });
});

describe('opens', () => {
  it('at the tenth failure in a row and says why and for how long', async () => {
    const breaker = worker();
    await failTimes(breaker, FAILURES_TO_OPEN - 1);
    expect(heard).toEqual([]);
    await breaker.failed('UNREACHABLE', false);
    expect(heard).toEqual(['opened UNREACHABLE 30']);
    expect(health.state.item).toEqual({ failures: 10, opens: 1, openUntil: START + 30_000 });
  });
  it('at the tenth failure of all workers together', async () => {
    await failTimes(worker(), 6);
    await failTimes(worker(), 3);
    expect(heard).toEqual([]);
    await failTimes(worker(), 1);
    expect(heard).toEqual(['opened UNAVAILABLE 30']);
  });
  it('at once for a refused key, as only a person can mend that', async () => {
    await worker().failed('UNAUTHORIZED', true);
    expect(heard).toEqual(['opened UNAUTHORIZED 30']);
  });
  it('when seven of ten calls fail although some get through in between', async () => {
    const breaker = worker();
    await failTimes(breaker, 5);
    for (let index = 0; index < 3; index += 1) await breaker.succeeded();
    await failTimes(breaker, 1);
    expect(heard).toEqual([]);
    await failTimes(breaker, 1);
    expect(heard).toEqual(['opened UNAVAILABLE 30']);
  });
  it('not for six failures in ten calls of a worker', async () => {
    const breaker = worker();
    for (let index = 0; index < 4; index += 1) await breaker.succeeded();
    await failTimes(breaker, 6);
    expect(heard).toEqual([]);
  });
  it('once only, when the calls of two workers fail at the same time', async () => {
    const [first, second] = [worker(), worker()];
    await Promise.all([first.pass(NEVER), second.pass(NEVER)]);
    await first.failed('UNAUTHORIZED', true);
    await second.failed('UNAUTHORIZED', true);
    expect(heard).toEqual(['opened UNAUTHORIZED 30']);
    expect(health.state.item).toMatchObject({ opens: 1, openUntil: START + 30_000 });
  });
  it('again for a failure that comes when the time is over', async () => {
    openUntil(START, 1);
    const breaker = worker();
    await breaker.failed('UNAVAILABLE', false);
    expect(heard).toEqual(['opened UNAVAILABLE 60']);
  });
  it('for nobody when the store is down, and throws nothing', async () => {
    health.state.down = true;
    const breaker = worker();
    await expect(breaker.failed('UNAUTHORIZED', true)).resolves.toBeUndefined();
    await expect(breaker.succeeded()).resolves.toBeUndefined();
    expect(heard).toEqual([]);
  });
});

describe('while it is open', () => {
  it('holds the batch for 45 s and then gives it back', async () => {
    openUntil(START + 300_000);
    expect(await worker().pass(NEVER)).toBe('none');
    expect(sleeps).toEqual([HOLD_MS]);
    expect(HOLD_MS).toBe(45_000);
  });
  it('holds it no longer than the deadline', async () => {
    openUntil(START + 300_000);
    expect(await worker().pass(START + 8000)).toBe('none');
    expect(sleeps).toEqual([8000]);
  });
  it('holds nothing past the deadline', async () => {
    openUntil(START + 300_000);
    expect([await worker().pass(START), await worker().pass(START - 1)]).toEqual(['none', 'none']);
    expect(sleeps).toEqual([]);
  });
  it('gives the batch back when it opened once more during the wait', async () => {
    openUntil(START + 20_000);
    const read = async () => {
      if (clock > START) openUntil(clock + 60_000, 2);
      return health.state.item;
    };
    expect(await worker({ read }).pass(NEVER)).toBe('none');
    expect(sleeps).toEqual([20_000, 25_000]);
  });
  it('lets nobody through when its state cannot be read', async () => {
    health.state.down = true;
    await expect(worker().pass(NEVER)).rejects.toMatchObject({ name: 'DependencyError', code: 'TABLE' });
  });
});

describe('the trial', () => {
  it('begins when the time is over, with one call', async () => {
    openUntil(START + 20_000);
    expect(await worker().pass(NEVER)).toBe('one');
    expect(sleeps).toEqual([20_000]);
    expect(heard).toEqual(['tried']);
    expect(health.state.item).toMatchObject({ opens: 1, openUntil: clock + TRIAL_MS });
  });
  it('is not begun at the very end of the hold, when no time is left to make it', async () => {
    openUntil(START + 8000);
    expect(await worker().pass(START + 8000)).toBe('none');
    expect(heard).toEqual([]);
  });
  it('is for one worker of several', async () => {
    openUntil(START);
    const passages = await Promise.all([worker().pass(START), worker().pass(START), worker().pass(START)]);
    expect(passages.sort()).toEqual(['none', 'none', 'one']);
    expect(heard).toEqual(['tried']);
  });
  it('passes to another worker when the first died with it', async () => {
    openUntil(START);
    expect(await worker().pass(NEVER)).toBe('one');
    expect(await worker().pass(NEVER)).toBe('one');
    expect(sleeps).toEqual([TRIAL_MS]);
  });
  it('closes it by a success, for all', async () => {
    openUntil(START);
    const breaker = worker();
    await breaker.pass(NEVER);
    await breaker.succeeded();
    expect(heard).toEqual(['tried', 'closed']);
    expect(health.state.item).toEqual(CLOSED);
    expect([await breaker.pass(NEVER), await worker().pass(NEVER)]).toEqual(['all', 'all']);
    await breaker.succeeded();
    expect(heard).toEqual(['tried', 'closed']);
  });
  it('opens it by a failure for twice as long, up to five minutes', async () => {
    const breaker = worker();
    await failTimes(breaker, FAILURES_TO_OPEN);
    for (let trial = 0; trial < 5; trial += 1) {
      clock = health.state.item.openUntil ?? 0;
      expect(await breaker.pass(NEVER)).toBe('one');
      await failTimes(breaker, 1);
    }
    const opened = [30, 60, 120, 240, 300, 300].map((seconds) => `opened UNAVAILABLE ${seconds}`);
    expect(heard).toEqual(opened.flatMap((event) => ['tried', event]).slice(1));
    expect(health.state.item).toMatchObject({ opens: 6, openUntil: clock + 300_000 });
  });
  it('says nothing when it fails after another worker has taken over', async () => {
    openUntil(START);
    const slow = worker();
    await slow.pass(NEVER);
    clock += TRIAL_MS;
    await worker().pass(NEVER);
    const until = clock + TRIAL_MS;
    await slow.failed('UNREACHABLE', false);
    expect(heard).toEqual(['tried', 'tried']);
    expect(health.state.item.openUntil).toBe(until);
  });
  it('is not needed when a call that was under way gets through', async () => {
    const breaker = worker();
    await breaker.failed('UNAUTHORIZED', true);
    await breaker.succeeded();
    expect(heard).toEqual(['opened UNAUTHORIZED 30', 'closed']);
    expect(health.state.item).toEqual(CLOSED);
  });
  it('starts the row anew after it closed: 30 s again', async () => {
    openUntil(START, 4);
    const breaker = worker();
    await breaker.pass(NEVER);
    await breaker.succeeded();
    await breaker.failed('UNAUTHORIZED', true);
    expect(heard).toEqual(['tried', 'closed', 'opened UNAUTHORIZED 30']);
  });
});
