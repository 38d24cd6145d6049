import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Erasure } from '../../functions/core/erasure.ts';
import { DependencyError } from '../../functions/core/errors.ts';
import { DeletionSettings } from '../../functions/core/settings.ts';
import { createErase, type EraseReport } from '../../functions/handlers/erase.ts';
import { createUserpilot } from '../../functions/userpilot/client.ts';
import { createHttp } from '../../functions/userpilot/http.ts';
import { type FakeUserpilot, startFakeUserpilot } from '../../infra/local/fake-userpilot/server.ts';
import {
  capturedOutput,
  contextOf,
  freeLimiter,
  memoryErasures,
  memoryJobs,
  memoryLedger,
  memorySecret,
} from '../support/doubles.ts';

const KEY = 'invented-key';
const RUN = Date.parse('2026-11-23T01:30:02Z');
const DUE = '2026-11-23';

let keys: string[];
let fake: FakeUserpilot;
beforeAll(async () => {
  fake = await startFakeUserpilot({ apiKeys: () => keys, knobs: { deleteEveryMs: 0 } });
});
afterAll(() => fake.close());
afterEach(() => fake.faults.clear());

let written: ReturnType<typeof capturedOutput>;
let erasures: ReturnType<typeof memoryErasures>;
let ledger: ReturnType<typeof memoryLedger>;
let jobs: ReturnType<typeof memoryJobs>;
let limiter: ReturnType<typeof freeLimiter>;
let secret: ReturnType<typeof memorySecret<string | undefined>>;
let moment: number;
let seen: number;
beforeEach(() => {
  keys = [KEY];
  written = capturedOutput();
  erasures = memoryErasures();
  ledger = memoryLedger();
  jobs = memoryJobs();
  limiter = freeLimiter();
  secret = memorySecret<string | undefined>(KEY);
  moment = RUN;
  seen = fake.requests().length;
});

interface Setting {
  readonly mode?: DeletionSettings['mode'];
  readonly timeoutMs?: number;
  readonly remainingMs?: number;
}
const erase = (
  event: unknown = {},
  { mode = 'erase', timeoutMs = 2000, remainingMs = 900_000 }: Setting = {},
): Promise<EraseReport> => {
  const handler = createErase({
    erasures: erasures.erasures,
    ledger: ledger.ledger,
    jobs: jobs.jobs,
    limiter: limiter.limiter,
    userpilot: createUserpilot(fake.url, createHttp(fake.url, { timeoutMs })),
    apiKey: secret.cache,
    deletions: DeletionSettings.parse({ mode }),
    log: written.log,
    metrics: written.metrics,
    now: () => new Date(moment),
  });
  return handler(event, contextOf('invocation', remainingMs));
};
/** Somebody who was deleted at the vendor. */
const deleted = async (id: string, changes: Partial<Erasure> = {}): Promise<void> => {
  const noted: Erasure = { key: `key of ${id}`, kind: 'user', id, requestedAt: RUN - 86_400_000, due: DUE, ...changes };
  await erasures.erasures.note(noted, false);
  ledger.items.set(noted.key, { seen: {}, deletedAt: 5 });
};
const severalDeleted = async (count: number) => {
  for (let index = 0; index < count; index += 1) await deleted(`u${index}`);
};
const calls = () =>
  fake
    .requests()
    .slice(seen)
    .map(({ method, path, body, status }) => ({ method, path, body, status }));
const itemOf = (id: string) => erasures.items.get(`key of ${id}`);
const receipts = () => [...erasures.items.values()].map(({ receipt }) => receipt?.status);
const counted = (name: string) => written.parsed().flatMap((line) => (line[name] === undefined ? [] : [line[name]]));

describe('a run', () => {
  it('sends what is due in one call per kind, leaves receipts, and forgets the ids', async () => {
    await deleted('u1');
    await deleted('u2', { due: '2026-11-20' });
    await deleted('c1', { kind: 'company' });
    expect(await erase()).toEqual({
      due: 3,
      sent: 3,
      calls: 2,
      cancelled: 0,
      later: 0,
      refused: 0,
      mode: 'erase',
      mass: false,
    });
    expect(calls()).toEqual([
      { method: 'DELETE', path: '/v1/users', body: { users: ['u1', 'u2'] }, status: 202 },
      { method: 'DELETE', path: '/v1/companies', body: { companies: ['c1'] }, status: 202 },
    ]);
    expect(itemOf('u1')).toEqual({
      claimedAt: RUN,
      receipt: { status: 'SENT', requestedAt: RUN - 86_400_000, endedAt: RUN },
    });
    expect(counted('DeletionConcluded')).toEqual([[3]]);
    expect(limiter.state.taken).toBe(2);
  });
  it('sends nothing twice, and nothing that is due later', async () => {
    await deleted('u1');
    await deleted('u2', { due: '2026-11-24' });
    await erase();
    expect(await erase()).toMatchObject({ due: 0, sent: 0 });
    expect(calls()).toHaveLength(1);
    expect(itemOf('u2')?.pending?.id).toBe('u2');
  });
  it('sends what is due later when it is told to', async () => {
    await deleted('u2', { due: '2026-11-30' });
    expect(await erase({ dueBy: '2026-11-30' })).toMatchObject({ sent: 1 });
  });
  it('goes in batches of 500', async () => {
    await severalDeleted(501);
    expect(await erase()).toMatchObject({ sent: 501, calls: 2 });
    expect(calls().map(({ body }) => (body as { users: string[] }).users.length)).toEqual([500, 1]);
  });
  it('does nothing without anything due', async () => {
    expect(await erase()).toMatchObject({ due: 0, sent: 0, calls: 0 });
    expect(calls()).toEqual([]);
  });
  it('refuses an order that it does not know', async () => {
    await expect(erase({ forced: true })).rejects.toThrow('forced');
  });
});

describe('the ledger has the last word', () => {
  it('sends nobody who was created again', async () => {
    await deleted('u1');
    ledger.items.set('key of u1', { seen: {}, deletedAt: 5, createdAt: 6 });
    expect(await erase()).toMatchObject({ sent: 0, cancelled: 1 });
    expect([calls(), itemOf('u1')?.receipt?.status, itemOf('u1')?.pending]).toEqual([[], 'CANCELLED', undefined]);
  });
  it('also between the list and the call', async () => {
    await deleted('u1');
    await deleted('u2');
    const { claim } = erasures.erasures;
    erasures.erasures.claim = async (erasure, now) => {
      // Held and sent again by deliver, before the claim.
      if (erasure.id === 'u1') await erasures.erasures.hold(erasure.key, '2026-11-24', 0);
      return claim(erasure, now);
    };
    expect(await erase()).toMatchObject({ sent: 1, later: 1 });
    expect(calls().map(({ body }) => body)).toEqual([{ users: ['u2'] }]);
    expect(itemOf('u1')?.pending?.due).toBe('2026-11-24');
  });
  it('leaves for tomorrow whom a bulk job holds', async () => {
    await deleted('u1');
    ledger.items.set('key of u1', { seen: {}, deletedAt: 5, job: 'j' });
    await jobs.jobs.write('j', { state: 'running', endsAt: RUN + 1, rows: 1 });
    expect(await erase()).toMatchObject({ sent: 0, later: 1 });
    await jobs.jobs.write('j', { state: 'completed', endsAt: RUN + 1, rows: 1 });
    expect(await erase()).toMatchObject({ sent: 1 });
  });
  it('leaves for tomorrow what is noted and not yet a tombstone', async () => {
    await deleted('u1');
    ledger.items.set('key of u1', { seen: {}, owner: 'somebody' });
    expect(await erase()).toMatchObject({ sent: 0, later: 1 });
    expect(itemOf('u1')?.pending?.id).toBe('u1');
  });
});

describe('modes', () => {
  it('report: sends nothing, counts, and forgets the ids', async () => {
    await deleted('u1');
    expect(await erase({}, { mode: 'report' })).toMatchObject({ sent: 1, calls: 0, mode: 'report' });
    expect([calls(), receipts(), itemOf('u1')?.pending]).toEqual([[], ['REPORTED'], undefined]);
    expect(written.parsed()).toContainEqual(expect.objectContaining({ code: 'REPORTED', DeletionConcluded: [1] }));
  });
  it('ignore: forgets what an earlier setting noted', async () => {
    await deleted('u1');
    await erase({}, { mode: 'ignore' });
    expect([calls(), receipts()]).toEqual([[], ['IGNORED']]);
  });
  it('a dry run changes nothing', async () => {
    await deleted('u1');
    await deleted('u2');
    ledger.items.set('key of u2', { seen: {}, deletedAt: 5, createdAt: 6 });
    const before = [...erasures.items];
    expect(await erase({ dryRun: true })).toMatchObject({ sent: 1, cancelled: 1, mode: 'dry run' });
    expect([calls(), [...erasures.items]]).toEqual([[], before]);
  });
});

describe('a mass deletion', () => {
  it('stops everything and is counted, until a person lets it through', async () => {
    erasures.state.known = 1000;
    await severalDeleted(51);
    await deleted('c1', { kind: 'company', due: '2026-11-22' });
    expect(await erase()).toMatchObject({ mass: true, sent: 0, later: 52 });
    expect([calls(), counted('MassDeletionHeld')]).toEqual([[], [[52]]]);
    expect(await erase({ force: true })).toMatchObject({ mass: true, sent: 52, later: 0 });
  });
  it('counts only who would be sent', async () => {
    erasures.state.known = 1000;
    await severalDeleted(51);
    for (let index = 0; index < 40; index += 1) ledger.items.set(`key of u${index}`, { seen: {}, deletedAt: 5, createdAt: 6 });
    expect(await erase()).toMatchObject({ mass: false, sent: 11, cancelled: 40 });
  });
});

describe('trouble', () => {
  it.each([
    ['500', { kind: 'status', status: 500 }],
    ['a hang', { kind: 'hang' }],
    ['a lost connection', { kind: 'reset-before' }],
    ['429', { kind: 'status', status: 429, retryAfterSeconds: 9 }],
  ] as const)('%s: tries again, with a permit for each try', async (_, fault) => {
    await deleted('u1');
    fake.faults.next(1, fault);
    expect(await erase({}, { timeoutMs: 100 })).toMatchObject({ sent: 1 });
    expect(limiter.state.taken).toBe(2);
    expect(limiter.state.pushedBack).toEqual(fault.kind === 'status' && fault.status === 429 ? [9] : []);
  });
  it('an outage: fails, and the next run does it', async () => {
    await deleted('u1');
    fake.faults.always({ kind: 'status', status: 503 });
    await expect(erase()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(calls()).toHaveLength(4);
    fake.faults.clear();
    expect(await erase()).toMatchObject({ sent: 1 });
  });
  it('a key that was changed: looks again, once', async () => {
    await deleted('u1');
    keys = ['new-key'];
    secret.state.stored = 'new-key';
    expect(await erase()).toMatchObject({ sent: 1 });
    expect([secret.state.refreshes, calls().map(({ status }) => status)]).toEqual([1, [401, 202]]);
  });
  it('a wrong key: fails without hammering', async () => {
    await deleted('u1');
    keys = ['another-key'];
    await expect(erase()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(calls()).toHaveLength(1);
    expect(itemOf('u1')?.pending?.id).toBe('u1');
  });
  it('a batch that Userpilot refuses goes in halves', async () => {
    await severalDeleted(4);
    fake.faults.next(1, { kind: 'status', status: 413 });
    expect(await erase()).toMatchObject({ sent: 4, calls: 3, refused: 0 });
  });
  it('an id that Userpilot refuses alone does not keep the others', async () => {
    await severalDeleted(2);
    fake.faults.next(2, { kind: 'status', status: 400 });
    await expect(erase()).rejects.toMatchObject({ name: 'IdsRefused' });
    expect([receipts(), itemOf('u0')?.pending?.id]).toEqual([[undefined, 'SENT'], 'u0']);
  });
  it('a crash between call and receipt: sent again', async () => {
    await deleted('u1');
    const { conclude } = erasures.erasures;
    erasures.erasures.conclude = async () => {
      throw new DependencyError('TABLE');
    };
    await expect(erase()).rejects.toMatchObject({ code: 'TABLE' });
    erasures.erasures.conclude = conclude;
    expect(await erase()).toMatchObject({ sent: 1 });
    expect(calls()).toHaveLength(2);
  });
  it('too little time for a call: begins none', async () => {
    await deleted('u1');
    await expect(erase({}, { remainingMs: 10_000 })).rejects.toMatchObject({ name: 'OutOfTime' });
    expect([calls(), itemOf('u1')?.claimedAt]).toEqual([[], undefined]);
  });
  it('logs no id', async () => {
    await severalDeleted(2);
    fake.faults.next(2, { kind: 'status', status: 400 });
    await erase().catch(() => undefined);
    expect(written.lines.join('\n')).not.toMatch(/"u0|"u1/);
  });
});
