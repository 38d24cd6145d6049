import { beforeEach, describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { readEnvelope } from '../../functions/core/envelope.ts';
import type { EventQueue } from '../../functions/core/ports.ts';
import { readRefresh } from '../../functions/core/refresh.ts';
import { createReceive, type ReceiveDeps } from '../../functions/handlers/receive.ts';
import { changes, defineSource, ignored, refresh, rejected, type Source } from '../../functions/sources/source.ts';
import { capturedOutput, contextOf, memoryQueue, memoryRejected, memorySecret } from '../support/doubles.ts';
import { httpApiEvent } from '../support/http-events.ts';

/** A vendor of nobody's that puts several events into one body. */
const NOW = new Date('2026-11-23T12:00:00Z');
const Several = z.object({ events: z.array(z.unknown()) });
const several = defineSource({
  id: 'clerk',
  docs: 'https://vendor.example',
  verify: () => ({ ok: true }),
  records: (body) => Several.parse(body).events,
  schema: z.object({ id: z.string(), type: z.string(), user: z.string().nullish() }),
  head: ({ id, type }) => ({ eventId: id, type }),
  map: ({ type, user }) => {
    if (type === 'noted') return ignored('EVENT_NOT_HANDLED');
    if (user === undefined || user === null) return rejected('NO_USER_ID');
    if (type === 'thin') return refresh({ subject: 'user', id: user, occurredAt: NOW });
    return changes({ call: { kind: 'identifyUser', user_id: user }, facet: 'profile', occurredAt: NOW });
  },
});

let queue: ReturnType<typeof memoryQueue>;
let refreshes: ReturnType<typeof memoryQueue>;
let parked: ReturnType<typeof memoryRejected>;
let written: ReturnType<typeof capturedOutput>;
/** Whether the stage says where the vendor's API is. */
let hasApi: boolean;
beforeEach(() => {
  hasApi = true;
  queue = memoryQueue();
  refreshes = memoryQueue();
  parked = memoryRejected();
  written = capturedOutput(() => NOW);
});
const post = async (body: unknown, source: Source = several, overrides: Partial<ReceiveDeps> = {}) => {
  const handler = createReceive({
    source,
    settings: {},
    secrets: memorySecret<readonly string[]>([]).cache,
    queue: queue.queue,
    ...(hasApi && { refreshes: refreshes.queue }),
    rejected: parked.rejected,
    log: written.log,
    metrics: written.metrics,
    now: () => NOW,
    ...overrides,
  });
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const event = httpApiEvent({ method: 'POST', path: '/webhooks/clerk', headers: [], body: bytes });
  const { statusCode, body: answer } = await handler(event, contextOf());
  return { statusCode, ...(JSON.parse(answer) as { status: string; code?: string }) };
};

const created = { id: 'evt_1', type: 'created', user: 'u_1' };
const updated = { id: 'evt_2', type: 'updated', user: 'u_2' };
const thin = { id: 'evt_3', type: 'thin', user: 'u_3' };
const noted = { id: 'evt_4', type: 'noted' };
const nameless = { id: 'evt_5', type: 'created' };
const broken = { id: 6, type: 'created', password_hash: 'x' };
const told = () =>
  written.parsed().flatMap(({ message, eventId, outcome, code }) => (message === 'webhook' ? [[eventId, outcome, code]] : []));

describe('several events in one body', () => {
  it('each end by themselves', async () => {
    expect(await post({ events: [noted, created, broken, thin, nameless, updated] })).toEqual({
      statusCode: 202,
      status: 'accepted',
    });
    expect(queue.sent.map(({ body }) => readEnvelope(body)?.eventId)).toEqual(['evt_1', 'evt_2']);
    expect(refreshes.sent.map(({ body }) => readRefresh(body))).toMatchObject([{ eventId: 'evt_3', refresh: { id: 'u_3' } }]);
    expect(parked.parked).toEqual([
      expect.objectContaining({ reason: 'SCHEMA_MISMATCH', type: 'unknown', event: { id: 6, type: 'created' } }),
      expect.objectContaining({ reason: 'NO_USER_ID', eventId: 'evt_5', event: nameless }),
    ]);
    expect(told()).toEqual([
      ['evt_4', 'ignored', 'EVENT_NOT_HANDLED'],
      ['evt_1', 'accepted', undefined],
      [parked.parked[0]?.eventId, 'rejected', 'SCHEMA_MISMATCH'],
      ['evt_3', 'accepted', undefined],
      ['evt_5', 'rejected', 'NO_USER_ID'],
      ['evt_2', 'accepted', undefined],
    ]);
    expect(written.parsed()).toContainEqual(expect.objectContaining({ source: 'clerk', EventReceived: [3] }));
  });

  it('go into a queue together', async () => {
    const sends: number[] = [];
    const counting: EventQueue = {
      ...queue.queue,
      send: async (messages) => {
        sends.push(messages.length);
      },
    };
    await post({ events: [created, updated, { ...created, id: 'evt_7' }] }, several, { queue: counting });
    expect(sends).toEqual([3]);
  });

  it('are named by their content where they cannot be read, and alike when they come again', async () => {
    await post({ events: [broken, { ...broken, type: 'updated' }] });
    await post({ events: [created, broken] });
    const [first, second, again] = parked.parked.map(({ eventId }) => eventId);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(second).not.toBe(first);
    expect(again).toBe(first);
  });

  it.each([
    ['accepted before all', [noted, nameless, thin], { status: 'accepted' }],
    ['parked before ignored', [noted, nameless], { status: 'parked', code: 'NO_USER_ID' }],
    ['ignored', [noted], { status: 'ignored', code: 'EVENT_NOT_HANDLED' }],
    ['ignored when there are none', [], { status: 'ignored', code: 'NOTHING_CHANGED' }],
  ])('are answered as %s', async (_, events, answer) => {
    expect(await post({ events })).toEqual({ statusCode: 202, ...answer });
  });

  it.each([[{}], [[created]], [null], [{ events: 'none', secret_token: 'x' }]])(
    'are parked as one when %j cannot be taken apart',
    async (body) => {
      expect(await post(body)).toEqual({ statusCode: 202, status: 'parked', code: 'SCHEMA_MISMATCH' });
      expect(parked.parked).toHaveLength(1);
      expect(JSON.stringify(parked.parked)).not.toContain('secret_token');
    },
  );

  it('are parked one by one up to a thousand, and as one beyond, as their source took them apart', async () => {
    const events = (length: number) => ({ events: Array.from({ length }, () => ({ ...nameless, shared: 'x' })) });
    expect(await post(events(1000))).toMatchObject({ status: 'parked', code: 'NO_USER_ID' });
    expect(parked.parked.splice(0)).toHaveLength(1000);
    const unshared: Source = { ...several, records: (body) => Several.parse(body).events.map(() => nameless) };
    expect(await post(events(1001), unshared)).toEqual({ statusCode: 202, status: 'parked', code: 'EVENT_TOO_LARGE' });
    expect(parked.parked).toMatchObject([{ type: 'unknown', event: Array.from({ length: 1001 }, () => nameless) }]);
    expect(JSON.stringify(parked.parked)).not.toContain('shared');
    expect([told().length, queue.sent.length]).toEqual([1001, 0]);
  });

  it('are not acknowledged when taking them apart is our bug', async () => {
    const records = () => {
      throw new TypeError('a bug');
    };
    expect(await post({ events: [created] }, { ...several, records })).toMatchObject({ statusCode: 500, code: 'INTERNAL' });
  });

  it.each(['events', 'refreshes', 'rejected'])('come again, all of them, when the queue of %s is down', async (which) => {
    const down = { events: queue, refreshes, rejected: parked }[which];
    if (down === undefined) throw new Error(`no queue ${which}`);
    down.state.down = true;
    expect(await post({ events: [created, thin, nameless] })).toEqual({ statusCode: 503, status: 'unavailable', code: 'QUEUE' });
    expect(told()).toEqual([]);
  });
});

describe('an event without a profile', () => {
  it('goes to the queue of what is to be fetched, and only there', async () => {
    expect(await post({ events: [thin] })).toMatchObject({ status: 'accepted' });
    expect([queue.sent.length, refreshes.sent.length, parked.parked.length]).toEqual([0, 1, 0]);
  });

  it('is parked where there is no such queue, and replayed when there is', async () => {
    hasApi = false;
    expect(await post({ events: [thin, created] })).toMatchObject({ status: 'accepted' });
    expect(parked.parked).toMatchObject([{ eventId: 'evt_3', reason: 'NO_VENDOR_API', event: thin }]);
    expect(queue.sent).toHaveLength(1);
  });
});

describe('a body that is no JSON itself', () => {
  const sealed: Source = {
    ...several,
    read: (body) => {
      const text = Buffer.from(body).toString('utf8');
      return text.startsWith('sealed:') ? { ok: true, value: JSON.parse(text.slice(7)) } : { ok: false };
    },
  };

  it('is read by its source', async () => {
    expect(await post(`sealed:${JSON.stringify({ events: [created] })}`, sealed)).toMatchObject({ status: 'accepted' });
    expect(queue.sent).toHaveLength(1);
  });

  it('is refused where the source cannot', async () => {
    expect(await post({ events: [created] }, sealed)).toEqual({ statusCode: 400, status: 'refused', code: 'MALFORMED_BODY' });
    expect([queue.sent, parked.parked]).toEqual([[], []]);
  });
});
