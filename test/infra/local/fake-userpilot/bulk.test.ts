import { afterEach, describe, expect, it } from '@jest/globals';
import { type callerOf, ERRORS, jsonOf, KEY, start, stopAll } from './harness.ts';

afterEach(stopAll);

const rows = (n: number) => Array.from({ length: n }, (_, i) => ({ user_id: `u-${i}`, metadata: { seats: i } }));
type Call = ReturnType<typeof callerOf>;
/** Without a Content-Type, so that fetch adds the boundary. */
const upload = (url: string, path: string, part: string, text: string | Blob) => {
  const form = new FormData();
  form.append(part, new File([text], 'rows.ndjson', { type: 'application/x-ndjson' }));
  return fetch(`${url}${path}`, { method: 'POST', headers: { authorization: `Token ${KEY}` }, body: form });
};
/** Percent-encoded, ready for a path. */
const idOf = async (answer: Response | Promise<Response>) =>
  encodeURIComponent((await jsonOf<{ job_id: string }>(answer)).job_id);
const submit = (call: Call, n: number): Promise<string> => idOf(call('POST', '/v1/users/bulk_identify', { users: rows(n) }));
const jobOf = (call: Call, id: string) => jsonOf(call('GET', `/v1/background_jobs/${id}`));

describe('submission', () => {
  it('answers 202 with the members of both documented shapes and a colon id', async () => {
    const { call } = await start();
    const answer = await call('POST', '/v1/users/bulk_identify', { users: rows(2) });
    expect([answer.status, await answer.json()]).toEqual([
      202,
      {
        job_id: expect.stringMatching(/^bulk:jobs:NX-[^:]+:[0-9a-f-]{36}$/),
        status: 'queued',
        submitted_at: '2031-04-09T12:00:00.000Z',
        start_time: '2031-04-09T12:00:00.000Z',
        end_time: null,
        elapsed_time: 0,
        total_rows: 2,
        completed_rows: 0,
        file_size: expect.any(Number),
        filename: '',
        type: expect.any(String),
        links: expect.any(String),
      },
    ]);
  });

  it('takes 10,000 rows and refuses 10,001 with 413', async () => {
    const { call } = await start();
    expect((await call('POST', '/v1/users/bulk_identify', { users: rows(10_001) })).status).toBe(413);
    expect((await call('POST', '/v1/users/bulk_identify', { users: rows(10_000) })).status).toBe(202);
  });

  it.each([
    ['no list', {}],
    ['an empty list', { users: [] }],
    ['the other list', { companies: [{ company_id: 'c-1' }] }],
    ['a bare array', rows(1)],
    ['a row without id', { users: [{ user_id: 'u-1' }, { metadata: {} }] }],
    ['a row with an empty id', { users: [{ user_id: '' }] }],
    ['a row that is no object', { users: ['u-1'] }],
    ['text that is not JSON', '{"users":['],
  ])('refuses %s with 400', async (_, body) => {
    const { call } = await start();
    const answer = await call('POST', '/v1/users/bulk_identify', body);
    expect([answer.status, await answer.json()]).toEqual([400, ERRORS]);
    expect(await (await call('GET', '/v1/background_jobs')).json()).toEqual([]);
  });

  it('reads NDJSON from the part "file" on the same path, blank trailing lines ignored', async () => {
    const { fake, call } = await start();
    const lines = '{"company_id":"c-1","metadata":{"plan":"team"}}\r\n{"company_id":"c-2"}\n\n';
    const answer = await upload(fake.url, '/v1/companies/bulk_identify', 'file', lines);
    expect(answer.status).toBe(202);
    expect(await answer.json()).toMatchObject({ filename: 'rows.ndjson', total_rows: 2, file_size: lines.length });
    fake.advance(60_000);
    expect(fake.store.companies()).toEqual([
      { company_id: 'c-1', metadata: { plan: 'team' } },
      { company_id: 'c-2', metadata: {} },
    ]);
    expect(await (await call('GET', '/v1/background_jobs')).json()).toEqual([expect.objectContaining({ status: 'completed' })]);
    expect(fake.requests()[0]?.body).toEqual([{ company_id: 'c-1', metadata: { plan: 'team' } }, { company_id: 'c-2' }]);
  });

  it.each([
    ['another part name', 'upload', '{"user_id":"u-1"}', 400],
    ['a line that is not JSON', 'file', '{"user_id":"u-1"}\n{"user_id":\n', 400],
    ['a blank line in the middle', 'file', '{"user_id":"u-1"}\n\n{"user_id":"u-2"}', 400],
    ['an empty file', 'file', '', 400],
    ['10,001 rows', 'file', '{"user_id":"u-1"}\n'.repeat(10_001), 413],
    ['a file over 50 MB', 'file', `{"user_id":"${'u'.repeat(50_000_000)}"}`, 413],
  ])('refuses a file upload: %s', async (_, part, text, status) => {
    const { fake } = await start();
    expect((await upload(fake.url, '/v1/users/bulk_identify', part, text)).status).toBe(status);
  });

  it('refuses a multipart body without the announced boundary', async () => {
    const { call } = await start();
    const headers = { 'content-type': 'multipart/form-data; boundary=other' };
    expect((await call('POST', '/v1/users/bulk_identify', '--one\r\n\r\n--one--', { headers })).status).toBe(400);
  });
});

describe('one job at a time', () => {
  it('refuses a second one of either kind with 409 until the first is over, pending_refresh included', async () => {
    const { fake, call } = await start();
    const id = await submit(call, 1200);
    const second = async () => (await call('POST', '/v1/companies/bulk_identify', { companies: [{ company_id: 'c-1' }] })).status;
    const refused = await call('POST', '/v1/users/bulk_identify', { users: rows(1) });
    expect([refused.status, await refused.json()]).toEqual([409, ERRORS]);
    fake.advance(3000 + 60_000);
    expect([(await jobOf(call, id)).status, await second()]).toEqual(['pending_refresh', 409]);
    expect(await (await call('GET', '/v1/background_jobs')).json()).toHaveLength(1);
    fake.advance(5000);
    expect([(await jobOf(call, id)).status, await second()]).toEqual(['completed', 202]);
  });

  it('belongs to a key: another key has its own slot and does not see the job', async () => {
    const { call } = await start({ apiKeys: () => [KEY, 'invented-key-2'] });
    const id = await submit(call, 1);
    const other = { key: 'invented-key-2' };
    const unseen = await call('GET', `/v1/background_jobs/${id}`, undefined, other);
    expect([unseen.status, await unseen.json()]).toEqual([404, ERRORS]);
    expect(await (await call('GET', '/v1/background_jobs', undefined, other)).json()).toEqual([]);
    expect((await call('POST', '/v1/users/bulk_identify', { users: rows(1) }, other)).status).toBe(202);
  });
});

describe('the life of a job', () => {
  it('goes through all states; rows count and take effect at 1,200 a minute', async () => {
    const { fake, call } = await start();
    const id = await submit(call, 100);
    const seen = async () => {
      const { status, completed_rows, end_time } = await jobOf(call, id);
      return [status, completed_rows, fake.store.users().length, end_time];
    };
    const states = [await seen()];
    for (const ms of [1000, 2000, 49, 1, 2450, 2500, 4999, 1]) {
      fake.advance(ms);
      states.push(await seen());
    }
    expect(states).toEqual([
      ['queued', 0, 0, null],
      ['validating', 0, 0, null],
      ['processing', 0, 0, null],
      ['processing', 0, 0, null],
      ['processing', 1, 1, null],
      ['processing', 50, 50, null],
      ['pending_refresh', 100, 100, null],
      ['pending_refresh', 100, 100, null],
      ['completed', 100, 100, '2031-04-09T12:00:13.000Z'],
    ]);
    expect((await jobOf(call, id)).elapsed_time).toBe(13);
  });

  it('keeps the pace of the knob', async () => {
    const { fake, call } = await start({ knobs: { bulkRowsPerMinute: 1800 } });
    await submit(call, 100);
    fake.advance(3000 + 2000);
    expect(fake.store.users()).toHaveLength(60);
  });

  it('merges rows into what is there, attaches the company, and leaves last_seen_at alone', async () => {
    const { fake, call } = await start();
    await call('POST', '/v1/identify', { user_id: 'u-1', metadata: { name: 'Ines', seats: 1 } });
    await call('POST', '/v1/users/bulk_identify', {
      users: [{ user_id: 'u-1', company_id: 'c-1', metadata: { seats: 2 } }, { user_id: 'u-2' }],
    });
    fake.advance(60_000);
    expect(fake.store.user('u-1')).toMatchObject({
      metadata: { name: 'Ines', seats: 2 },
      company_id: 'c-1',
      last_seen_at: '2031-04-09T12:00:00.000Z',
    });
    expect(fake.store.user('u-2')).toEqual({ user_id: 'u-2', metadata: {}, first_seen_at: '2031-04-09T12:00:03.100Z' });
    expect(fake.store.company('c-1')).toEqual({ company_id: 'c-1', metadata: {} });
  });

  it('moves last_seen_at when the knob says so', async () => {
    const { fake, call } = await start({ knobs: { bulkBumpsLastSeen: true } });
    await submit(call, 1);
    fake.advance(60_000);
    expect(fake.store.user('u-0')?.last_seen_at).toBe('2031-04-09T12:00:03.050Z');
  });

  it('writes a late row before a live call that comes after it', async () => {
    const { fake, call } = await start();
    await submit(call, 1);
    fake.advance(3050);
    await call('POST', '/v1/identify', { user_id: 'u-0', metadata: { seats: 99 } });
    fake.advance(60_000);
    expect(fake.store.user('u-0')?.metadata).toEqual({ seats: 99 });
  });

  it('runs a nightly deletion between the rows before and after it', async () => {
    const { fake, call } = await start();
    await call('DELETE', '/v1/users', { users: ['u-0', 'u-99'] });
    fake.advance(14 * 3_600_000 - 5000);
    await submit(call, 100);
    fake.advance(60_000);
    expect(fake.store.user('u-0')).toBeUndefined();
    expect(fake.store.user('u-99')?.metadata).toEqual({ seats: 99 });
  });
});

describe('what goes wrong inside a job', () => {
  const nested = { users: [{ user_id: 'u-1' }, { user_id: 'u-2', metadata: { tags: ['a'] } }, { user_id: 'u-3' }] };

  it('skips a row with a nested value, and counts it as not completed', async () => {
    const { fake, call } = await start();
    const id = await idOf(call('POST', '/v1/users/bulk_identify', nested));
    fake.advance(60_000);
    expect(await jobOf(call, id)).toMatchObject({
      status: 'completed',
      total_rows: 3,
      completed_rows: 2,
    });
    expect(fake.store.users().map((user) => user.user_id)).toEqual(['u-1', 'u-3']);
    expect(fake.requests()[0]?.warnings).toEqual([expect.stringContaining('nested')]);
  });

  it.each([
    ['a nested value', { nestedValues: 'refuse' }, nested],
    ['a row without id', { badBulkRows: 'fail-job' }, { users: [{ user_id: 'u-1' }, {}] }],
  ] as const)('fails the whole job while validating: %s', async (_, knobs, body) => {
    const { fake, call } = await start({ knobs });
    const answer = await call('POST', '/v1/users/bulk_identify', body);
    const id = await idOf(answer);
    expect(answer.status).toBe(202);
    fake.advance(2999);
    expect(await jobOf(call, id)).toMatchObject({ status: 'validating' });
    fake.advance(1);
    expect(await jobOf(call, id)).toMatchObject({
      status: 'failed',
      completed_rows: 0,
      end_time: '2031-04-09T12:00:03.000Z',
    });
    expect(fake.store.users()).toEqual([]);
    expect((await call('POST', '/v1/users/bulk_identify', { users: rows(1) })).status).toBe(202);
  });

  it('fails as scripted, with the rows before it done', async () => {
    const { fake, call } = await start();
    fake.faults.next(1, { kind: 'fail-job', afterRows: 2 });
    expect((await call('POST', '/v1/identify', { user_id: 'u-live' })).status).toBe(202);
    const id = await submit(call, 10);
    fake.advance(60_000);
    expect(await jobOf(call, id)).toMatchObject({ status: 'failed', completed_rows: 2, total_rows: 10 });
    expect(fake.store.users().map((user) => user.user_id)).toEqual(['u-live', 'u-0', 'u-1']);
  });
});

describe('the jobs API', () => {
  it('lists a bare array, newest first, without completed_rows', async () => {
    const { fake, call } = await start();
    const first = await submit(call, 1);
    fake.advance(60_000);
    const second = await submit(call, 1);
    const list = await jsonOf<Record<string, unknown>[]>(call('GET', '/v1/background_jobs'));
    expect(list.map((job) => [encodeURIComponent(String(job.job_id)), job.status])).toEqual([
      [second, 'queued'],
      [first, 'completed'],
    ]);
    expect(list[0]).not.toHaveProperty('completed_rows');
  });

  it('finds a job by its percent-encoded id, and answers 404 for any other', async () => {
    const { call } = await start();
    const id = await submit(call, 1);
    expect(id).toContain('%3A');
    expect((await call('GET', `/v1/background_jobs/${id}`)).status).toBe(200);
    const answers = [await call('GET', '/v1/background_jobs/nobody'), await call('GET', '/v1/background_jobs/%zz')];
    expect(answers.map((answer) => answer.status)).toEqual([404, 404]);
    expect(await answers[0]?.json()).toEqual(ERRORS);
  });
});
