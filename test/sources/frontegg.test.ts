import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { jwtVerify, SignJWT } from 'jose';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { fronteggSender } from '../../functions/sources/frontegg.sender.ts';
import { frontegg } from '../../functions/sources/frontegg.ts';
import { fixture, mapBody, momentAt, NO_TRUST, requestOf, sentBy, withHeaders } from '../support/sources.ts';

const signUp = fixture('frontegg', 'user-created');
const request = requestOf(signUp);
const { secret, receivedAt } = signUp;

const ok = { ok: true };
const mismatch = { ok: false, code: 'SIGNATURE_MISMATCH' };
const malformed = { ok: false, code: 'SIGNATURE_MALFORMED' };
const outside = { ok: false, code: 'TIMESTAMP_OUTSIDE_TOLERANCE' };
const verify = (header: string, secrets: readonly string[] = [secret]) =>
  frontegg.verify(withHeaders(request, { 'x-webhook-secret': header }), secrets, NO_TRUST);

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
/** As RFC 7515 defines it, whatever the header says. */
const token = (header: unknown, claims: unknown, { key = secret, hash = 'sha256' } = {}): string => {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`;
};
const now = Math.floor(new Date(receivedAt).getTime() / 1000);

describe('the token of Frontegg', () => {
  it('accepts the known vector, which the jsonwebtoken library made', () => {
    const vector = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3OTMwMDAwMDB9.iGD8Ilr4H2hwPVLncCHTD3RIQcb6sfkgdJhfPKjZMhs';
    expect(verify(vector, ['frontegg-made-up-secret'])).toEqual(ok);
    expect(verify(vector, [secret, 'frontegg-made-up-secret'])).toEqual(ok);
    expect(verify(vector)).toEqual(mismatch);
  });

  it.each(['HS256', 'HS384', 'HS512'])('accepts what the jose library signs with %s', async (alg) => {
    const long = secret.repeat(2);
    const made = await new SignJWT({ any: 'claim' }).setProtectedHeader({ alg }).sign(Buffer.from(long));
    expect([verify(made, [long]), verify(made, [secret])]).toEqual([ok, mismatch]);
  });

  it('makes what the jose library accepts', async () => {
    const made = sentBy(fronteggSender, 'frontegg.user.created', { secret, moment: momentAt(request.receivedAt) });
    const { payload } = await jwtVerify(made.headers['x-webhook-secret'] ?? '', Buffer.from(secret), { algorithms: ['HS256'] });
    expect(payload).toEqual({ iat: now });
  });

  it.each([
    ['no algorithm', { alg: 'none' }],
    ['an asymmetric algorithm', { alg: 'RS256' }],
    ['another spelling', { alg: 'hs256' }],
    ['the name of a method', { alg: 'constructor' }],
    ['no name of an algorithm', { alg: ['HS256'] }],
    ['an extension that must be understood', { alg: 'HS256', crit: ['b64'], b64: false }],
    ['an empty header', {}],
    ['a header that is no object', 'HS256'],
  ])('refuses %s, although the signature is right', (_, header) => {
    expect(verify(token(header, {}))).toEqual(malformed);
  });

  it('refuses an unsigned token', () => {
    expect(verify(`${part({ alg: 'none' })}.${part({})}.`)).toEqual(mismatch);
    expect(verify(`${part({ alg: 'HS256' })}.${part({})}.AA`)).toEqual(mismatch);
  });

  it('does not mix up the algorithms', () => {
    expect(verify(token({ alg: 'HS512' }, {}))).toEqual(mismatch);
    expect(verify(token({ alg: 'HS256' }, {}, { hash: 'sha512' }))).toEqual(mismatch);
    expect(verify(token({ alg: 'HS512' }, {}, { hash: 'sha512' }))).toEqual(ok);
  });

  it('refuses a second spelling of the same signature', () => {
    const good = token({ alg: 'HS256' }, {});
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const twin = `${good.slice(0, -1)}${alphabet[alphabet.indexOf(good.at(-1) ?? '') + 1]}`;
    expect(Buffer.from(twin.split('.')[2] ?? '', 'base64url')).toEqual(Buffer.from(good.split('.')[2] ?? '', 'base64url'));
    expect([verify(good), verify(twin)]).toEqual([ok, malformed]);
  });

  it.each([
    [{ exp: now + 60 }, ok],
    [{ exp: now - 300 + 1 }, ok],
    [{ exp: now - 302 }, outside],
    [{ nbf: now + 300 }, ok],
    [{ nbf: now + 302 }, outside],
    [{ nbf: now - 60, exp: now + 60 }, ok],
    [{ iat: 1 }, ok],
    [{ exp: 'tomorrow' }, malformed],
    [{ nbf: null }, malformed],
    ['text', malformed],
  ])('takes the claims %j as %j', (claims, verdict) => {
    expect(verify(token({ alg: 'HS256' }, claims))).toEqual(verdict);
  });

  it('refuses a token that ends when the time of receipt is no date', () => {
    const broken = {
      ...withHeaders(request, { 'x-webhook-secret': token({ alg: 'HS256' }, { exp: now }) }),
      receivedAt: new Date(Number.NaN),
    };
    expect(frontegg.verify(broken, [secret], NO_TRUST)).toEqual(outside);
  });

  it.each(['{', '['.repeat(2000), '\ud800', '{"alg":"HS256"'])('refuses the header %j, and throws at nothing', (text) => {
    expect(verify(`${Buffer.from(text).toString('base64url')}.${part({})}.AA`)).toEqual(malformed);
  });
});

describe('the plain secret of Frontegg', () => {
  it('is accepted as it stands', () => {
    expect([verify(secret), verify(secret, ['other', secret])]).toEqual([ok, ok]);
    for (const near of [secret.slice(0, -1), `${secret}x`, secret.toUpperCase(), `Bearer_${secret}`])
      expect(verify(near)).toEqual(mismatch);
  });

  it.each([` ${secret}`, `${secret},${secret}`, 'Bearer x', 'ä', 'x'.repeat(5000)])('is not looked for in %j', (header) => {
    expect(verify(header, [header, secret])).toEqual(malformed);
  });
});

describe('the event id of Frontegg', () => {
  const idOf = (body: object, receivedIn = receivedAt) =>
    frontegg.head(frontegg.schema.parse(body), {
      ...request,
      body: Buffer.from(JSON.stringify(body)),
      receivedAt: new Date(receivedIn),
    }).eventId;
  const base = { eventKey: 'frontegg.user.updated', user: { id: 'u1', name: 'Ada' } };

  it('is the same for a quick retry, and another for another body or another minute', () => {
    expect(idOf(base, '2026-11-20T09:15:59.000Z')).toBe(idOf(base));
    const others = [idOf({ ...base, user: { id: 'u1', name: 'Bela' } }), idOf(base, '2026-11-20T09:16:00.000Z')];
    expect(new Set([idOf(base), ...others]).size).toBe(3);
  });

  it('holds nothing of the user, since logs show it', () => {
    expect(idOf(base)).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('mapping of Frontegg', () => {
  const map = (name: string, rest: object, settings: SourceSettings = {}) =>
    mapBody(frontegg, { eventKey: `frontegg.${name}`, ...rest }, { receivedAt, settings });
  const user = { id: 'u1', tenantId: 't1' };
  const eventContext = { tenantId: 't2', userId: 'u2' };
  const noUser = { kind: 'rejected', because: 'NO_USER_ID' };
  const noCompany = { kind: 'rejected', because: 'NO_COMPANY_ID' };

  it.each([
    [{ user }],
    [{ data: { user } }],
    [{ data: user }],
    [{ user, data: { user: { id: 'other' } } }],
    [{ user, eventContext }],
  ])('finds the user in %j', (rest) => {
    expect(map('user.updated', rest)).toMatchObject({
      changes: [
        { call: { user_id: 'u1' }, facet: 'profile' },
        { call: { user_id: 'u1', company: { id: 't1' } }, facet: 'membership' },
      ],
    });
  });

  it('falls back to the ids of the context', () => {
    expect(map('user.updated', { user: { email: 'ada@example.com' }, eventContext })).toMatchObject({
      changes: [{ call: { user_id: 'u2' } }, { call: { user_id: 'u2', company: { id: 't2' } } }],
    });
    expect(map('user.updated', { user: { email: 'ada@example.com' } })).toEqual(noUser);
  });

  it('leaves the company alone where none is named', () => {
    expect(map('user.updated', { user: { id: 'u1' } })).toMatchObject({ changes: [{ facet: 'profile' }] });
    expect(map('user.updated', { user }, { companyId: ['metadata.tenant'] })).toMatchObject({ changes: [{ facet: 'profile' }] });
  });

  it('dates a creation by the user, lest a late delivery of it bring a deleted user back', () => {
    const created = (createdAt?: string) => map('user.created', { user: { id: 'u1', createdAt } });
    expect(created('2026-11-20T09:14:59.500Z')).toMatchObject({
      changes: [{ occurredAt: '2026-11-20T09:14:59.500Z', creates: true }],
    });
    expect(created('2026-11-20T09:15:09.500Z')).toMatchObject({ changes: [{ occurredAt: receivedAt, creates: true }] });
    expect(created()).toMatchObject({ changes: [{ occurredAt: receivedAt, creates: true }] });
    const tenant = { tenantId: 't1', createdAt: '2026-11-20T09:14:59.500Z' };
    expect(map('tenant.created', { tenant })).toMatchObject({
      changes: [{ occurredAt: '2026-11-20T09:14:59.500Z', creates: true }],
    });
  });

  it.each(['user.signedUp', 'user.activated', 'user.updated'])(
    'dates %s by its receipt, and lifts no tombstone by it',
    (name) => {
      const mapped = map(name, { user: { id: 'u1', createdAt: '2026-11-20T09:14:59.500Z' } });
      expect(mapped).toMatchObject({ changes: [{ occurredAt: receivedAt }] });
      expect(JSON.stringify(mapped)).not.toContain('creates');
    },
  );

  it('leaves out whether the address is verified when Frontegg does not know', () => {
    expect(JSON.stringify(map('user.updated', { user: { id: 'u1', verified: null } }))).not.toContain('email_verified');
  });

  it.each([
    ['{"plan":"pro","seats":3}', { plan: 'pro', seats: 3 }],
    [{ plan: 'pro' }, { plan: 'pro' }],
  ])('reads configured paths in the metadata %j', (metadata, expected) => {
    const settings = { properties: { plan: 'metadata.plan', seats: 'metadata.seats' } };
    expect(map('user.updated', { user: { id: 'u1', metadata } }, settings)).toMatchObject({
      changes: [{ call: { metadata: expected } }],
    });
  });

  it.each(['', 'text', '{', '7', '[1]', '['.repeat(2000)])('finds nothing in the metadata %j', (metadata) => {
    const settings = { userId: ['metadata.app_id', 'id'], properties: { plan: 'metadata.plan' } };
    expect(map('user.updated', { user: { id: 'u1', metadata } }, settings)).toEqual({
      kind: 'changes',
      changes: [{ call: { kind: 'identifyUser', user_id: 'u1' }, facet: 'profile', occurredAt: receivedAt }],
    });
  });

  it('names who joined by the configured id or not at all', () => {
    const joined = (rest: object, settings: SourceSettings = {}) => map('user.joinedTenantUsingInvitationLink', rest, settings);
    expect(joined({ user, eventContext })).toMatchObject({ changes: [{ call: { user_id: 'u1', company: { id: 't2' } } }] });
    expect(joined({ user })).toMatchObject({ changes: [{ call: { user_id: 'u1', company: { id: 't1' } } }] });
    expect(joined({ eventContext }, { userId: ['metadata.app_id', 'id'] })).toEqual(noUser);
    expect(joined({ user: { tenantId: 't1' } })).toEqual(noUser);
    expect(joined({ user: { id: 'u1' } })).toEqual(noCompany);
  });

  it('names what was deleted by the configured id or not at all', () => {
    expect(map('user.deleted', { eventContext })).toMatchObject({ changes: [{ call: { kind: 'deleteUser', user_id: 'u2' } }] });
    expect(map('user.deleted', { user, eventContext })).toMatchObject({ changes: [{ call: { user_id: 'u1' } }] });
    expect(map('user.deleted', { eventContext }, { userId: ['metadata.app_id', 'id'] })).toEqual(noUser);
    expect(map('user.deleted', {})).toEqual(noUser);
    expect(map('tenant.deleted', { eventContext })).toMatchObject({
      changes: [{ call: { kind: 'deleteCompany', company_id: 't2' } }],
    });
    expect(map('tenant.deleted', {})).toEqual(noCompany);
    expect(map('tenant.updated', {})).toEqual(noCompany);
  });

  it('marks or ignores deletions when told to', () => {
    const marked = { call: { kind: 'identifyCompany', company_id: 't2', metadata: { frontegg_deleted: true } } };
    expect(map('tenant.deleted', { eventContext }, { deletions: 'mark' })).toMatchObject({ changes: [marked] });
    for (const name of ['user.deleted', 'tenant.deleted']) {
      expect(map(name, { eventContext }, { deletions: 'ignore' })).toEqual({ kind: 'ignored', because: 'DELETION_IGNORED' });
    }
  });
});
