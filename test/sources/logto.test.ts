import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { RawRequest } from '../../functions/core/request.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { logto } from '../../functions/sources/logto.ts';
import { fixture, flippedBody, later, mapBody, NO_TRUST, requestOf } from '../support/sources.ts';

const signUp = fixture('logto', 'user-created');
const request = requestOf(signUp);
const { secret, receivedAt } = signUp;

const CREATED_AT = '2026-10-26T07:33:20.412Z';
const ok = { ok: true };
const outside = { ok: false, code: 'TIMESTAMP_OUTSIDE_TOLERANCE' };

/** As docs.logto.io/developers/webhooks/secure-webhooks defines it. */
const signed = (body: string | Uint8Array, over: Partial<RawRequest> = {}): RawRequest => ({
  headers: { 'logto-signature-sha-256': createHmac('sha256', secret).update(body).digest('hex') },
  body: Buffer.from(body),
  receivedAt: new Date(CREATED_AT),
  ...over,
});

describe('signatures of Logto', () => {
  it('accepts the known vector', () => {
    const vector: RawRequest = {
      headers: { 'logto-signature-sha-256': '7c48320946798c6f965ccbb59c85c4f6623bf32294d520fc6ee83ebefd7df2a3' },
      body: Buffer.from(
        '{"event":"User.Created","createdAt":"2026-01-01T00:00:00.000Z","data":{"id":"abc123def456"},"hookId":"hook_demo_1"}',
      ),
      receivedAt: new Date('2026-01-01T00:00:01.000Z'),
    };
    expect(logto.verify(vector, ['logtoDemoSigningKey123456789'], NO_TRUST)).toEqual(ok);
    expect(logto.verify(vector, [secret], NO_TRUST)).toEqual({ ok: false, code: 'SIGNATURE_MISMATCH' });
  });

  it.each([
    ['upper-case hex', (good: string) => good.toUpperCase()],
    ['a prefix', (good: string) => `sha256=${good}`],
    ['a space', (good: string) => ` ${good}`],
    ['a byte too few', (good: string) => good.slice(2)],
    ['a byte too many', (good: string) => `${good}00`],
  ])('refuses a signature with %s', (_, spoil) => {
    const header = spoil(request.headers['logto-signature-sha-256'] ?? '');
    const spoilt = { ...request, headers: { 'logto-signature-sha-256': header } };
    expect(logto.verify(spoilt, [secret], NO_TRUST)).toEqual({ ok: false, code: 'SIGNATURE_MALFORMED' });
  });

  it('takes a body that is sent again after an outage of days, but not for ever', () => {
    const event = signed(JSON.stringify({ event: 'User.Created', createdAt: CREATED_AT }));
    const days = (count: number, seconds = 0) => logto.verify(later(event, count * 86_400 + seconds), [secret], NO_TRUST);
    expect([days(0), days(1), days(3)]).toEqual([ok, ok, ok]);
    expect([days(3, 1), days(30)]).toEqual([outside, outside]);
    expect([days(0, -300), days(0, -301)]).toEqual([ok, outside]);
  });

  it.each(['', 'no JSON', '[', '7', '{}', '{"createdAt":null}', '{"createdAt":1793000000412}', '['.repeat(5000)])(
    'leaves to the schema what is signed and has no time: %j',
    (body) => {
      expect(logto.verify(signed(body), [secret], NO_TRUST)).toEqual(ok);
    },
  );

  it('looks at the time after the signature, so that a forged body learns nothing from it', () => {
    const tooLate = later(request, 30 * 86_400);
    expect(logto.verify(tooLate, [secret], NO_TRUST)).toEqual(outside);
    const verdicts = flippedBody(tooLate).map((altered) => logto.verify(altered, [secret], NO_TRUST));
    expect(new Set(verdicts.map((verdict) => JSON.stringify(verdict)))).toEqual(
      new Set(['{"ok":false,"code":"SIGNATURE_MISMATCH"}']),
    );
  });
});

describe('the event id of Logto', () => {
  const idOf = (body: object) => {
    const delivery = signed(JSON.stringify(body));
    return logto.head(logto.schema.parse(body), delivery).eventId;
  };
  const base = { event: 'User.Data.Updated', hookId: 'hook', createdAt: CREATED_AT, data: { id: 'u1', name: 'Ada' } };

  it('is that of the body: the same for a retry, another for another event, hook, user, time or state', () => {
    expect(idOf(base)).toBe(idOf({ ...base }));
    const others = [
      { ...base, event: 'User.Created' },
      { ...base, hookId: 'other' },
      { ...base, createdAt: '2026-10-26T07:33:20.413Z' },
      { ...base, data: { id: 'u2', name: 'Ada' } },
      { ...base, data: { id: 'u1', name: 'Bela' } },
    ].map(idOf);
    expect(new Set([idOf(base), ...others]).size).toBe(6);
  });

  it('holds nothing of the user, since logs show it', () => {
    expect(idOf(base)).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('mapping of Logto', () => {
  const map = (event: string, rest: object, settings: SourceSettings = {}) =>
    mapBody(logto, { event, createdAt: CREATED_AT, hookId: 'hook', ...rest }, { receivedAt, settings });
  const noUser = { kind: 'rejected', because: 'NO_USER_ID' };
  const noCompany = { kind: 'rejected', because: 'NO_COMPANY_ID' };
  const notHandled = { kind: 'ignored', because: 'EVENT_NOT_HANDLED' };

  it.each([
    [{ name: 'Ada Byron', profile: { givenName: 'A' }, username: 'ada' }, 'Ada Byron'],
    [{ name: null, profile: { givenName: 'Ada', familyName: 'B.' }, username: 'ada' }, 'Ada B.'],
    [{ name: '', profile: null, username: 'ada' }, 'ada'],
  ])('makes of %j the name %j', (over, name) => {
    expect(map('User.Data.Updated', { data: { id: 'u1', ...over } })).toMatchObject({
      changes: [{ call: { metadata: { name } } }],
    });
  });

  it('takes the sign-up from the user, not from the event of the same name', () => {
    const mapped = map('User.Created', { data: { id: 'u1', createdAt: 1793000000000, updatedAt: 1793000000300 } });
    expect(mapped).toMatchObject({
      changes: [{ call: { metadata: { created_at: '2026-10-26T07:33:20.000Z' } }, occurredAt: '2026-10-26T07:33:20.300Z' }],
    });
    expect(map('User.Created', { data: { id: 'u1' } })).toEqual({
      kind: 'changes',
      changes: [{ call: { kind: 'identifyUser', user_id: 'u1' }, facet: 'profile', occurredAt: CREATED_AT, creates: true }],
    });
  });

  it('never sends on what the test button sends, whatever the settings', () => {
    const id = 'fake-id';
    const test = { kind: 'ignored', because: 'TEST_EVENT' };
    for (const rest of [{ data: { id } }, { data: {}, params: { id } }, { data: null, params: { userId: id } }, { userId: id }]) {
      for (const event of ['User.Created', 'User.Deleted', 'Organization.Deleted', 'PostSignIn', 'Role.Created']) {
        expect(map(event, rest, { testEvents: 'deliver' })).toEqual(test);
      }
    }
  });

  it('sends nothing without an id', () => {
    const data = { result: 'success' };
    expect(map('User.Created', { data })).toEqual(noUser);
    expect(map('User.Data.Updated', { data, params: { id: 'u1' } })).toEqual(noUser);
    expect(map('User.Deleted', { data })).toEqual(noUser);
    expect(map('User.Deleted', { data: null })).toEqual(noUser);
    expect(map('Organization.Created', { data })).toEqual(noCompany);
    expect(map('Organization.Deleted', { data: null, params: {} })).toEqual(noCompany);
  });

  it('takes no part of a user for the user', () => {
    for (const matchedRoute of ['/users/:userId/custom-data', '/users/:userId/profile']) {
      expect(map('User.Data.Updated', { matchedRoute, data: { id: 'u1', name: 'Ada' } })).toEqual(notHandled);
    }
    const password = { matchedRoute: '/users/:userId/password', data: { id: 'u1', name: 'Ada' } };
    expect(map('User.Data.Updated', password)).toMatchObject({ changes: [{ call: { user_id: 'u1' } }] });
  });

  it('names a deleted user by the configured id or not at all', () => {
    const params = { userId: 'u1' };
    expect(map('User.Deleted', { data: null, params })).toMatchObject({
      changes: [{ call: { kind: 'deleteUser', user_id: 'u1' } }],
    });
    expect(map('User.Deleted', { data: null, params }, { userId: ['username', 'id'] })).toEqual(noUser);
    const data = { id: 'u1', username: null };
    expect(map('User.Deleted', { data, params }, { userId: ['username', 'id'] })).toMatchObject({
      changes: [{ call: { user_id: 'u1' } }],
    });
  });

  it('marks or ignores deletions when told to', () => {
    const marked = { call: { kind: 'identifyCompany', company_id: 'o1', metadata: { logto_deleted: true } } };
    expect(map('Organization.Deleted', { params: { id: 'o1' } }, { deletions: 'mark' })).toMatchObject({ changes: [marked] });
    expect(map('User.Deleted', { params: { userId: 'u1' } }, { deletions: 'ignore' })).toEqual({
      kind: 'ignored',
      because: 'DELETION_IGNORED',
    });
  });

  describe('of memberships', () => {
    const members = (rest: object, settings: SourceSettings = {}) =>
      map('Organization.Membership.Updated', { organizationId: 'o1', ...rest }, settings);

    it('moves each added user once', () => {
      const mapped = members({ addedUserIds: ['u1', 'u2', 'u1'] });
      const call = (user_id: string) => ({ kind: 'identifyUser', user_id, company: { id: 'o1' } });
      const when = { facet: 'membership', occurredAt: CREATED_AT };
      expect(mapped).toEqual({
        kind: 'changes',
        changes: [
          { call: call('u1'), ...when },
          { call: call('u2'), ...when },
        ],
      });
    });

    it('names members by the configured ids or not at all', () => {
      expect(members({ addedUserIds: ['u1'] }, { userId: ['username', 'id'] })).toEqual(noUser);
      expect(members({ addedUserIds: ['u1', ''] })).toEqual(noUser);
      expect(members({ addedUserIds: ['u1'], organizationId: null })).toEqual(noCompany);
      expect(members({ addedUserIds: ['u1'] }, { companyId: ['customData.tenant', 'id'] })).toEqual(noCompany);
    });

    it('finds nobody in the events of older releases, or where applications joined', () => {
      expect(members({})).toEqual(notHandled);
      expect(members({ addedUserIds: [], addedApplicationIds: ['a1'] })).toEqual(notHandled);
    });

    it('keeps an event apart that names more users than can be queued in time', () => {
      const ids = (count: number) => Array.from({ length: count }, (_, index) => `u${index}`);
      expect(members({ addedUserIds: ids(1000) })).toMatchObject({ kind: 'changes' });
      expect(members({ addedUserIds: ids(1001) })).toEqual({ kind: 'rejected', because: 'EVENT_TOO_LARGE' });
    });
  });
});
