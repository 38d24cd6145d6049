import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { createBreaker } from '../../functions/core/breaker.ts';
import type { Call, Change } from '../../functions/core/calls.ts';
import { type Envelope, entityKey, toQueueMessage } from '../../functions/core/envelope.ts';
import { DependencyError } from '../../functions/core/errors.ts';
import { DeletionSettings, RetrySettings } from '../../functions/core/settings.ts';
import { createDeliver } from '../../functions/handlers/deliver.ts';
import { createUserpilot } from '../../functions/userpilot/client.ts';
import { createHttp } from '../../functions/userpilot/http.ts';
import { type FakeUserpilot, startFakeUserpilot } from '../../infra/local/fake-userpilot/server.ts';
import {
  capturedOutput,
  contextOf,
  freeLimiter,
  memoryBreakerStore,
  memoryErasures,
  memoryJobs,
  memoryLedger,
  memoryQueue,
  memoryRejected,
  memorySecret,
} from '../support/doubles.ts';

const KEY = 'invented-key';
const NOW = new Date('2026-11-23T12:00:00Z');

let keys: string[];
let fake: FakeUserpilot;
beforeAll(async () => {
  fake = await startFakeUserpilot({ apiKeys: () => keys });
});
afterAll(() => fake.close());
afterEach(() => fake.faults.clear());

let ids = 0;
/** Ids are new in each test: the fake keeps its users. */
let person: string;
let written: ReturnType<typeof capturedOutput>;
let queue: ReturnType<typeof memoryQueue>;
let rejected: ReturnType<typeof memoryRejected>;
let ledger: ReturnType<typeof memoryLedger>;
let limiter: ReturnType<typeof freeLimiter>;
let health: ReturnType<typeof memoryBreakerStore>;
/** Added to the real clock: what waits moves it. */
let waited: number;
let secret: ReturnType<typeof memorySecret<string | undefined>>;
let seen: number;
beforeEach(() => {
  ids += 1;
  person = `user_${ids}`;
  keys = [KEY];
  written = capturedOutput();
  queue = memoryQueue();
  rejected = memoryRejected();
  ledger = memoryLedger();
  jobs = memoryJobs();
  erasures = memoryErasures();
  mode = 'erase';
  limiter = freeLimiter();
  health = memoryBreakerStore();
  waited = 0;
  heard = [];
  secret = memorySecret<string | undefined>(KEY);
  seen = fake.requests().length;
});

let jobs: ReturnType<typeof memoryJobs>;
let erasures: ReturnType<typeof memoryErasures>;
let mode: DeletionSettings['mode'];
let invocations = 0;
let heard: string[] = [];
const now = () => new Date(Date.now() + waited);
const deliver = (records: readonly SQSRecord[], { timeoutMs = 10_000, remainingMs = 60_000 } = {}) => {
  const handler = createDeliver({
    ledger: ledger.ledger,
    jobs: jobs.jobs,
    erasures: erasures.erasures,
    deletions: DeletionSettings.parse({ mode, holdBackDays: 3 }),
    limiter: limiter.limiter,
    breaker: createBreaker({
      store: health.store,
      now,
      sleep: async (milliseconds) => {
        waited += milliseconds;
      },
      openSeconds: 30,
      events: {
        opened: (code) => heard.push(`opened ${code}`),
        tried: () => heard.push('tried'),
        closed: () => heard.push('closed'),
      },
    }),
    userpilot: createUserpilot(fake.url, createHttp(fake.url, { timeoutMs })),
    apiKey: secret.cache,
    queue: queue.queue,
    rejected: rejected.rejected,
    retry: RetrySettings.parse({}),
    log: written.log,
    metrics: written.metrics,
    now,
    random: () => 0.5,
  });
  invocations += 1;
  return handler({ Records: [...records] } as SQSEvent, contextOf(`invocation-${invocations}`, remainingMs));
};

let messages = 0;
const recordOf = (body: string, group: string, receiveCount = 1): SQSRecord => {
  messages += 1;
  const attributes = { ApproximateReceiveCount: String(receiveCount), MessageGroupId: group };
  return { messageId: `m${messages}`, receiptHandle: `r${messages}`, body, attributes } as unknown as SQSRecord;
};
interface Made {
  readonly at?: number;
  readonly call?: Call;
  readonly creates?: boolean;
  readonly receiveCount?: number;
  readonly source?: string;
}
const record = (name: string, { at = 0, call, creates, receiveCount, source = 'clerk' }: Made = {}): SQSRecord => {
  const change: Change = {
    call: call ?? { kind: 'identifyUser', user_id: person, metadata: { name } },
    facet: 'profile',
    occurredAt: new Date(NOW.getTime() + at),
    ...(creates === undefined ? {} : { creates }),
  };
  const envelope: Envelope = {
    v: 1,
    source,
    eventId: `${name}-${at}`,
    type: 'user.updated',
    receivedAt: NOW,
    change,
    event: { id: person },
  };
  const message = toQueueMessage(envelope);
  if (message === undefined) throw new Error('the test made an envelope that is too large');
  return recordOf(message.body, message.groupId, receiveCount);
};
const back = (...records: readonly SQSRecord[]) => ({
  batchItemFailures: records.map(({ messageId }) => ({ itemIdentifier: messageId })),
});
const nameOf = (id = person) => fake.store.user(id)?.metadata.name;
const calls = () => fake.requests().slice(seen);
const outcomes = () =>
  written
    .parsed()
    .flatMap(({ outcome, code }) => (outcome === undefined ? [] : [code === undefined ? outcome : `${outcome} ${code}`]));

describe('delivery', () => {
  it('sends an event and answers with an empty list', async () => {
    expect(await deliver([record('Noor')])).toEqual(back());
    expect(nameOf()).toBe('Noor');
    expect(outcomes()).toEqual(['delivered']);
  });
  it('makes one call of the same event five times', async () => {
    const event = record('Noor');
    await deliver([event, event, event]);
    await deliver([event]);
    await deliver([event]);
    expect(calls()).toHaveLength(1);
  });
  it('makes one call of ten updates of a user, with the newest state', async () => {
    expect(await deliver(Array.from({ length: 10 }, (_, at) => record(`name-${at}`, { at })))).toEqual(back());
    expect(calls()).toHaveLength(1);
    expect(nameOf()).toBe('name-9');
    expect(limiter.state.taken).toBe(1);
  });
  it('keeps the newer state when an older event comes later', async () => {
    await deliver([record('new', { at: 2 })]);
    await deliver([record('old', { at: 1 })]);
    expect(nameOf()).toBe('new');
    expect(outcomes()).toEqual(['delivered', 'superseded STALE']);
  });
  it('calls nobody after a deletion', async () => {
    await deliver([record('', { at: 1, call: { kind: 'deleteUser', user_id: person } })]);
    await deliver([record('late', { at: 2 })]);
    expect(calls()).toEqual([]);
    expect(outcomes()).toEqual(['tombstone', 'superseded TOMBSTONED']);
  });
});

describe('deletions', () => {
  const deletion = (at: number) => record('', { at, call: { kind: 'deleteUser', user_id: person } });
  const itemNow = () => erasures.items.get(entityKey({ call: { kind: 'deleteUser', user_id: person } } as Change));
  const noted = { kind: 'user', requestedAt: NOW.getTime(), due: '2026-11-27' } as const;

  it.each(['report', 'erase'] as const)('%s: notes who is to be erased, and when', async (set) => {
    mode = set;
    await deliver([deletion(1)]);
    expect(itemNow()?.pending).toMatchObject({ id: person, ...noted });
  });
  it('notes companies too', async () => {
    await deliver([record('', { call: { kind: 'deleteCompany', company_id: person } })]);
    expect([...erasures.items.values()]).toEqual([{ pending: expect.objectContaining({ kind: 'company', id: person }) }]);
  });
  it('ignore: notes nothing, and no late update comes through all the same', async () => {
    mode = 'ignore';
    await deliver([deletion(1), record('late', { at: 2 })]);
    expect([erasures.items.size, calls(), outcomes()]).toEqual([0, [], ['tombstone', 'superseded TOMBSTONED']]);
  });
  it('notes before it writes the tombstone: a crash in between notes the same once more', async () => {
    const { commit } = ledger.ledger;
    ledger.ledger.commit = async () => {
      throw new DependencyError('TABLE');
    };
    const message = deletion(1);
    expect(await deliver([message])).toEqual(back(message));
    const before = itemNow();
    expect(before?.pending).toMatchObject(noted);
    ledger.ledger.commit = commit;
    waited += 2 * 86_400_000;
    expect(await deliver([message])).toEqual(back());
    expect(itemNow()).toEqual(before);
  });
  it('writes no tombstone while it cannot note', async () => {
    erasures.state.down = true;
    const message = deletion(1);
    expect(await deliver([message])).toEqual(back(message));
    expect(ledger.items.values().next().value?.deletedAt).toBeUndefined();
  });
  it('does not put an erasure off because another source tells of the same deletion', async () => {
    await deliver([deletion(1)]);
    erasures.items.set(itemNow()?.pending?.key ?? '', { pending: { ...itemNow()?.pending, due: '2026-11-24' } as never });
    await deliver([deletion(2)]);
    expect(itemNow()?.pending?.due).toBe('2026-11-24');
  });
  it('notes nothing of somebody who was created again in the same breath', async () => {
    await deliver([deletion(1), record('again', { at: 2, creates: true })]);
    expect([itemNow()?.pending, nameOf()]).toEqual([undefined, 'again']);
  });
  it('moves the erasure of somebody who comes back out of the way of the next run', async () => {
    await deliver([deletion(1)]);
    waited = NOW.getTime() + 3 * 86_400_000 + 14 * 3_600_000 - Date.now(); // the night before it is due
    await deliver([record('again', { at: 2, creates: true })]);
    expect(nameOf()).toBe('again');
    expect(itemNow()?.pending?.due).toBe('2026-11-29');
  });
  it('sends nobody again whom Userpilot was just told to delete, before it has done so', async () => {
    await deliver([deletion(1)]);
    const { pending } = itemNow() ?? {};
    if (pending === undefined) throw new Error('nothing was noted');
    waited = Date.parse('2026-11-27T01:45:00Z') - Date.now();
    await erasures.erasures.claim(pending, Date.parse('2026-11-27T01:31:00Z'));
    const message = record('again', { at: 2, creates: true });
    expect(await deliver([message])).toEqual(back(message));
    expect(outcomes().at(-1)).toBe('retrying BEING_ERASED');
    expect(queue.returned).toEqual([expect.objectContaining({ seconds: 1800 })]); // asked for 75 min, and no wait is longer than this
    waited = Date.parse('2026-11-27T03:00:01Z') - Date.now();
    expect(await deliver([message])).toEqual(back());
    expect(nameOf()).toBe('again');
  });
});

describe('trouble at Userpilot', () => {
  it.each([
    ['500', { kind: 'status', status: 500 }, 'UNAVAILABLE'],
    ['503 with Retry-After', { kind: 'status', status: 503, retryAfterSeconds: 120 }, 'UNAVAILABLE'],
    ['429', { kind: 'status', status: 429 }, 'RATE_LIMITED'],
    ['a hang', { kind: 'hang' }, 'UNREACHABLE'],
    ['a page', { kind: 'ok-but-html' }, 'UNEXPECTED'],
  ] as const)('%s: the messages come back after their back-off, and arrive in order when it is over', async (_, fault, code) => {
    const records = [record('first', { at: 1, receiveCount: 2 }), record('second', { at: 2 })];
    fake.faults.next(1, fault);
    expect(await deliver(records, { timeoutMs: 200 })).toEqual(back(...records));
    const seconds = 'retryAfterSeconds' in fault ? 120 : 60;
    expect(queue.returned).toEqual(records.map(({ receiptHandle }) => ({ receiptHandle, seconds })));
    expect(outcomes()).toContain(`retrying ${code}`);
    expect(await deliver(records)).toEqual(back());
    expect(nameOf()).toBe('second');
  });
  it('tells the limiter of a 429', async () => {
    fake.faults.next(1, { kind: 'status', status: 429, retryAfterSeconds: 9 });
    await deliver([record('Noor')]);
    expect(limiter.state.pushedBack).toEqual([9]);
  });
  it.each(['reset-before', 'reset-after'] as const)(
    'tries once more at once after %s, with a permit of its own',
    async (kind) => {
      fake.faults.next(1, { kind });
      expect(await deliver([record('Noor')])).toEqual(back());
      expect(nameOf()).toBe('Noor');
      expect(limiter.state.taken).toBe(2);
    },
  );
  it('brings back the whole entity and nobody else', async () => {
    const [own, other] = [record('Noor'), record('x', { call: { kind: 'identifyUser', user_id: `${person}-other` } })];
    fake.faults.forUser(person, { kind: 'status', status: 500 });
    expect(await deliver([own, other])).toEqual(back(own));
    expect(fake.store.user(`${person}-other`)).toBeDefined();
    fake.faults.forUser(person, undefined);
  });
  it('sends again what may have arrived, even when an older state comes back by then', async () => {
    await deliver([record('x', { at: 1 })]);
    fake.faults.next(1, { kind: 'delay', ms: 300 });
    const unsure = record('y', { at: 2 });
    expect(await deliver([unsure], { timeoutMs: 100 })).toEqual(back(unsure));
    // x again: the same as what the ledger saw last, but Userpilot may hold y.
    expect(await deliver([unsure, record('x', { at: 3 })])).toEqual(back());
    expect(calls().at(-1)).toMatchObject({ body: { metadata: { name: 'x' } }, status: 202 });
  });
});

describe('a refusal', () => {
  it.each([400, 413, 422])('%i goes to the rejected queue with its reason, and the next event is sent', async (status) => {
    fake.faults.next(1, { kind: 'status', status });
    expect(await deliver([record('bad', { at: 1 })])).toEqual(back());
    expect(rejected.parked).toMatchObject([
      { reason: 'USERPILOT_REFUSED', status, source: 'clerk', event: { id: person }, change: { call: { user_id: person } } },
    ]);
    expect(await deliver([record('good', { at: 2 })])).toEqual(back());
    expect(nameOf()).toBe('good');
  });
  it('sets only the event at fault aside, not its neighbours in the joint call', async () => {
    fake.faults.next(1, { kind: 'status', status: 400 }); // the joint call
    fake.faults.next(1, { kind: 'status', status: 400 }); // the first event by itself
    const events = [record('bad', { at: 1 }), record('good', { at: 2 })];
    expect(await deliver(events)).toEqual(back());
    expect(rejected.parked.map(({ eventId }) => eventId)).toEqual(['bad-1']);
    expect(nameOf()).toBe('good');
  });
  it('comes back when it cannot be kept', async () => {
    rejected.state.down = true;
    fake.faults.next(1, { kind: 'status', status: 400 });
    const event = record('bad');
    expect(await deliver([event])).toEqual(back(event));
  });
});

describe('the API key', () => {
  it('is fetched anew once after a 401, and the call goes out', async () => {
    keys = ['renewed-key'];
    secret.state.stored = 'renewed-key';
    expect(await deliver([record('Noor')])).toEqual(back());
    expect(nameOf()).toBe('Noor');
    expect(calls().map(({ status }) => status)).toEqual([401, 202]);
    expect(secret.state.refreshes).toBe(1);
  });
  it('that stays wrong keeps every message, and delivery goes on by itself once it is changed', async () => {
    keys = ['renewed-key'];
    const events = [record('Noor', { at: 1 })];
    expect(await deliver(events)).toEqual(back(...events));
    expect(rejected.parked).toEqual([]);
    expect(written.parsed()).toContainEqual(expect.objectContaining({ ApiKeyRefused: [1] }));
    secret.state.stored = 'renewed-key';
    expect(await deliver(events)).toEqual(back());
    expect(nameOf()).toBe('Noor');
    expect(heard).toEqual(['opened UNAUTHORIZED', 'tried', 'closed']);
  });
  it('that was never configured keeps every message', async () => {
    secret = memorySecret<string | undefined>(undefined);
    const event = record('Noor');
    expect(await deliver([event])).toEqual(back(event));
    expect(calls()).toEqual([]);
  });
  it('that cannot be fetched brings the whole batch back', async () => {
    secret.cache.get = async () => {
      throw new DependencyError('SECRETS');
    };
    const events = [record('a'), record('b', { call: { kind: 'identifyUser', user_id: 'x' } })];
    expect(await deliver(events)).toEqual(back(...events));
    expect(queue.returned.map(({ seconds }) => seconds)).toEqual([30, 30]);
  });
});

describe('backfill', () => {
  const lanes: string[] = [];
  const backfill = (name: string, made: Made = {}): SQSRecord => {
    const sent = record(name, made);
    return { ...sent, body: sent.body.replace('{"v":1', '{"v":1,"lane":"backfill"') };
  };
  beforeEach(() => {
    lanes.length = 0;
    const { take } = limiter.limiter;
    limiter.limiter.take = (family, deadline, lane = 'live') => {
      lanes.push(lane);
      return take(family, deadline, lane);
    };
  });
  it('asks for the permits that live traffic leaves', async () => {
    expect(await deliver([backfill('Noor')])).toEqual(back());
    expect([nameOf(), lanes]).toEqual(['Noor', ['backfill']]);
  });
  it('goes with a live event of the same entity, as one live call', async () => {
    expect(await deliver([backfill('old', { at: 1 }), record('new', { at: 2 })])).toEqual(back());
    expect([nameOf(), lanes]).toEqual(['new', ['live']]);
  });
});

describe('the breaker', () => {
  const others = (count: number) =>
    Array.from({ length: count }, (_, index) => record('x', { call: { kind: 'identifyUser', user_id: `${person}-${index}` } }));

  it('opens after ten failures in a row, and then no call is made', async () => {
    fake.faults.always({ kind: 'status', status: 500 });
    const batch = others(10);
    expect(await deliver(batch)).toEqual(back(...batch));
    expect(heard).toEqual(['opened UNAVAILABLE']);
    const before = calls().length;
    // 20 s are left of the function: it holds the batch for 8 s, then gives it back.
    expect(await deliver(batch, { remainingMs: 20_000 })).toEqual(back(...batch));
    expect(calls()).toHaveLength(before);
    expect(Math.round(waited / 1000)).toBe(8);
    expect(outcomes().slice(-10)).toEqual(Array.from({ length: 10 }, () => 'retrying BREAKER_OPEN'));
  });
  it('tries one entity when its time is over, opens for twice as long when that fails, and closes at the first success', async () => {
    fake.faults.always({ kind: 'status', status: 500 });
    const batch = others(10);
    await deliver(batch);
    const before = calls().length;
    // Held until the breaker is half open: one trial, which fails.
    expect(await deliver(batch)).toEqual(back(...batch));
    expect(calls()).toHaveLength(before + 1);
    expect(heard).toEqual(['opened UNAVAILABLE', 'tried', 'opened UNAVAILABLE']);
    expect(Math.round(((health.state.item.openUntil ?? 0) - now().getTime()) / 1000)).toBe(60);
    fake.faults.always(undefined);
    waited += 60_000;
    expect(await deliver(batch)).toEqual(back());
    expect(heard.slice(3)).toEqual(['tried', 'closed']);
    expect(fake.store.user(`${person}-9`)).toBeDefined();
  });
  it('opens at once when Userpilot takes no key that we have', async () => {
    keys = ['another-key'];
    await deliver(others(1));
    expect(heard).toEqual(['opened UNAUTHORIZED']);
  });
  it('takes a refused payload for a sign of health', async () => {
    fake.faults.next(9, { kind: 'status', status: 500 });
    await deliver(others(9));
    fake.faults.next(1, { kind: 'status', status: 400 });
    await deliver(others(1));
    expect(health.state.item).toEqual({ failures: 0, opens: 0 });
  });
  it('that cannot be read sends nothing', async () => {
    health.state.down = true;
    const batch = others(2);
    expect(await deliver(batch)).toEqual(back(...batch));
    expect(calls()).toEqual([]);
  });
});

describe('what must never cost a message', () => {
  it('the table is down: nothing is sent, everything comes back', async () => {
    ledger.state.down = true;
    const event = record('Noor');
    expect(await deliver([event])).toEqual(back(event));
    expect(calls()).toEqual([]);
  });
  it('the back-off cannot be set: the message still comes back', async () => {
    queue.state.down = true;
    fake.faults.next(1, { kind: 'status', status: 500 });
    const event = record('Noor');
    expect(await deliver([event])).toEqual(back(event));
  });
  it('too little time is left: nothing is begun', async () => {
    const event = record('Noor');
    expect(await deliver([event], { remainingMs: 11_000 })).toEqual(back(event));
    expect(calls()).toEqual([]);
    expect(outcomes()).toEqual(['retrying OUT_OF_TIME']);
  });
  it('a message that is no envelope is set aside, and its neighbours are delivered', async () => {
    expect(await deliver([recordOf('{"v":9}', 'g'), record('Noor')])).toEqual(back());
    expect(rejected.parked).toMatchObject([{ reason: 'ENVELOPE_MALFORMED', event: { body: '{"v":9}' } }]);
    expect(nameOf()).toBe('Noor');
  });
  it('a message that is no envelope and cannot be set aside comes back', async () => {
    rejected.state.down = true;
    const broken = recordOf('{"v":9}', 'g');
    expect(await deliver([broken])).toEqual(back(broken));
  });
});
