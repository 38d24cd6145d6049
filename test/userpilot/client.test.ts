import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Identify } from '../../functions/core/calls.ts';
import { createUserpilot } from '../../functions/userpilot/client.ts';
import { createHttp } from '../../functions/userpilot/http.ts';
import { type FakeUserpilot, type Fault, startFakeUserpilot } from '../../infra/local/fake-userpilot/server.ts';

const KEY = 'invented-key';
const user: Identify = {
  kind: 'identifyUser',
  user_id: 'u_1',
  metadata: { name: 'Noor', seats: 3, owner: true, nickname: null },
  company: { id: 'c_1' },
};

let fake: FakeUserpilot;
beforeAll(async () => {
  fake = await startFakeUserpilot({
    apiKeys: () => [KEY],
    knobs: { requireAcceptHeader: true, requireVersionHeader: true, deleteEveryMs: 0 },
  });
});
afterEach(() => fake.faults.clear());
afterAll(() => fake.close());

const client = (timeoutMs = 10_000) => createUserpilot(fake.url, createHttp(fake.url, { timeoutMs }));
const failing = (fault: Fault, timeoutMs?: number) => {
  fake.faults.next(1, fault);
  return client(timeoutMs).identify(user, KEY);
};

describe('calls', () => {
  it('identifies a user with the body and headers that Userpilot documents', async () => {
    await client().identify(user, KEY);
    expect(fake.requests().at(-1)).toMatchObject({
      method: 'POST',
      path: '/v1/identify',
      status: 202,
      body: { user_id: 'u_1', metadata: { name: 'Noor', seats: 3, owner: true, nickname: null }, company: { id: 'c_1' } },
    });
    expect(Object.keys((fake.requests().at(-1)?.body ?? {}) as object)).toEqual(['user_id', 'metadata', 'company']);
  });
  it('identifies a company under the key `company_id`', async () => {
    await client().identify({ kind: 'identifyCompany', company_id: 'c_1', metadata: { name: 'Harbour Lane' } }, KEY);
    expect(fake.requests().at(-1)).toMatchObject({
      path: '/v1/companies/identify',
      body: { company_id: 'c_1', metadata: { name: 'Harbour Lane' } },
    });
  });
  it('submits a bulk job and follows it by an id that holds colons', async () => {
    const job = await client().bulkIdentifyUsers([{ user_id: 'u_9', company_id: 'c_1', metadata: { a: 1 } }], KEY);
    expect(job.job_id).toContain(':');
    expect((await client().job(job.job_id, KEY)).job_id).toBe(job.job_id);
    expect((await client().jobs(KEY)).map(({ job_id }) => job_id)).toContain(job.job_id);
    await expect(client().bulkIdentifyCompanies([{ company_id: 'c_2' }], KEY)).rejects.toMatchObject({
      code: 'JOB_RUNNING',
      status: 409,
    });
    fake.advance(60_000);
    expect((await client().bulkIdentifyCompanies([{ company_id: 'c_2' }], KEY)).status).toBe('queued');
    fake.advance(60_000);
  });
  it('deletes with a JSON body', async () => {
    await client().deleteUsers(['u_8', 'u_9'], KEY);
    expect(fake.requests().at(-1)).toMatchObject({
      method: 'DELETE',
      path: '/v1/users',
      status: 202,
      body: { users: ['u_8', 'u_9'] },
    });
    await client().deleteCompanies(['c_9'], KEY);
    expect(fake.requests().at(-1)).toMatchObject({ method: 'DELETE', path: '/v1/companies', body: { companies: ['c_9'] } });
  });
});

describe('errors', () => {
  it.each([
    [400, 'REFUSED', false],
    [401, 'UNAUTHORIZED', true],
    [403, 'UNAUTHORIZED', true],
    [404, 'UNEXPECTED', true],
    [409, 'JOB_RUNNING', true],
    [413, 'REFUSED', false],
    [422, 'REFUSED', false],
    [429, 'RATE_LIMITED', true],
    [500, 'UNAVAILABLE', true],
    [502, 'UNAVAILABLE', true],
    [503, 'UNAVAILABLE', true],
  ] as const)('%i is %s', async (status, code, retryable) => {
    await expect(failing({ kind: 'status', status })).rejects.toMatchObject({
      name: 'DeliveryError',
      code,
      retryable,
      status,
      requestId: expect.any(String),
    });
  });
  it('reads Retry-After', async () => {
    await expect(failing({ kind: 'status', status: 429, retryAfterSeconds: 7 })).rejects.toMatchObject({ retryAfterSeconds: 7 });
    await expect(failing({ kind: 'status', status: 429 })).rejects.toMatchObject({ retryAfterSeconds: undefined });
  });
  it('knows a wrong key from the real one', async () => {
    await expect(client().identify(user, 'NX-invented-app-token')).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
  });
  it.each(['ok-but-empty', 'ok-but-malformed', 'huge-body'] as const)(
    'takes %s for a success: the status says so',
    async (kind) => {
      await expect(failing({ kind })).resolves.toBeUndefined();
    },
  );
  it('does not take a web page for a success, whatever its status', async () => {
    await expect(failing({ kind: 'ok-but-html' })).rejects.toMatchObject({ code: 'UNEXPECTED', retryable: true });
  });
  it('follows no redirect', async () => {
    await expect(failing({ kind: 'redirect', location: 'http://127.0.0.1:9/stolen' })).rejects.toMatchObject({
      code: 'UNEXPECTED',
      status: 307,
    });
  });
  it.each(['hang', 'drip'] as const)('gives up on %s', async (kind) => {
    await expect(failing({ kind }, 100)).rejects.toMatchObject({ code: 'UNREACHABLE', retryable: true });
  });
  it.each(['reset-before', 'reset-after'] as const)('calls %s a lost connection', async (kind) => {
    await expect(failing({ kind })).rejects.toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
  });
  it('calls a host that does not exist unreachable', async () => {
    await expect(createUserpilot('http://127.0.0.1:9').identify(user, KEY)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });
  it('never names the key in an error', async () => {
    const error = await failing({ kind: 'status', status: 500 }).catch((thrown: unknown) => thrown);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(KEY);
  });
  it('does not take a bulk answer without a job for a success', async () => {
    fake.faults.next(1, { kind: 'ok-but-empty' });
    await expect(client().bulkIdentifyUsers([{ user_id: 'u_1' }], KEY)).rejects.toMatchObject({ code: 'UNEXPECTED' });
  });
});
