import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import type { RawRequest } from '../../functions/core/request.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { supabaseSender } from '../../functions/sources/supabase.sender.ts';
import { supabase } from '../../functions/sources/supabase.ts';
import {
  fixture,
  flippedBody,
  flippedHeader,
  later,
  mapBody,
  momentAt,
  NO_TRUST,
  requestOf,
  sentBy,
  withHeaders,
} from '../support/sources.ts';

const ok = { ok: true };
const mismatch = { ok: false, code: 'SIGNATURE_MISMATCH' };
const malformed = { ok: false, code: 'SIGNATURE_MALFORMED' };
const missing = { ok: false, code: 'SIGNATURE_MISSING' };
const outside = { ok: false, code: 'TIMESTAMP_OUTSIDE_TOLERANCE' };

const told = fixture('supabase', 'after-user-created');
const hook = requestOf(told);
const rotating = requestOf(fixture('supabase', 'before-user-created-while-rotating'));
const both = fixture('supabase', 'before-user-created-while-rotating').secret;
const [former = '', current = ''] = both.split('|');
const row = fixture('supabase', 'user-inserted');
const verify = (request: RawRequest, secrets: readonly string[], settings: SourceSettings = {}) =>
  supabase.verify(request, secrets, { ...NO_TRUST, settings });
const PROOFS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];

describe('signatures of auth hooks', () => {
  it('accept the known vector', () => {
    const vector: RawRequest = {
      headers: {
        'webhook-id': '5b0f2c1e-0d0e-4f3b-8a3b-6d6f0f1e2a33',
        'webhook-timestamp': '1767225600',
        'webhook-signature': 'v1,NIt04clo/6kfvoF86ZcCFqf2Ae0OE43xafieEmimUMY=',
      },
      body: Buffer.from(
        '{"metadata":{"uuid":"3f1f0f3e-6a55-4f0a-9f0e-2d7a4b9b1c11","time":"2026-01-01T00:00:00Z","name":"before-user-created","ip_address":"203.0.113.9"},"user":{"id":"7d0c6a54-3d1a-4a8e-9a53-b2d2d3f0c101","email":"ada@example.test"}}',
      ),
      receivedAt: new Date('2026-01-01T00:00:01Z'),
    };
    expect(verify(vector, ['v1,whsec_dXNlcnBpbG90LXNoZWV0LWRlbW8ta2V5LTAwMDEhISE='])).toEqual(ok);
    expect(verify(vector, [told.secret])).toEqual(mismatch);
  });

  it('accept either secret of a rotation, on either side', () => {
    for (const secrets of [[both], [former], [current], ['other', current], [current, 'other'], [`${former}|v1,whsec_AAAA`]])
      expect(verify(rotating, secrets)).toEqual(ok);
    expect(verify(hook, [both])).toEqual(ok);
    expect(verify(hook, [former])).toEqual(mismatch);
  });

  it('are those of the standard: its library takes what our sender signs', () => {
    const secret = supabaseSender.secret(new Uint8Array(32).fill(7));
    const sent = sentBy(supabaseSender, 'after-user-created', { secret, moment: momentAt(new Date()) });
    const body = Buffer.from(sent.body).toString('utf8');
    expect(new Webhook(secret.replace('v1,', '')).verify(body, { ...sent.headers })).toEqual(JSON.parse(body));
  });

  it('refuse a header that came twice and was joined by comma', () => {
    for (const name of PROOFS) {
      const value = hook.headers[name];
      for (const joined of [`${value},${value}`, `${value}, ${value}`, `${value} ${value}`])
        expect(verify(withHeaders(hook, { [name]: joined }), [told.secret])).toEqual(malformed);
    }
    const signature = rotating.headers['webhook-signature'];
    expect(verify(withHeaders(rotating, { 'webhook-signature': `${signature}, ${signature}` }), [both])).toEqual(malformed);
  });

  it('refuse any flipped bit, in the headers and in the body', () => {
    const flipped = [...PROOFS.flatMap((name) => flippedHeader(hook, name)), ...flippedBody(hook)];
    expect(flipped.filter((altered) => verify(altered, [told.secret]).ok)).toEqual([]);
  });

  it('refuse a missing or empty header', () => {
    for (const name of PROOFS) {
      for (const value of [undefined, '']) expect(verify(withHeaders(hook, { [name]: value }), [told.secret])).toEqual(missing);
    }
  });

  it.each([-302, 302, 86_400])('refuse a replay %d seconds off', (seconds) => {
    expect(verify(later(hook, seconds), [told.secret])).toEqual(outside);
  });

  it.each([-298, 298])('accept a clock that is %d seconds off', (seconds) => {
    expect(verify(later(hook, seconds), [told.secret])).toEqual(ok);
  });

  it('refuse when the time of receipt is no date', () => {
    expect(verify({ ...hook, receivedAt: new Date(Number.NaN) }, [told.secret])).toEqual(outside);
  });

  it('are opened by nothing but the secret of a hook', () => {
    const base64 = told.secret.replace('v1,whsec_', '');
    for (const secret of ['', ' ', 'v1,whsec_', 'v1,whsec_%', '|', 'v1,', base64, `whsec_${base64}`, `v1a,whsec_${base64}`])
      expect(verify(hook, [secret])).toEqual(mismatch);
    expect(verify(hook, [])).toEqual({ ok: false, code: 'NO_SECRET_CONFIGURED' });
  });

  it('are not made by whoever knows the token of a database webhook, though it could be a key', () => {
    const token = Buffer.from('a token that is base64 as well').toString('base64');
    const [id, timestamp] = ['invented', hook.headers['webhook-timestamp'] ?? ''];
    const mac = createHmac('sha256', Buffer.from(token, 'base64')).update(`${id}.${timestamp}.`).update(hook.body);
    const signature = `v1,${mac.digest('base64')}`;
    const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
    expect(verify({ ...hook, headers }, [token])).toEqual(mismatch);
    expect(verify({ ...hook, headers }, [`v1,whsec_${token}`])).toEqual(ok);
  });

  it('are not looked for under the names of Svix, and decide where there are any', () => {
    const renamed = Object.fromEntries(
      Object.entries(hook.headers).map(([name, value]) => [name.replace('webhook-', 'svix-'), value]),
    );
    expect(verify({ ...hook, headers: renamed }, [told.secret])).toEqual(missing);
    const request = requestOf(row);
    expect(verify(withHeaders(request, { 'webhook-signature': 'v1,AA' }), [row.secret])).toEqual(missing);
  });
});

describe('the fixed secret of database webhooks', () => {
  const named = fixture('supabase', 'user-updated-with-settings');
  const request = requestOf(named);
  const settings = { header: 'x-webhook-secret' };

  it('stands in the header that the settings name, and in no other', () => {
    expect(verify(request, [named.secret], settings)).toEqual(ok);
    expect(verify(request, ['other', named.secret], settings)).toEqual(ok);
    expect(verify(request, [named.secret])).toEqual(missing);
    expect(verify(requestOf(row), [row.secret], settings)).toEqual(missing);
    expect(verify(requestOf(row), [row.secret], { header: 'authorization' })).toEqual(ok);
    expect(verify(request, [], settings)).toEqual({ ok: false, code: 'NO_SECRET_CONFIGURED' });
  });

  it('is taken whole', () => {
    const given = (value: string, secrets = [named.secret]) =>
      verify(withHeaders(request, { 'x-webhook-secret': value }), secrets, settings);
    for (const near of [named.secret.slice(1), `${named.secret}x`, named.secret.toUpperCase(), `Bearer ${named.secret}`])
      expect(given(near)).toEqual(mismatch);
    for (const none of [`${named.secret},${named.secret}`, ` ${named.secret}`, 'ä', 'x'.repeat(5000)])
      expect(given(none, [none, named.secret])).toEqual(malformed);
    expect(given('')).toEqual(missing);
    for (const blank of ['', ' ', 'v1,whsec_']) expect(given(' ', [blank]).ok).toBe(false);
    const flipped = flippedHeader(request, 'x-webhook-secret');
    expect(flipped.filter((altered) => verify(altered, [named.secret], settings).ok)).toEqual([]);
  });

  it("may be a hook's secret, without what stands before it", () => {
    const bearer = (token: string) => withHeaders(requestOf(row), { authorization: `Bearer ${token}` });
    expect(verify(bearer(current.replace('v1,', '')), [both])).toEqual(ok);
    expect(verify(bearer(current), [both])).toEqual(malformed);
    expect(verify(bearer('whsec_'), ['v1,whsec_'])).toEqual(mismatch);
    expect(verify(bearer(''), ['v1,'])).toEqual(malformed);
  });
});

describe('answers to hooks', () => {
  it('let every sign-up go on, well within 5 s, and are for hooks alone', () => {
    expect(supabase.hook?.(hook)).toEqual({ answer: { status: 204, body: '' }, withinMs: 2500 });
    expect(supabase.hook?.(withHeaders(hook, { 'webhook-signature': undefined }))).toBeDefined();
    expect(supabase.hook?.(requestOf(row))).toBeUndefined();
  });
});

describe('event ids of Supabase', () => {
  it('are the same for every try of a hook, each of which has its own webhook-id', () => {
    const event = supabase.schema.parse(JSON.parse(told.body));
    expect(supabase.head(event, withHeaders(hook, { 'webhook-id': 'another' }))).toEqual(supabase.head(event, hook));
  });

  it('are the same for a quick retry of a row, and others for another body or another minute', () => {
    const request = requestOf(row);
    const idOf = (altered: RawRequest) => supabase.head(supabase.schema.parse(JSON.parse(row.body)), altered).eventId;
    expect(idOf(later(request, 30))).toBe(idOf(request));
    expect(new Set([request, later(request, 60), { ...request, body: Buffer.from('{}') }].map(idOf)).size).toBe(3);
    expect(idOf(request)).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('mapping of Supabase', () => {
  const { receivedAt } = row;
  const BEFORE = '2026-11-20T08:00:00.000Z';
  const AFTER = '2026-11-20T09:59:00.000Z';
  const map = (type: string, members: object, settings: SourceSettings = {}) =>
    mapBody(supabase, { type, schema: 'auth', table: 'users', ...members }, { receivedAt, settings });
  const user = { id: 'u1', email: 'ada@example.com', updated_at: BEFORE };
  const notSignedUp = { kind: 'ignored', because: 'NOT_A_SIGN_UP' };
  const unchanged = { kind: 'ignored', because: 'NOTHING_CHANGED' };

  it('makes one user of the two events of one sign-up', () => {
    const mapped = [mapBody(supabase, JSON.parse(told.body), told), mapBody(supabase, JSON.parse(row.body), row)];
    for (const one of mapped)
      expect(one).toMatchObject({
        changes: [
          { call: { user_id: '7b1e0c52-0000-4000-8000-00000invent1' }, occurredAt: '2026-11-20T09:15:00.251Z', creates: true },
        ],
      });
  });

  it('takes an update for a change unless the row before would have sent the same', () => {
    const signedIn = { ...user, last_sign_in_at: AFTER, updated_at: AFTER };
    expect(map('UPDATE', { record: signedIn, old_record: user })).toEqual(unchanged);
    const settings = { properties: { seen: 'last_sign_in_at' } };
    expect(map('UPDATE', { record: signedIn, old_record: user }, settings)).toMatchObject({
      changes: [{ call: { metadata: { seen: AFTER } } }],
    });
    for (const old_record of [null, undefined, 7, { ...user, email: 'bela@example.com' }, { ...user, is_anonymous: true }])
      expect(map('UPDATE', { record: signedIn, old_record })).toMatchObject({
        changes: [{ call: { user_id: 'u1' }, occurredAt: AFTER }],
      });
  });

  it('knows nobody who is anonymous, not even when they go', () => {
    const anonymous = { ...user, is_anonymous: true };
    expect(map('INSERT', { record: anonymous })).toEqual(notSignedUp);
    expect(map('UPDATE', { record: anonymous, old_record: user })).toEqual(notSignedUp);
    expect(map('DELETE', { old_record: anonymous })).toEqual(notSignedUp);
    const metadata = { uuid: 'x', name: 'after-user-created' };
    expect(mapBody(supabase, { metadata, user: anonymous }, { receivedAt, settings: {} })).toEqual(notSignedUp);
  });

  it('dates a deletion no earlier than the last change of the row', () => {
    const at = (updated_at: string | null) => map('DELETE', { old_record: { ...user, updated_at } });
    expect(at(BEFORE)).toMatchObject({ changes: [{ call: { kind: 'deleteUser' }, occurredAt: receivedAt }] });
    expect(at(AFTER)).toMatchObject({ changes: [{ occurredAt: AFTER }] });
    expect(at(null)).toMatchObject({ changes: [{ occurredAt: receivedAt }] });
  });

  it('takes a soft deletion for a deletion, whatever it did to the address', () => {
    const record = { ...user, email: 'c0ffee', deleted_at: AFTER };
    expect(map('UPDATE', { record, old_record: user })).toMatchObject({
      changes: [{ call: { kind: 'deleteUser', user_id: 'u1' } }],
    });
    expect(map('UPDATE', { record, old_record: user }, { deletions: 'ignore' })).toEqual({
      kind: 'ignored',
      because: 'DELETION_IGNORED',
    });
  });

  it.each([
    [{ full_name: 'Ada L', name: 'x' }, 'Ada L'],
    [{ full_name: '', name: 'Ada' }, 'Ada'],
    [{ first_name: 'Ada', last_name: 'L' }, 'Ada L'],
    [{ full_name: { a: 1 }, name: 7 }, undefined],
    [null, undefined],
    ['text', undefined],
  ])('finds in %j, which the person may fill in, the name %j', (raw_user_meta_data, name) => {
    const mapped = map('INSERT', { record: { ...user, raw_user_meta_data } });
    expect(mapped).toMatchObject({ changes: [{ call: { metadata: { email: 'ada@example.com', ...(name && { name }) } } }] });
    expect(JSON.stringify(mapped).includes('"name"')).toBe(name !== undefined);
  });

  it('says nothing of an address where there is none', () => {
    for (const email of ['', null, undefined]) {
      const mapped = map('INSERT', { record: { ...user, email } });
      expect(mapped).toMatchObject({ changes: [{ call: { user_id: 'u1' } }] });
      expect(JSON.stringify(mapped)).not.toContain('email');
    }
  });

  it('names user and company by the configured ids', () => {
    const settings = { userId: ['app_metadata.app_id'], companyId: ['app_metadata.tenant'] };
    const named = { ...user, raw_app_meta_data: { app_id: 'a7', tenant: 't1' } };
    expect(map('INSERT', { record: named }, settings)).toMatchObject({
      changes: [{ call: { user_id: 'a7', company: { id: 't1' } } }],
    });
    expect(map('DELETE', { old_record: named }, settings)).toMatchObject({ changes: [{ call: { user_id: 'a7' } }] });
    expect(map('INSERT', { record: user }, settings)).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    expect(map('DELETE', { old_record: user }, settings)).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
  });

  it('heeds no other table, and no other change of this one', () => {
    const ignored = { kind: 'ignored', because: 'EVENT_NOT_HANDLED' };
    expect(map('INSERT', { table: 'identities', record: user })).toEqual(ignored);
    expect(map('INSERT', { schema: 'public', record: user })).toEqual(ignored);
    expect(map('TRUNCATE', { record: null })).toEqual(ignored);
  });

  it('sends nobody who is not yet there', () => {
    const metadata = { uuid: 'x', name: 'before-user-created', time: BEFORE };
    expect(mapBody(supabase, { metadata, user }, { receivedAt, settings: {} })).toEqual({
      kind: 'ignored',
      because: 'EVENT_NOT_HANDLED',
    });
  });

  it('dates a hook by its own time where the user has none', () => {
    const metadata = { uuid: 'x', name: 'after-user-created', time: BEFORE };
    const unset = { ...user, created_at: '0001-01-01T00:00:00Z', updated_at: '0001-01-01T00:00:00Z' };
    const mapped = mapBody(supabase, { metadata, user: unset }, { receivedAt, settings: {} });
    expect(mapped).toMatchObject({ changes: [{ occurredAt: BEFORE }] });
    expect(JSON.stringify(mapped)).not.toContain('created_at');
  });
});
