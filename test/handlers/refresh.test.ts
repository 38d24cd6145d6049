import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import { readEnvelope } from '../../functions/core/envelope.ts';
import { DependencyError } from '../../functions/core/errors.ts';
import { OutOfTime } from '../../functions/core/ports.ts';
import { type RefreshEnvelope, toRefreshMessage } from '../../functions/core/refresh.ts';
import { RetrySettings } from '../../functions/core/settings.ts';
import { createRefresh, type RefreshDeps } from '../../functions/handlers/refresh.ts';
import { createVendorApi } from '../../functions/outbound/vendor-api.ts';
import type { Directory } from '../../functions/sources/directory.ts';
import { changes, defineSource, ignored, refresh, rejected } from '../../functions/sources/source.ts';
import { capturedOutput, contextOf, memoryQueue, memoryRejected } from '../support/doubles.ts';
import { startServer, type TestServer } from '../support/http-server.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const ago = (milliseconds: number) => new Date(NOW.getTime() - milliseconds);

/** A vendor of nobody's: its users by id, as JSON below /users. */
const User = z.object({ id: z.string().nullish(), email: z.string(), name: z.string().optional(), role: z.string().optional() });
const Fetched = z.object({ fetched: User, creates: z.boolean().optional() });
const Gone = z.object({ gone: z.string(), at: z.iso.datetime() });
const source = (overrides: Partial<Directory> = {}) =>
  defineSource({
    id: 'clerk',
    docs: 'https://vendor.example',
    verify: () => ({ ok: true }),
    schema: z.union([Fetched, Gone]),
    head: () => ({ eventId: 'never asked', type: 'never asked' }),
    map: (event, { receivedAt }) => {
      if ('gone' in event)
        return changes({ call: { kind: 'deleteUser', user_id: event.gone }, facet: 'profile', occurredAt: new Date(event.at) });
      const { id, email, role } = event.fetched;
      if (role === 'service') return ignored('NOT_A_SIGN_UP');
      if (role === 'thin') return refresh({ subject: 'user', id: 'u_1', occurredAt: receivedAt });
      if (id === undefined || id === null) return rejected('NO_USER_ID');
      const call = { kind: 'identifyUser', user_id: id, metadata: { email } } as const;
      return changes({ call, facet: 'profile', occurredAt: receivedAt, ...(event.creates && { creates: true }) });
    },
    directory: {
      hosts: () => [vendor.origin],
      credential: ['token'],
      authorize: ({ credential: { token = '' } }) => ({ headers: { authorization: `Bearer ${token}` } }),
      pace: { intervalMs: 100, burst: 1 },
      async fetch(api, { subject, id, creates }) {
        const { status, body } = await api({ url: `/${subject}s/${encodeURIComponent(id)}` });
        return status === 404 ? undefined : { fetched: body, ...(creates && { creates }) };
      },
      gone: ({ id }, at) => ({ gone: id, at: at.toISOString() }),
      ...overrides,
    },
  });

let vendor: TestServer;
/** What the vendor says at a path, where it is not 404. */
let pages: Map<string, (response: ServerResponse) => void>;
const json = (response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const knows = (id: string, user: object = {}) =>
  pages.set(`/users/${id}`, (response) => json(response, 200, { id, email: `${id}@harbour.example`, ...user }));
const fails = (id: string, status: number, headers: Readonly<Record<string, string>> = {}) =>
  pages.set(`/users/${id}`, (response) => json(response, status, {}, headers));
beforeAll(async () => {
  vendor = await startServer(({ url }, response) => (pages.get(url) ?? (() => json(response, 404, {})))(response));
});
afterAll(() => vendor.close());

let asked: number;
let events: ReturnType<typeof memoryQueue>;
let own: ReturnType<typeof memoryQueue>;
let parked: ReturnType<typeof memoryRejected>;
let written: ReturnType<typeof capturedOutput>;
let credential: Record<string, string> | undefined;
let permit: (deadline: number) => Promise<void>;
beforeEach(() => {
  pages = new Map();
  asked = vendor.asked.length;
  events = memoryQueue();
  own = memoryQueue();
  parked = memoryRejected();
  written = capturedOutput(() => NOW);
  credential = { token: 'invented-token' };
  permit = async () => undefined;
});

const run = (records: readonly SQSRecord[], overrides: Partial<RefreshDeps> = {}) => {
  const of = overrides.source ?? source();
  const { directory } = of;
  const handler = createRefresh({
    source: of,
    settings: {},
    api: (deadline) => {
      if (directory === undefined) throw new Error('the test has no directory');
      const options = { directory, settings: {}, credential: async () => credential, now: () => NOW };
      return createVendorApi({ ...options, permit: () => permit(deadline), onRateLimit: async () => undefined });
    },
    queue: events.queue,
    refreshes: own.queue,
    rejected: parked.rejected,
    retry: RetrySettings.parse({}),
    log: written.log,
    metrics: written.metrics,
    now: () => NOW,
    random: () => 0.5,
    ...overrides,
  });
  return handler({ Records: [...records] } as SQSEvent, contextOf('invocation-1', 60_000));
};

let messages = 0;
const recordOf = (body: string, receiveCount = 1): SQSRecord => {
  messages += 1;
  const attributes = { ApproximateReceiveCount: String(receiveCount) };
  return { messageId: `m${messages}`, receiptHandle: `r${messages}`, body, attributes } as unknown as SQSRecord;
};
interface Made extends Partial<RefreshEnvelope['refresh']> {
  readonly eventId?: string;
  readonly receivedAt?: Date;
  readonly receiveCount?: number;
}
const record = (id: string, { eventId = `evt_${id}`, receivedAt = NOW, receiveCount = 1, ...asks }: Made = {}): SQSRecord => {
  const what = { subject: 'user', id, occurredAt: receivedAt, ...asks };
  const envelope = { v: 1, source: 'clerk', eventId, type: 'user.updated', receivedAt, refresh: what } as const;
  return recordOf(toRefreshMessage(envelope).body, receiveCount);
};

const DONE = { batchItemFailures: [] };
const back = (...records: readonly SQSRecord[]) => ({
  batchItemFailures: records.map(({ messageId }) => ({ itemIdentifier: messageId })),
});
const queued = () => events.sent.map(({ body }) => readEnvelope(body));
const paths = () => vendor.asked.slice(asked).map(({ url }) => url);
const logged = () => written.parsed().filter(({ message }) => message === 'refresh');

describe('a subject', () => {
  it('is fetched, mapped like a webhook, and queued for deliver', async () => {
    knows('u_1', { password_hash: 'invented' });
    expect(await run([record('u_1', { receivedAt: ago(1500) })])).toEqual(DONE);
    expect(queued()).toEqual([
      {
        v: 1,
        source: 'clerk',
        eventId: 'evt_u_1',
        type: 'user.updated',
        receivedAt: ago(1500),
        change: {
          call: { kind: 'identifyUser', user_id: 'u_1', metadata: { email: 'u_1@harbour.example' } },
          facet: 'profile',
          occurredAt: NOW,
        },
        event: { fetched: { id: 'u_1', email: 'u_1@harbour.example' } },
      },
    ]);
    expect(logged()).toMatchObject([{ source: 'clerk', eventId: 'evt_u_1', outcome: 'accepted', milliseconds: 1500 }]);
    expect(written.parsed()).toContainEqual(expect.objectContaining({ source: 'clerk', ProfileFetched: [1] }));
  });

  it('is fetched once for all refreshes in hand, under the id of the newest', async () => {
    knows('u_1');
    const older = record('u_1', { eventId: 'evt_1', occurredAt: ago(9000), creates: true });
    const newest = record('u_1', { eventId: 'evt_3', occurredAt: ago(1000) });
    const between = record('u_1', { eventId: 'evt_2', occurredAt: ago(5000) });
    expect(await run([older, newest, between])).toEqual(DONE);
    expect(paths()).toEqual(['/users/u_1']);
    expect(queued()).toMatchObject([{ eventId: 'evt_3', change: { creates: true } }]);
  });

  it('goes by the later of two refreshes of one time', async () => {
    knows('u_1');
    await run([record('u_1', { eventId: 'evt_1' }), record('u_1', { eventId: 'evt_2' })]);
    expect(queued()).toMatchObject([{ eventId: 'evt_2' }]);
    expect(queued()[0]?.change).not.toHaveProperty('creates');
  });

  it('is another one under another word for the same id', async () => {
    knows('7');
    pages.set('/customers/7', (response) => json(response, 200, { id: 'c_7', email: 'c@harbour.example' }));
    await run([record('7'), record('7', { subject: 'customer' })]);
    expect(paths().toSorted()).toEqual(['/customers/7', '/users/7']);
    expect(queued().map((envelope) => envelope?.change.call)).toMatchObject([{ user_id: '7' }, { user_id: 'c_7' }]);
  });

  it('is ignored when nothing follows from it', async () => {
    knows('u_1', { role: 'service' });
    expect(await run([record('u_1')])).toEqual(DONE);
    expect([events.sent, parked.parked]).toEqual([[], []]);
    expect(logged()).toMatchObject([{ outcome: 'ignored', code: 'NOT_A_SIGN_UP' }]);
    expect(written.parsed()).toContainEqual(expect.objectContaining({ code: 'NOT_A_SIGN_UP', EventIgnored: [1] }));
  });
});

describe('what cannot be mapped', () => {
  it('is parked, without what is private, when it has another form than known', async () => {
    knows('u_1', { email: 7, password_hash: 'x' });
    expect(await run([record('u_1', { receivedAt: ago(2000) })])).toEqual(DONE);
    expect(parked.parked).toEqual([
      {
        v: 1,
        source: 'clerk',
        eventId: 'evt_u_1',
        type: 'user.updated',
        receivedAt: ago(2000),
        rejectedAt: NOW,
        reason: 'SCHEMA_MISMATCH',
        event: { fetched: { id: 'u_1', email: 7 } },
      },
    ]);
    expect(written.parsed()).toContainEqual(expect.objectContaining({ code: 'SCHEMA_MISMATCH', EventRejected: [1] }));
  });

  it('is parked, as its schema left it, when it names no user', async () => {
    knows('u_1', { id: null, phone: '+15555550142' });
    expect(await run([record('u_1')])).toEqual(DONE);
    expect(parked.parked).toMatchObject([
      { reason: 'NO_USER_ID', event: { fetched: { id: null, email: 'u_1@harbour.example' } } },
    ]);
    expect(JSON.stringify(parked.parked)).not.toContain('5555550142');
  });

  it('comes back when it cannot be parked', async () => {
    knows('u_1', { id: null });
    parked.state.down = true;
    const one = record('u_1');
    expect(await run([one])).toEqual(back(one));
    expect(logged()).toMatchObject([{ outcome: 'retrying', code: 'QUEUE' }]);
  });

  it('is set aside at once when it is no message of ours', async () => {
    knows('u_1');
    const junk = recordOf('{"v":1,"refresh":"x"}');
    expect(await run([junk, record('u_1')])).toEqual(DONE);
    expect(parked.parked).toMatchObject([{ reason: 'ENVELOPE_MALFORMED', event: { body: '{"v":1,"refresh":"x"}' } }]);
    expect(queued()).toHaveLength(1);
  });

  it('is no message of ours, and comes back when it cannot be set aside', async () => {
    knows('u_1');
    parked.state.down = true;
    const junk = recordOf('junk');
    expect(await run([junk, record('u_1')])).toEqual(back(junk));
    expect(queued()).toHaveLength(1);
  });
});

describe('a subject that the vendor does not know', () => {
  it('may be too new for its API for a minute', async () => {
    const young = record('u_1', { receivedAt: ago(59_999) });
    expect(await run([young])).toEqual(back(young));
    expect([events.sent, parked.parked]).toEqual([[], []]);
    expect(logged()).toMatchObject([{ outcome: 'retrying', code: 'NOT_YET_FOUND' }]);
    expect(own.returned).toEqual([{ receiptHandle: young.receiptHandle, seconds: 30 }]);
  });

  it('is gone after it', async () => {
    expect(await run([record('u_1', { receivedAt: ago(60_000) })])).toEqual(DONE);
    expect(queued()).toMatchObject([
      { eventId: 'evt_u_1', change: { call: { kind: 'deleteUser', user_id: 'u_1' }, occurredAt: NOW } },
    ]);
  });

  it('is as young as the newest word on it', async () => {
    const old = record('u_1', { receivedAt: ago(3_600_000) });
    const young = record('u_1', { eventId: 'evt_2', receivedAt: ago(1000) });
    expect(await run([old, young])).toEqual(back(old, young));
  });

  it('is not gone when something else than the vendor says 404', async () => {
    pages.set('/users/u_1', (response) => void response.writeHead(404, { 'content-type': 'text/html' }).end('<html>'));
    const old = record('u_1', { receivedAt: ago(3_600_000) });
    expect(await run([old])).toEqual(back(old));
    expect(logged()).toMatchObject([{ code: 'UNEXPECTED' }]);
  });
});

describe('another try', () => {
  it.each([
    [302, 'UNEXPECTED'],
    [400, 'UNEXPECTED'],
    [401, 'UNAUTHORIZED'],
    [403, 'UNAUTHORIZED'],
    [429, 'RATE_LIMITED'],
    [500, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
  ])('follows %i, as %s', async (status, code) => {
    fails('u_1', status);
    const one = record('u_1');
    expect(await run([one])).toEqual(back(one));
    expect(logged()).toMatchObject([{ level: 'WARN', outcome: 'retrying', code }]);
    expect(written.parsed()).toContainEqual(expect.objectContaining({ code, EventRetried: [1] }));
    expect([events.sent, parked.parked]).toEqual([[], []]);
  });

  it.each([
    ['no answer', () => pages.set('/users/u_1', (response) => void response.destroy()), 'UNREACHABLE'],
    [
      'no credential',
      () => {
        credential = undefined;
      },
      'NO_CREDENTIAL',
    ],
    [
      'no permit in time',
      () => {
        permit = async (deadline) => {
          // A call takes up to 10 s of the 60, and putting away what it brought up to 2.
          const left = deadline - NOW.getTime();
          if (left > 47_000 && left <= 48_000) throw new OutOfTime();
        };
      },
      'OUT_OF_TIME',
    ],
    [
      'a table that is down',
      () => {
        permit = async () => {
          throw new DependencyError('TABLE');
        };
      },
      'TABLE',
    ],
    [
      'a queue of events that is down',
      () => {
        knows('u_1');
        events.state.down = true;
      },
      'QUEUE',
    ],
  ])('follows %s', async (_, arrange, code) => {
    arrange();
    const one = record('u_1');
    expect(await run([one])).toEqual(back(one));
    expect(logged()).toMatchObject([{ outcome: 'retrying', code }]);
  });

  it.each([
    ['the first time', 1, {}, 30],
    ['the third time', 3, {}, 120],
    ['for days', 150, {}, 1800],
    ['when the vendor asks for more', 1, { 'retry-after': '100' }, 100],
    ['when the vendor asks for less', 2, { 'retry-after': '5' }, 60],
    ['when the vendor asks for hours', 1, { 'retry-after': '99999' }, 1800],
    ['when the vendor asks in its own way, and not for whole seconds', 1, { 'x-reset-after': '40.2' }, 41],
  ])('comes later %s', async (_, receiveCount, headers, seconds) => {
    fails('u_1', 429, headers as Record<string, string>);
    const retryAfterSeconds: Directory['retryAfterSeconds'] = ({ headers: { 'x-reset-after': own } }) =>
      own === undefined ? undefined : Number(own);
    const one = record('u_1', { receiveCount });
    await run([one], { source: source({ retryAfterSeconds }) });
    expect(own.returned).toEqual([{ receiptHandle: one.receiptHandle, seconds }]);
  });

  it('comes in whole seconds, however short the stage wants it', async () => {
    fails('u_1', 429, { 'retry-after': '9' });
    await run([record('u_1')], { retry: RetrySettings.parse({ baseSeconds: 0.1, capSeconds: 2.5 }) });
    expect(own.returned).toMatchObject([{ seconds: 3 }]);
  });

  it('comes by the visibility timeout when the back-off cannot be set', async () => {
    fails('u_1', 500);
    own.state.down = true;
    const one = record('u_1');
    expect(await run([one])).toEqual(back(one));
    expect(written.parsed()).toContainEqual(
      expect.objectContaining({ level: 'WARN', message: 'back-off not set, the visibility timeout decides' }),
    );
  });

  it.each([
    [
      'a bug in a directory',
      source({
        fetch: () => {
          throw new TypeError('a bug');
        },
      }),
    ],
    ['a fetched record that asks to be fetched', source()],
  ])('follows %s, and is told as an error', async (_, buggy) => {
    knows('u_1', { role: 'thin' });
    const one = record('u_1');
    expect(await run([one], { source: buggy })).toEqual(back(one));
    expect(logged()).toMatchObject([{ level: 'ERROR', code: 'BUG' }]);
  });
});

describe('a batch', () => {
  it('gives back all messages of the subjects that failed, and no others', async () => {
    knows('u_1');
    fails('u_2', 500);
    knows('u_3');
    const records = [
      record('u_1'),
      record('u_2', { eventId: 'evt_1' }),
      record('u_3'),
      record('u_2', { eventId: 'evt_2', receiveCount: 7 }),
    ];
    const [, first, , second] = records;
    if (first === undefined || second === undefined) throw new Error('the test made no records');
    expect(await run(records)).toEqual(back(first, second));
    expect(queued().map((envelope) => envelope?.eventId)).toEqual(['evt_u_1', 'evt_u_3']);
    expect(own.returned).toEqual([first, second].map(({ receiptHandle }) => ({ receiptHandle, seconds: 30 })));
  });

  it('is fetched side by side: a subject whose answer takes long holds up no other', async () => {
    const second = Promise.withResolvers<void>();
    pages.set('/users/u_1', async (response) => {
      await second.promise;
      json(response, 500, {});
    });
    pages.set('/users/u_2', (response) => {
      response.on('finish', second.resolve);
      json(response, 200, { id: 'u_2', email: 'x@harbour.example' });
    });
    const slow = record('u_1');
    expect(await run([slow, record('u_2')])).toEqual(back(slow));
    expect(queued()).toHaveLength(1);
  });

  it('is given back as a whole when the settings do not say where the vendor is', async () => {
    const hosts = () => {
      throw new Error('set `api`');
    };
    await expect(run([record('u_1')], { source: source({ hosts }) })).rejects.toThrow('set `api`');
  });

  it('may be empty', async () => {
    expect(await run([])).toEqual(DONE);
  });
});

it('writes nothing personal', async () => {
  knows('u_1');
  knows('u_2', { email: 7, name: 'Noor' });
  fails('u_3', 500);
  await run([record('u_1'), record('u_2'), record('u_3'), recordOf('{"email":"noor@harbour.example"}')]);
  expect(written.lines.length).toBeGreaterThan(6);
  for (const canary of ['harbour.example', 'Noor', 'invented-token', '"u_1"'])
    expect(written.lines.join('\n')).not.toContain(canary);
});
