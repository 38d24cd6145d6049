import { beforeEach, describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { DependencyError } from '../../functions/core/errors.ts';
import type { EventQueue } from '../../functions/core/ports.ts';
import { createReceive, MAX_BODY_BYTES, type ReceiveDeps } from '../../functions/handlers/receive.ts';
import { verifyAuthorization } from '../../functions/sources/signatures.ts';
import { changes, defineSource, rejected } from '../../functions/sources/source.ts';
import { capturedOutput, contextOf, memoryQueue, memoryRejected, memorySecret } from '../support/doubles.ts';
import { httpApiEvent } from '../support/http-events.ts';

/** A vendor of nobody's, which asks for a handshake, and whose sign-ups wait for our answer. */
const SECRET = 'invented-secret-of-the-hook';
const NOW = new Date('2026-11-23T12:00:00Z');
const source = defineSource({
  id: 'clerk',
  docs: 'https://vendor.example',
  verify: verifyAuthorization,
  handshake: ({ method, query, headers, body }) => {
    const { token } = query;
    if (token !== undefined) return { status: 200, contentType: 'text/plain', body: token };
    if (method === 'GET' && headers['x-challenge'] !== undefined)
      return { status: 200, body: JSON.stringify({ verification: headers['x-challenge'] }) };
    return Buffer.from(body).toString('utf8') === '{"ping":true}' ? { status: 204, body: '' } : undefined;
  },
  hook: ({ headers: { 'x-patience': patience } }) =>
    patience === undefined ? undefined : { answer: { status: 200, body: '{"action":"continue"}' }, withinMs: Number(patience) },
  schema: z.object({ id: z.string().nullable() }),
  head: () => ({ eventId: 'evt_1', type: 'created' }),
  map: ({ id }, { receivedAt }) => {
    if (id === 'bug') throw new TypeError('a bug');
    if (id === null) return rejected('NO_USER_ID');
    return changes({ call: { kind: 'identifyUser', user_id: id }, facet: 'profile', occurredAt: receivedAt });
  },
});

let queue: ReturnType<typeof memoryQueue>;
let parked: ReturnType<typeof memoryRejected>;
let secrets: ReturnType<typeof memorySecret<readonly string[]>>;
let written: ReturnType<typeof capturedOutput>;
beforeEach(() => {
  queue = memoryQueue();
  parked = memoryRejected();
  secrets = memorySecret<readonly string[]>([SECRET]);
  written = capturedOutput(() => NOW);
});

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
const send = (
  { method = 'POST', path = '/webhooks/clerk', query, headers = {}, body = '{"id":"u_1"}' }: Sent = {},
  overrides: Partial<ReceiveDeps> = {},
) => {
  const handler = createReceive({
    source,
    settings: {},
    secrets: secrets.cache,
    queue: queue.queue,
    rejected: parked.rejected,
    log: written.log,
    metrics: written.metrics,
    now: () => NOW,
    ...overrides,
  });
  const wire = {
    method,
    path,
    headers: Object.entries({ authorization: `Bearer ${SECRET}`, ...headers }),
    body: Buffer.from(body),
  };
  return handler(
    { ...httpApiEvent(wire), ...(query !== undefined && { queryStringParameters: query }) },
    contextOf('invocation-1', 900),
  );
};
const signUp = (sent: Sent = {}, overrides: Partial<ReceiveDeps> = {}) =>
  send({ ...sent, headers: { 'x-patience': '5000', ...sent.headers } }, overrides);

const CONTINUE = {
  statusCode: 200,
  headers: {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  },
  body: '{"action":"continue"}',
};
const lost = () => written.parsed().filter((line) => 'SignUpNotQueued' in line);
const outcomes = () =>
  written.parsed().flatMap(({ outcome, code }) => (outcome === undefined ? [] : [[outcome, code ?? null].join(' ').trim()]));
const IMPATIENT = { headers: { 'x-patience': '30' } };
/** Never answers, as a queue does behind a network that swallows packets. */
const hangs: EventQueue = { send: () => new Promise(() => undefined), retryIn: async () => undefined };

describe('a sign-up that waits', () => {
  it('goes on, and is queued', async () => {
    expect(await signUp()).toEqual(CONTINUE);
    expect(queue.sent).toHaveLength(1);
    expect([outcomes(), lost()]).toEqual([['accepted'], []]);
  });

  it('goes on when it cannot be mapped, and is parked', async () => {
    expect(await signUp({ body: '{"id":null}' })).toEqual(CONTINUE);
    expect(parked.parked).toMatchObject([{ reason: 'NO_USER_ID' }]);
    expect(lost()).toEqual([]);
  });

  it.each([
    ['forged', { headers: { authorization: 'Bearer another-invented-secret' } }, 'refused SIGNATURE_MISMATCH'],
    ['without a proof', { headers: { authorization: '' } }, 'refused SIGNATURE_MISSING'],
    ['no JSON', { body: '{"id":' }, 'refused MALFORMED_BODY'],
    ['too large', { body: 'x'.repeat(MAX_BODY_BYTES + 1) }, 'refused BODY_TOO_LARGE'],
    ['compressed', { headers: { 'content-encoding': 'gzip' } }, 'refused CONTENT_ENCODING'],
  ])('goes on when it is %s, and is not queued', async (_, sent, outcome) => {
    expect(await signUp(sent)).toEqual(CONTINUE);
    expect([queue.sent, parked.parked, lost()]).toEqual([[], [], []]);
    expect(outcomes()).toEqual([outcome]);
  });

  it('goes on while the secret has not been put in', async () => {
    secrets = memorySecret<readonly string[]>([]);
    expect(await signUp()).toEqual(CONTINUE);
    expect(outcomes()).toEqual(['refused NO_SECRET_CONFIGURED']);
  });
});

describe('a sign-up that goes on without being queued is counted', () => {
  const unavailable = (name: 'SECRETS' | 'KEYS') => ({
    get: async () => {
      throw new DependencyError(name);
    },
    refresh: async () => {
      throw new DependencyError(name);
    },
  });

  it.each<[string, () => Partial<ReceiveDeps>, Sent]>([
    [
      'when the queue is down',
      () => {
        queue.state.down = true;
        return {};
      },
      {},
    ],
    [
      'when it cannot be parked',
      () => {
        parked.state.down = true;
        return {};
      },
      { body: '{"id":null}' },
    ],
    ['when the secret cannot be fetched', () => ({ secrets: unavailable('SECRETS') }), {}],
    ['when the public keys cannot be fetched', () => ({ keys: unavailable('KEYS') }), {}],
    ['when the queue takes too long', () => ({ queue: hangs }), IMPATIENT],
    [
      'when the secret takes too long',
      () => ({ secrets: { get: () => new Promise<never>(() => undefined), refresh: async () => [] } }),
      IMPATIENT,
    ],
    ['when a bug is in the way', () => ({}), { body: '{"id":"bug"}' }],
  ])('%s', async (_, arrange, sent) => {
    const overrides = arrange();
    const began = performance.now();
    expect(await signUp(sent, overrides)).toEqual(CONTINUE);
    expect(performance.now() - began).toBeLessThan(2000);
    expect(queue.sent).toEqual([]);
    expect(lost()).toMatchObject([{ source: 'clerk', SignUpNotQueued: [1] }]);
    expect(written.parsed()).toContainEqual(
      expect.objectContaining({ level: 'ERROR', message: 'a sign-up could not be queued', source: 'clerk' }),
    );
  });
});

describe('for a request that is no sign-up', () => {
  it('an address or a method that is wrong is told', async () => {
    expect(await signUp({ path: '/webhooks/other' })).toMatchObject({ statusCode: 404 });
    expect(await signUp({ method: 'GET' })).toMatchObject({ statusCode: 405, headers: { allow: 'POST' } });
    expect([queue.sent, lost()]).toEqual([[], []]);
  });

  it('nothing is answered but what becomes of it', async () => {
    expect(await send()).toMatchObject({ statusCode: 202, body: '{"status":"accepted"}' });
    expect(await send({ headers: { authorization: 'Bearer another-invented-secret' } })).toMatchObject({ statusCode: 401 });
    queue.state.down = true;
    expect(await send()).toMatchObject({ statusCode: 503 });
    expect(lost()).toEqual([]);
  });

  it('an event that no HTTP front door made stays one', async () => {
    const handler = createReceive({
      source,
      settings: {},
      secrets: secrets.cache,
      queue: queue.queue,
      rejected: parked.rejected,
      log: written.log,
      metrics: written.metrics,
      now: () => NOW,
    });
    expect(await handler({ Records: [] }, contextOf())).toMatchObject({ statusCode: 400 });
  });
});

describe('a handshake', () => {
  const shown = (contentType: string, body: string) => ({
    statusCode: 200,
    headers: {
      'content-type': `${contentType}; charset=utf-8`,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
    body,
  });

  it.each(['GET', 'POST'])('is answered when it comes by query and %s', async (method) => {
    expect(await send({ method, query: { token: 'a <b> & "c"' }, headers: { authorization: '' } })).toEqual(
      shown('text/plain', 'a <b> & "c"'),
    );
  });

  it('is answered when it comes by a header and GET', async () => {
    expect(await send({ method: 'GET', headers: { 'x-challenge': 'c-1' }, body: '' })).toEqual(
      shown('application/json', '{"verification":"c-1"}'),
    );
  });

  it('is answered when it comes in the body, without a type where there is nothing to show', async () => {
    expect(await send({ body: '{"ping":true}' })).toEqual({
      statusCode: 204,
      headers: { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
      body: '',
    });
  });

  it('needs no secret: the vendor asks before there is one', async () => {
    secrets.cache.get = async () => {
      throw new DependencyError('SECRETS');
    };
    expect(await send({ method: 'GET', query: { token: 't' } })).toMatchObject({ statusCode: 200, body: 't' });
  });

  it('tells nobody anything at another address', async () => {
    expect(await send({ method: 'GET', path: '/webhooks/other', query: { token: 't' } })).toMatchObject({
      statusCode: 404,
      body: '{"status":"refused","code":"UNKNOWN_PATH"}',
    });
  });

  it('queues nothing, and is told as what it is, without what it said', async () => {
    await send({ query: { token: 'noor@harbour.example' } });
    expect([queue.sent, parked.parked]).toEqual([[], []]);
    expect(written.parsed()).toMatchObject([{ message: 'handshake', source: 'clerk', status: 200 }]);
    expect(written.lines.join('')).not.toContain('noor');
  });

  it('is not what else comes by GET', async () => {
    expect(await send({ method: 'GET', body: '' })).toMatchObject({ statusCode: 405 });
  });
});
