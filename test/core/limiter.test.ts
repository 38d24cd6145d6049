import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { DependencyError } from '../../functions/core/errors.ts';
import { createLimiter, type LimiterStore } from '../../functions/core/limiter.ts';
import type { Family, Pace } from '../../functions/core/pacing.ts';

const START = 1_800_000_000_000;
const NEVER = Number.POSITIVE_INFINITY;
/** Ten a second, three at once: the arithmetic can be done in the head. */
const PACE: Pace = { intervalMs: 100, burst: 3 };
const paces = { identify: PACE, track: PACE, delete: { intervalMs: 1000, burst: 1 }, vendor: PACE };

let clock: number;
let sleeps: number[];
let writes: string[];
let tats: Map<Family, number>;
beforeEach(() => {
  clock = START;
  sleeps = [];
  writes = [];
  tats = new Map();
});

/** The store's contract in memory: three conditional writes. */
const store: LimiterStore = {
  async grow(family, cost, now) {
    writes.push(`grow ${family}`);
    const tat = tats.get(family);
    if (tat === undefined || tat < now) return undefined;
    tats.set(family, tat + cost);
    return tat + cost;
  },
  async restart(family, start, now) {
    writes.push(`restart ${family}`);
    const tat = tats.get(family);
    if (tat !== undefined && tat >= now) return undefined;
    tats.set(family, start);
    return start;
  },
  async push(family, tat) {
    writes.push(`push ${family}`);
    tats.set(family, Math.max(tats.get(family) ?? 0, tat));
  },
};
/** Waiting moves the clock. */
const limiterOn = (over: Partial<LimiterStore> = {}, options: { readonly paces?: typeof paces } = { paces }) =>
  createLimiter({
    store: { ...store, ...over },
    now: () => new Date(clock),
    sleep: async (milliseconds) => {
      sleeps.push(milliseconds);
      clock += milliseconds;
    },
    turn: () => turn(),
    ...options,
  });
const times = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('permits', () => {
  it('come at once for a burst, then one per interval, and nobody sleeps who need not', async () => {
    const limiter = limiterOn();
    const used: number[] = [];
    for (const _ of times(6)) {
      await limiter.take('identify', NEVER);
      used.push(clock - START);
    }
    expect(used).toEqual([0, 0, 0, 100, 200, 300]);
    expect(sleeps).toEqual([100, 100, 100]);
  });
  it('come in a burst again after a pause, and no larger one after a longer pause', async () => {
    const limiter = limiterOn();
    for (const _ of times(3)) await limiter.take('identify', NEVER);
    clock += 3_600_000;
    for (const _ of times(4)) await limiter.take('identify', NEVER);
    expect(sleeps).toEqual([100]);
  });
  it('go out in the order in which they were asked for', async () => {
    const limiter = limiterOn();
    const order: number[] = [];
    const late = createLimiter({
      store,
      paces,
      turn: () => turn(),
      now: () => new Date(START),
      sleep: async (milliseconds) => void sleeps.push(milliseconds),
    });
    await limiter.take('identify', NEVER);
    await Promise.all(times(5).map((index) => late.take('identify', NEVER).then(() => order.push(index))));
    expect(sleeps).toEqual([100, 200, 300]);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });
  it('keep to the pace of Userpilot unless told otherwise', async () => {
    const limiter = limiterOn({}, {});
    for (const _ of times(11)) await limiter.take('identify', NEVER);
    expect(sleeps).toEqual([expect.closeTo(1000 / 9, 2)]);
  });
  it('are counted for each family apart', async () => {
    const limiter = limiterOn();
    await Promise.all([limiter.take('delete', NEVER), limiter.take('identify', NEVER), limiter.take('track', NEVER)]);
    expect(sleeps).toEqual([]);
    expect(writes.filter((write) => write.startsWith('restart')).sort()).toEqual([
      'restart delete',
      'restart identify',
      'restart track',
    ]);
    await limiter.take('delete', NEVER);
    expect(sleeps).toEqual([1000]);
  });
});

describe('one write', () => {
  it('reserves for ten that ask in one turn, and no more than ten', async () => {
    const limiter = limiterOn();
    await limiter.take('identify', NEVER);
    writes.length = 0;
    await Promise.all(times(10).map(() => limiter.take('identify', NEVER)));
    expect(writes).toEqual(['grow identify']);
    expect(tats.get('identify')).toBe(START + 1100);
    writes.length = 0;
    await Promise.all(times(21).map(() => limiter.take('identify', NEVER)));
    expect(writes).toEqual(['grow identify', 'grow identify', 'grow identify']);
    expect(tats.get('identify')).toBe(START + 3200);
  });
  it('charges a first asker once, by a restart from now', async () => {
    await limiterOn().take('identify', NEVER);
    expect(writes).toEqual(['grow identify', 'restart identify']);
    expect(tats.get('identify')).toBe(START + 100);
  });
});

describe('deadline', () => {
  it('is kept to the millisecond: a permit at the deadline is good, one after it is not', async () => {
    tats.set('identify', START + 1200);
    const limiter = limiterOn();
    await limiter.take('identify', START + 1000);
    expect(clock).toBe(START + 1000);
    await expect(limiter.take('identify', START + 1099)).rejects.toMatchObject({ name: 'OutOfTime' });
    expect(clock).toBe(START + 1000);
  });
});

describe('permits that come too late to be used', () => {
  it('are not reserved by a worker that heard the 429 itself', async () => {
    const limiter = limiterOn();
    await limiter.pushBack('identify', 60);
    for (const _ of times(5)) {
      await expect(limiter.take('identify', START + 20_000)).rejects.toMatchObject({ name: 'OutOfTime' });
    }
    expect(tats.get('identify')).toBe(START + 60_200);
  });
  it('are reserved once, and no more, by a worker that did not hear it', async () => {
    await limiterOn().pushBack('identify', 60);
    const colleague = limiterOn();
    for (const _ of times(5)) {
      await expect(colleague.take('identify', START + 20_000)).rejects.toMatchObject({ name: 'OutOfTime' });
    }
    expect(tats.get('identify')).toBe(START + 60_300);
  });
  it('are not those at the deadline itself', async () => {
    tats.set('identify', START + 1200);
    const limiter = limiterOn();
    await limiter.take('identify', START + 1000);
    await limiter.take('identify', NEVER);
    expect(writes).toEqual(['grow identify', 'grow identify']);
  });
  it('are looked for in a family of its own', async () => {
    const limiter = limiterOn();
    await limiter.pushBack('identify', 60);
    writes.length = 0;
    await limiter.take('track', NEVER);
    expect(writes).toEqual(['grow track', 'restart track']);
  });
  it('are no reason to look twice once one was in time', async () => {
    const limiter = limiterOn();
    await limiter.pushBack('identify', 1);
    await limiter.take('identify', NEVER);
    expect(sleeps).toEqual([1000]);
    writes.length = 0;
    await limiter.take('identify', NEVER);
    expect(writes).toEqual(['grow identify']);
  });
  it('stop nobody when the next one is at the deadline to the millisecond', async () => {
    const limiter = limiterOn();
    await limiter.pushBack('identify', 20);
    await expect(limiter.take('identify', START + 19_999)).rejects.toMatchObject({ name: 'OutOfTime' });
    await limiter.take('identify', START + 20_000);
    expect(clock).toBe(START + 20_000);
  });
  it('stop nobody with more time than those who ask along', async () => {
    const limiter = limiterOn();
    await limiter.pushBack('identify', 20);
    const outcomes = await Promise.allSettled([
      limiter.take('identify', START + 1000),
      limiter.take('identify', START + 30_000),
      limiter.take('identify', START + 2000),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
  });
  it('are forgotten when the number lies behind: permits start from now', async () => {
    const limiter = limiterOn();
    await limiter.pushBack('identify', 1);
    clock += 60_000;
    await limiter.take('identify', clock);
    expect(tats.get('identify')).toBe(clock + 100);
  });
});

describe('backfill', () => {
  it('takes a permit at once where nobody waits, and charges for it', async () => {
    await limiterOn().take('identify', START, 'backfill');
    expect(sleeps).toEqual([]);
    expect(tats.get('identify')).toBe(START + 100);
  });
  it('gets one per interval and never a burst', async () => {
    const limiter = limiterOn();
    for (const _ of times(3)) await limiter.take('identify', NEVER, 'backfill');
    expect(sleeps).toEqual([101, 101]);
    expect(tats.get('identify')).toBe(clock + 100);
  });
  it('waits until the last live permit lies behind, also of those that come meanwhile', async () => {
    tats.set('identify', START + 500);
    let rounds = 0;
    const grow: LimiterStore['grow'] = async (family, cost, now) => {
      rounds += 1;
      if (rounds === 2) tats.set(family, now + 300);
      return store.grow(family, cost, now);
    };
    await limiterOn({ grow }).take('identify', NEVER, 'backfill');
    expect(sleeps).toEqual([501, 301]);
    expect(tats.get('identify')).toBe(clock + 100);
  });
  it('leaves the field to another worker that was faster, and comes again after its permit', async () => {
    let rounds = 0;
    const restart: LimiterStore['restart'] = async (...asked) => {
      rounds += 1;
      return rounds === 1 ? undefined : store.restart(...asked);
    };
    await limiterOn({ restart }).take('identify', NEVER, 'backfill');
    expect(sleeps).toEqual([101]);
  });
  it('gives up when its turn would come after the deadline, and moves nobody', async () => {
    tats.set('identify', START + 200);
    const late = limiterOn().take('identify', START + 200, 'backfill');
    await expect(late).rejects.toMatchObject({ name: 'OutOfTime' });
    expect(tats.get('identify')).toBe(START + 200);
    await limiterOn().take('identify', START + 201, 'backfill');
    expect(clock).toBe(START + 201);
  });
});

describe('when the store is in the way', () => {
  it('tries again when another worker moved the number across now between the two writes', async () => {
    let rounds = 0;
    const restart: LimiterStore['restart'] = async (...asked) => {
      rounds += 1;
      return rounds < 3 ? undefined : store.restart(...asked);
    };
    await limiterOn({ restart }).take('identify', NEVER);
    expect(rounds).toBe(3);
    expect(sleeps).toEqual([]);
  });
  it('gives no permit after three refusals of both writes', async () => {
    let rounds = 0;
    const restart = async () => {
      rounds += 1;
      return undefined;
    };
    await expect(limiterOn({ restart }).take('identify', NEVER)).rejects.toMatchObject({
      name: 'DependencyError',
      code: 'TABLE',
    });
    expect(rounds).toBe(3);
  });
  it('fails all that asked together when it cannot be reached, and serves those who ask later', async () => {
    let down = true;
    const grow: LimiterStore['grow'] = async (...asked) => {
      if (down) throw new DependencyError('TABLE');
      return store.grow(...asked);
    };
    const limiter = limiterOn({ grow });
    const outcomes = await Promise.allSettled(times(3).map(() => limiter.take('identify', NEVER)));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    down = false;
    await limiter.take('identify', NEVER);
    expect(tats.get('identify')).toBe(START + 100);
  });
});

describe('after a 429', () => {
  it('nobody gets a permit before the moment that Userpilot named, the burst included, and then one at once', async () => {
    await limiterOn().pushBack('identify', 8);
    expect(tats.get('identify')).toBe(START + 8000 + 200);
    const colleague = limiterOn();
    await colleague.take('identify', NEVER);
    await colleague.take('identify', NEVER);
    expect(sleeps).toEqual([8000, 100]);
  });
  it('without a time the pause doubles from 1 s to 8 s', async () => {
    const limiter = limiterOn();
    const pauses: number[] = [];
    for (const _ of times(5)) {
      tats.clear();
      await limiter.pushBack('identify', undefined);
      pauses.push((tats.get('identify') ?? 0) - clock - 200);
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 8000]);
  });
  it('the row of strikes ends with a minute of quiet', async () => {
    const limiter = limiterOn();
    await limiter.pushBack('identify', undefined);
    clock += 59_999;
    await limiter.pushBack('identify', undefined);
    expect(tats.get('identify')).toBe(clock + 2000 + 200);
    clock += 60_000;
    await limiter.pushBack('identify', undefined);
    expect(tats.get('identify')).toBe(clock + 1000 + 200);
  });
  it('a named time counts as a strike as well', async () => {
    const limiter = limiterOn();
    await limiter.pushBack('identify', 0);
    tats.clear();
    await limiter.pushBack('identify', undefined);
    expect(tats.get('identify')).toBe(START + 2000 + 200);
  });
  it('the other families go on', async () => {
    const limiter = limiterOn();
    await limiter.pushBack('identify', 60);
    await limiter.take('track', NEVER);
    expect(sleeps).toEqual([]);
    await limiter.take('identify', NEVER);
    expect(sleeps).toEqual([60_000]);
  });
});
