import { generateKeyPairSync } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { exportJWK, SignJWT } from 'jose';
import * as z from 'zod';
import { createSecretCache, REFRESH_MS, type SecretCache, STALE_MS, TTL_MS } from '../../functions/core/secrets.ts';
import { createReceive } from '../../functions/handlers/receive.ts';
import { fetchKeyPage } from '../../functions/outbound/public-keys.ts';
import { readJwks, readToken, verifyKeyToken } from '../../functions/sources/jwt.ts';
import { changes, defineSource, type PublicKeys } from '../../functions/sources/source.ts';
import { capturedOutput, contextOf, memoryQueue, memoryRejected, memorySecret } from '../support/doubles.ts';
import { httpApiEvent } from '../support/http-events.ts';
import { startServer, type TestServer } from '../support/http-server.ts';

/** A vendor of nobody's that signs with a private key, and publishes the other half. */
const source = defineSource({
  id: 'clerk',
  docs: 'https://vendor.example',
  verify: ({ headers }, _, { keys }) => {
    const token = readToken(headers['x-proof'] ?? '');
    return token === undefined
      ? { ok: false, code: 'SIGNATURE_MISSING' }
      : verifyKeyToken(token, { algorithms: ['ES256'], keys });
  },
  schema: z.object({ id: z.string() }),
  head: ({ id }) => ({ eventId: id, type: 'created' }),
  map: ({ id }, { receivedAt }) =>
    changes({ call: { kind: 'identifyUser', user_id: id }, facet: 'profile', occurredAt: receivedAt }),
});

const keyOf = (kid: string) => ({ kid, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) });
const [first, second, stranger] = [keyOf('first'), keyOf('second'), keyOf('stranger')];
const jwkOf = async ({ kid, publicKey }: typeof first) => ({ ...(await exportJWK(publicKey)), kid, use: 'sig' });

let vendor: TestServer;
let published: (typeof first)[];
/** What the page says instead of the keys. */
let instead: ((response: ServerResponse) => void) | undefined;
let now: Date;
let failures: number;
let keys: SecretCache<PublicKeys>;
let queue: ReturnType<typeof memoryQueue>;
let written: ReturnType<typeof capturedOutput>;
beforeEach(async () => {
  published = [first];
  instead = undefined;
  now = new Date('2026-11-23T12:00:00Z');
  failures = 0;
  queue = memoryQueue();
  written = capturedOutput(() => now);
  vendor = await startServer(async (_, response) => {
    if (instead !== undefined) return instead(response);
    response.end(JSON.stringify({ keys: await Promise.all(published.map(jwkOf)) }));
  });
  keys = createSecretCache({
    read: async () => readJwks(await fetchKeyPage(`${vendor.origin}/keys`)),
    now: () => now,
    onFailure: () => {
      failures += 1;
    },
    dependency: 'KEYS',
  });
});
afterEach(() => vendor.close());

const later = (milliseconds: number) => {
  now = new Date(now.getTime() + milliseconds);
};
const fetches = () => vendor.asked.length;
const post = async (signer: typeof first, { isSetUp = true } = {}) => {
  const proof = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: signer.kid }).sign(signer.privateKey);
  const handler = createReceive({
    source,
    settings: {},
    secrets: memorySecret<readonly string[]>([]).cache,
    ...(isSetUp && { keys }),
    queue: queue.queue,
    rejected: memoryRejected().rejected,
    log: written.log,
    metrics: written.metrics,
    now: () => now,
  });
  const body = Buffer.from('{"id":"u_1"}');
  const event = httpApiEvent({ method: 'POST', path: '/webhooks/clerk', headers: [['X-Proof', proof]], body });
  const { statusCode, headers, body: answer } = await handler(event, contextOf());
  return { statusCode, headers, ...(JSON.parse(answer) as { status: string; code?: string }) };
};
const ACCEPTED = { statusCode: 202, status: 'accepted' };
const REFUSED = { statusCode: 401, code: 'NOT_AUTHENTIC' };
const UNAVAILABLE = { statusCode: 503, status: 'unavailable', code: 'KEYS' };
const toldCodes = () => written.parsed().flatMap(({ message, code }) => (message === 'webhook' && code ? [code] : []));

describe('public keys', () => {
  it('are fetched once for many events', async () => {
    for (const _ of [1, 2, 3]) expect(await post(first)).toMatchObject(ACCEPTED);
    expect(fetches()).toBe(1);
    expect(vendor.asked[0]).toMatchObject({ method: 'GET', url: '/keys', headers: { accept: 'application/json' } });
    expect(queue.sent).toHaveLength(3);
  });

  it('are fetched anew, once, for an event under a key that nobody knows yet', async () => {
    await post(first);
    later(REFRESH_MS);
    published = [first, second];
    expect(await post(second)).toMatchObject(ACCEPTED);
    expect(await post(first)).toMatchObject(ACCEPTED);
    expect(fetches()).toBe(2);
  });

  it('are fetched for forged events once per 30 seconds at most', async () => {
    await post(first);
    later(REFRESH_MS - 1);
    for (const _ of [1, 2, 3]) expect(await post(stranger)).toMatchObject(REFUSED);
    expect(fetches()).toBe(1);
    later(1);
    for (const _ of [1, 2, 3]) expect(await post(stranger)).toMatchObject(REFUSED);
    expect(fetches()).toBe(2);
    expect(new Set(toldCodes())).toEqual(new Set(['KEY_UNKNOWN']));
    expect(queue.sent).toHaveLength(1);
  });

  it('that are not those of the name are a wrong signature, and fetch nothing', async () => {
    await post(first);
    later(REFRESH_MS);
    expect(await post({ ...stranger, kid: 'first' })).toMatchObject(REFUSED);
    expect(toldCodes()).toEqual(['SIGNATURE_MISMATCH']);
    expect(fetches()).toBe(1);
  });

  it('no longer count some minutes after the vendor withdrew them', async () => {
    await post(first);
    published = [second];
    later(TTL_MS - 1);
    expect(await post(first)).toMatchObject(ACCEPTED);
    later(1);
    expect(await post(first)).toMatchObject(REFUSED);
  });
});

describe('a page of public keys that cannot be read', () => {
  it.each([
    ['that is not there', (response: ServerResponse) => void response.writeHead(404).end('{"keys":[]}')],
    ['that fails', (response: ServerResponse) => void response.writeHead(500).end()],
    ['that has moved', (response: ServerResponse) => void response.writeHead(302, { location: '/elsewhere' }).end()],
    ['that is a web page', (response: ServerResponse) => void response.end('<html>')],
    ['that is something else', (response: ServerResponse) => void response.end('{"error":"none"}')],
    ['that has no end', (response: ServerResponse) => void response.end(JSON.stringify({ keys: [], x: 'x'.repeat(262_144) }))],
    ['that gives no answer', (response: ServerResponse) => void response.destroy()],
  ])('has the vendor come again: one %s', async (_, answer) => {
    instead = answer;
    const { headers, ...told } = await post(first);
    expect(told).toEqual(UNAVAILABLE);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect([failures, queue.sent.length]).toEqual([1, 0]);
    instead = undefined;
    expect(await post(first)).toMatchObject(ACCEPTED);
  });

  it('leaves the keys that are known in use, for a day', async () => {
    await post(first);
    instead = (response) => void response.writeHead(500).end();
    later(TTL_MS);
    expect(await post(first)).toMatchObject(ACCEPTED);
    expect(failures).toBe(1);
    later(STALE_MS - TTL_MS);
    expect(await post(first)).toMatchObject(UNAVAILABLE);
  });
});

it('lets nobody in where no public keys are set up', async () => {
  expect(await post(first, { isSetUp: false })).toMatchObject(REFUSED);
  expect(toldCodes()).toEqual(['KEY_UNKNOWN']);
});
