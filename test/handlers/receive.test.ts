import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { readEnvelope } from '../../functions/core/envelope.ts';
import { DependencyError } from '../../functions/core/errors.ts';
import { createReceive, MAX_BODY_BYTES } from '../../functions/handlers/receive.ts';
import { clerkSender } from '../../functions/sources/clerk.sender.ts';
import { clerk } from '../../functions/sources/clerk.ts';
import type { Invented } from '../../functions/sources/sender.ts';
import { capturedOutput, contextOf, memoryQueue, memoryRejected, memorySecret } from '../support/doubles.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const who: Invented = {
  id: 'user_1',
  email: 'noor@harbour.example',
  firstName: 'Noor',
  lastName: 'Haddad',
  companyId: 'org_1',
  companyName: 'Harbour Lane',
};
const secret = clerkSender.secret(randomBytes(32));

interface Sent {
  readonly type?: string;
  readonly body?: string | Buffer;
  readonly secret?: string;
  readonly at?: Date;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly path?: string;
}
/** An API Gateway event of a signed request; what differs is signed as it is, unless `headers` says otherwise. */
const eventOf = ({ type = 'user.created', at = NOW, method = 'POST', path = '/webhooks/clerk', ...sent }: Sent = {}) => {
  const moment = { now: at, eventId: '0001' };
  const body = Buffer.from(sent.body ?? clerkSender.body(type, who, moment));
  return {
    version: '2.0',
    rawPath: path,
    headers: { 'content-type': 'application/json', ...clerkSender.headers(body, sent.secret ?? secret, moment), ...sent.headers },
    requestContext: { stage: '$default', http: { method } },
    body: body.toString('base64'),
    isBase64Encoded: true,
  };
};

let queue: ReturnType<typeof memoryQueue>;
let rejected: ReturnType<typeof memoryRejected>;
let secrets: ReturnType<typeof memorySecret<readonly string[]>>;
let written: ReturnType<typeof capturedOutput>;
let settings: object;
const post = async (event: unknown) => {
  const handler = createReceive({
    source: clerk,
    settings,
    secrets: secrets.cache,
    queue: queue.queue,
    rejected: rejected.rejected,
    log: written.log,
    metrics: written.metrics,
    now: () => NOW,
  });
  const { statusCode, headers, body } = await handler(event, contextOf());
  return { statusCode, headers, ...(JSON.parse(body) as { status: string; code?: string }) };
};
beforeEach(() => {
  queue = memoryQueue();
  rejected = memoryRejected();
  secrets = memorySecret<readonly string[]>([secret]);
  written = capturedOutput();
  settings = {};
});

describe('an authentic event', () => {
  it('is queued and accepted', async () => {
    expect(await post(eventOf())).toMatchObject({ statusCode: 202, status: 'accepted' });
    expect(queue.sent).toHaveLength(1);
    expect(readEnvelope(queue.sent[0]?.body ?? '')).toMatchObject({
      source: 'clerk',
      type: 'user.created',
      receivedAt: NOW,
      change: { call: { user_id: 'user_1' } },
    });
  });
  it('becomes one message per entity', async () => {
    expect(await post(eventOf({ type: 'organizationMembership.created' }))).toMatchObject({ status: 'accepted' });
    expect(queue.sent.map(({ body }) => readEnvelope(body)?.change.call.kind)).toEqual(['identifyCompany', 'identifyUser']);
    expect(new Set(queue.sent.map(({ groupId }) => groupId)).size).toBe(2);
  });
  it('is ignored with its code when nothing follows from it', async () => {
    expect(await post(eventOf({ body: '{"type":"role.created","data":{}}' }))).toMatchObject({
      statusCode: 202,
      status: 'ignored',
      code: 'EVENT_NOT_HANDLED',
    });
    expect([queue.sent, rejected.parked]).toEqual([[], []]);
  });
  it('is parked, whole, when it names no user', async () => {
    settings = { userId: ['external_id'] };
    expect(await post(eventOf())).toMatchObject({ statusCode: 202, status: 'parked', code: 'NO_USER_ID' });
    expect(queue.sent).toEqual([]);
    expect(rejected.parked).toMatchObject([
      { source: 'clerk', reason: 'NO_USER_ID', type: 'user.created', event: { data: { id: 'user_1' } } },
    ]);
  });
  it.each([
    [
      'of a form that nobody knows',
      { type: 'user.created', timestamp: 1, data: { id: 'user_1', email_addresses: 'none', password_hash: 'x' } },
    ],
    ['that is no event at all', ['x', { secret_token: 'x' }]],
  ])('is parked without private fields when it is %s', async (_, body) => {
    expect(await post(eventOf({ body: JSON.stringify(body) }))).toMatchObject({
      statusCode: 202,
      status: 'parked',
      code: 'SCHEMA_MISMATCH',
    });
    expect(JSON.stringify(rejected.parked)).not.toMatch(/password_hash|secret_token/);
  });
  it('is parked when it is too large for the queue', async () => {
    const { data, ...rest } = JSON.parse(clerkSender.body('user.created', who, { now: NOW, eventId: '0001' })) as {
      data: object;
    };
    const body = JSON.stringify({ ...rest, data: { ...data, first_name: 'ä'.repeat(20_000) } });
    expect(await post(eventOf({ body }))).toMatchObject({ statusCode: 202, status: 'parked', code: 'EVENT_TOO_LARGE' });
  });
});

describe('answers', () => {
  it.each([
    ['another path', { path: '/webhooks/stripe' }, 404, 'UNKNOWN_PATH'],
    ['another method', { method: 'GET' }, 405, 'METHOD_NOT_ALLOWED'],
    ['a large body', { body: 'x'.repeat(MAX_BODY_BYTES + 1) }, 413, 'BODY_TOO_LARGE'],
    ['a compressed body', { headers: { 'content-encoding': 'gzip' } }, 415, 'CONTENT_ENCODING'],
    ['a signed body that is not JSON', { body: '{"type":' }, 400, 'MALFORMED_BODY'],
    ['a signed body that is not UTF-8', { body: Buffer.from([0x7b, 0xff, 0x7d]) }, 400, 'MALFORMED_BODY'],
    ['a signed body nested 65 levels deep', { body: '['.repeat(65) + ']'.repeat(65) }, 400, 'MALFORMED_BODY'],
    ['another secret', { secret: clerkSender.secret(randomBytes(32)) }, 401, 'NOT_AUTHENTIC'],
    ['a replay', { at: new Date(NOW.getTime() - 301_000) }, 401, 'NOT_AUTHENTIC'],
    ['a date in the future', { at: new Date(NOW.getTime() + 301_000) }, 401, 'NOT_AUTHENTIC'],
    ['a missing signature', { headers: { 'svix-signature': '' } }, 401, 'NOT_AUTHENTIC'],
    ['two values of a signed header', { headers: { 'svix-id': 'msg_a,msg_b' } }, 401, 'NOT_AUTHENTIC'],
  ] as const)('%s is refused and never queued', async (_, sent, statusCode, code) => {
    expect(await post(eventOf(sent))).toMatchObject({ statusCode, status: 'refused', code });
    expect([queue.sent, rejected.parked]).toEqual([[], []]);
  });
  it('says what is allowed with a 405', async () => {
    expect((await post(eventOf({ method: 'PUT' }))).headers).toMatchObject({ allow: 'POST' });
  });
  it('refuses everything while no secret is configured', async () => {
    secrets = memorySecret<readonly string[]>([]);
    expect(await post(eventOf())).toMatchObject({ statusCode: 401, code: 'NOT_AUTHENTIC' });
    expect(written.parsed()).toContainEqual(expect.objectContaining({ outcome: 'refused', code: 'NO_SECRET_CONFIGURED' }));
  });
  it('asks the vendor to come again when the queue refuses', async () => {
    queue.state.down = true;
    const answer = await post(eventOf());
    expect(answer).toMatchObject({ statusCode: 503, status: 'unavailable', code: 'QUEUE' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });
  it('asks the vendor to come again when an event cannot be parked', async () => {
    rejected.state.down = true;
    settings = { userId: ['external_id'] };
    expect(await post(eventOf())).toMatchObject({ statusCode: 503, code: 'QUEUE' });
  });
  it('asks the vendor to come again when no secret can be fetched', async () => {
    secrets.cache.get = async () => {
      throw new DependencyError('SECRETS');
    };
    expect(await post(eventOf())).toMatchObject({ statusCode: 503, code: 'SECRETS' });
  });
  it('is 400 for an event that no HTTP front door made', async () => {
    expect(await post({ Records: [] })).toMatchObject({ statusCode: 400, code: 'NOT_AN_HTTP_EVENT' });
  });
});

describe('rotation', () => {
  const renewed = clerkSender.secret(randomBytes(32));
  it('accepts the first event under a new secret, by fetching once', async () => {
    secrets.state.stored = [renewed, secret];
    expect(await post(eventOf({ secret: renewed }))).toMatchObject({ statusCode: 202, status: 'accepted' });
    expect(await post(eventOf())).toMatchObject({ statusCode: 202, status: 'accepted' });
    expect(secrets.state.refreshes).toBe(1);
  });
});

it('writes nothing personal', async () => {
  await post(eventOf());
  await post(eventOf({ secret: clerkSender.secret(randomBytes(32)) }));
  await post(eventOf({ body: '{"type":"noor@harbour.example' }));
  queue.state.down = true;
  await post(eventOf());
  expect(written.lines.length).toBeGreaterThan(6);
  for (const canary of [who.email, who.firstName, who.lastName, secret, 'user_1'])
    expect(written.lines.join('\n')).not.toContain(canary);
});
