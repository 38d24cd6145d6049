import { describe, expect, it } from '@jest/globals';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { okta } from '../../functions/sources/okta.ts';
import { recordsIn } from '../../functions/sources/source.ts';
import { fixture, mapBody, NO_TRUST, requestOf, withHeaders } from '../support/sources.ts';

const signUp = fixture('okta', 'user-created');
const request = requestOf(signUp);
const { secret, receivedAt } = signUp;

describe('the fixed text of an event hook', () => {
  const verify = (authorization: string, secrets: readonly string[]) =>
    okta.verify(withHeaders(request, { authorization }), secrets, NO_TRUST);
  const mismatch = { ok: false, code: 'SIGNATURE_MISMATCH' };

  it('is taken to the letter, with or without a scheme', () => {
    for (const value of ['invented', 'Bearer invented', 'Basic aW52ZW50ZWQ=', 'several invented words'])
      expect(verify(value, [value])).toEqual({ ok: true });
    expect(verify('Bearer invented', ['invented'])).toEqual(mismatch);
    expect(verify('invented', ['Bearer invented'])).toEqual(mismatch);
    expect(verify(secret.toUpperCase(), [secret])).toEqual(mismatch);
  });

  it.each(['two  spaces', ' before', 'after ', 'one,two', 'tab\there', 'ümlaut', 'x'.repeat(5000)])(
    'is never %j, not even where that is the secret',
    (value) => {
      expect(verify(value, [value])).toEqual({ ok: false, code: 'SIGNATURE_MALFORMED' });
    },
  );

  it('is looked for in the header that the settings name, and nowhere else', () => {
    const trust = { ...NO_TRUST, settings: { header: 'x-invented-secret' } };
    expect(okta.verify(request, [secret], trust)).toEqual({ ok: false, code: 'SIGNATURE_MISSING' });
    expect(okta.verify(withHeaders(request, { 'x-invented-secret': secret }), [secret], trust)).toEqual({ ok: true });
  });
});

describe('the handshake of an event hook', () => {
  const asked = (challenge: string | undefined, method = 'GET') =>
    okta.handshake?.({
      method,
      query: {},
      headers: challenge === undefined ? {} : { 'x-okta-verification-challenge': challenge },
      body: new Uint8Array(),
    });

  it('gives the challenge back as JSON, without a secret', () => {
    expect(asked('invented-Challenge_0123')).toEqual({ status: 200, body: '{"verification":"invented-Challenge_0123"}' });
    expect(asked('"</script>\\')).toEqual({ status: 200, body: '{"verification":"\\"</script>\\\\"}' });
    expect(asked('x'.repeat(1024))).toMatchObject({ status: 200 });
  });

  it.each([undefined, '', ' ', 'a b', 'é', 'a\nb', 'x'.repeat(1025)])('is none for %j', (challenge) => {
    expect(asked(challenge)).toBeUndefined();
  });

  it('is none for an event', () => {
    expect(asked('invented', 'POST')).toBeUndefined();
    expect(asked('invented', 'HEAD')).toBeUndefined();
  });
});

describe('mapping of Okta', () => {
  const user = { id: '00uinvented1', type: 'User', alternateId: 'ada@example.com', displayName: 'Ada Byron' };
  const API: SourceSettings = { api: 'https://acme.okta.example' };
  const map = (eventType: string, over: object = {}, settings: SourceSettings = {}) => {
    const event = { uuid: 'invented-1', eventType, published: '2026-11-20T09:14:03.201Z', target: [user], ...over };
    const [record] = recordsIn(okta, Buffer.from(JSON.stringify({ data: { events: [event] } }))) ?? [];
    return mapBody(okta, record, { receivedAt, settings });
  };

  it.each([
    'user.lifecycle.create',
    'user.lifecycle.activate',
    'user.lifecycle.reactivate',
    'user.lifecycle.suspend',
    'user.lifecycle.unsuspend',
    'user.lifecycle.deactivate',
    'user.account.update_profile',
  ])('asks for the user after %s, and sends what the event holds where nobody can be asked', (type) => {
    const created = type === 'user.lifecycle.create';
    const asked = {
      subject: 'user',
      id: '00uinvented1',
      occurredAt: '2026-11-20T09:14:03.201Z',
      ...(created && { creates: true }),
    };
    expect(map(type, {}, API)).toEqual({ kind: 'refresh', refreshes: [asked] });
    const metadata = { email: 'ada@example.com', name: 'Ada Byron', ...(created && { created_at: '2026-11-20T09:14:03.201Z' }) };
    expect(map(type)).toMatchObject({ changes: [{ call: { user_id: '00uinvented1', metadata } }] });
  });

  it.each(['ada', 'unknown', 'ada@', '@example.com', 'ada @example.com', '', null])(
    'takes no login %j for an address',
    (alternateId) => {
      const mapped = map('user.account.update_profile', { target: [{ ...user, alternateId }] });
      expect(mapped).toMatchObject({ changes: [{ call: { metadata: { name: 'Ada Byron' } } }] });
      expect(JSON.stringify(mapped)).not.toContain('email');
    },
  );

  it('looks for the user among the targets, and never takes the actor for it', () => {
    const app = { id: '0oaInvented', type: 'AppInstance', alternateId: 'App', displayName: 'App' };
    expect(map('user.lifecycle.create', { target: [app, null, user] }, API)).toMatchObject({
      refreshes: [{ id: '00uinvented1' }],
    });
    for (const target of [[app], [], null, undefined, 'text']) {
      const nobody = { target, actor: user };
      expect(map('user.lifecycle.create', nobody, API)).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
      expect(map('user.lifecycle.create', nobody)).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    }
  });

  it.each(['FAILURE', 'SKIPPED', 'UNKNOWN'])('ignores what ended in %s', (result) => {
    const nothing = { kind: 'ignored', because: 'EVENT_NOT_HANDLED' };
    expect(map('user.lifecycle.create', { outcome: { result } }, API)).toEqual(nothing);
    expect(map('user.lifecycle.delete.initiated', { outcome: { result } })).toEqual(nothing);
  });

  it('ends a user at once, whoever could be asked, and only by an id that the event holds', () => {
    const deleted = (settings: SourceSettings) => map('user.lifecycle.delete.initiated', {}, settings);
    const ended = { call: { kind: 'deleteUser', user_id: '00uinvented1' }, occurredAt: '2026-11-20T09:14:03.201Z' };
    expect(deleted(API)).toMatchObject({ changes: [ended] });
    expect(deleted({ ...API, deletions: 'ignore' })).toEqual({ kind: 'ignored', because: 'DELETION_IGNORED' });
    expect(deleted({ ...API, userId: ['profile.appUserId', 'id'] })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    expect(map('user.lifecycle.deactivate', {}, { ...API, userId: ['profile.appUserId'] })).toMatchObject({ kind: 'refresh' });
    expect(map('user.lifecycle.create', {}, { userId: ['profile.appUserId'] })).toEqual({
      kind: 'rejected',
      because: 'NO_USER_ID',
    });
  });

  it('takes nothing from outside for a user that it fetched', () => {
    const fetched = { id: '00uinvented1', profile: { email: 'forged@example.com' } };
    const nothing = { kind: 'ignored', because: 'EVENT_NOT_HANDLED' };
    expect(map('fetched.user', { fetched }, API)).toEqual(nothing);
    expect(map('fetched.user', { fetched })).toEqual(nothing);
    expect(JSON.stringify(map('user.lifecycle.create', { fetched }))).not.toContain('forged');
  });

  it('reads a hook without events as one in which nothing happened', () => {
    expect(recordsIn(okta, Buffer.from('{"data":{"events":[]}}'))).toEqual([]);
  });
});
