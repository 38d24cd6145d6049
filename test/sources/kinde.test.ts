import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { CompactSign, compactVerify, createLocalJWKSet, type JSONWebKeySet, SignJWT } from 'jose';
import { readJwks } from '../../functions/sources/jwt.ts';
import { kindeSender } from '../../functions/sources/kinde.sender.ts';
import { kinde } from '../../functions/sources/kinde.ts';
import { jwksOf } from '../../functions/sources/token.sender.ts';
import { fixture, momentAt, requestOf, sentBy } from '../support/sources.ts';

const NOW = new Date('2026-10-26T07:33:20.412Z');
const KID = '3f:a0:invented:07';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const page = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: KID, use: 'sig' }] };
const trust = { settings: {}, keys: readJwks(page) };

const genuine = {
  type: 'user.created',
  event_id: 'event_invented1',
  source: 'user',
  timestamp: '2026-10-26T17:33:20.412345+10:00',
  data: { user: { id: 'kp_invented1' } },
};
const verdictOn = (body: string | Uint8Array, receivedAt = NOW) =>
  kinde.verify({ headers: {}, body: Buffer.from(body), receivedAt }, [], trust);
const compact = (claims: unknown, head: object = {}) =>
  new CompactSign(Buffer.from(typeof claims === 'string' ? claims : JSON.stringify(claims)))
    .setProtectedHeader({ alg: 'RS256', kid: KID, ...head })
    .sign(privateKey);

const ok = { ok: true };
const refusal = (code: string) => ({ ok: false, code });

describe('signatures of Kinde', () => {
  it('are taken by the id of their key, whatever signs it holds, and by one algorithm alone', async () => {
    expect(verdictOn(await compact(genuine))).toEqual(ok);
    expect(verdictOn(await compact(genuine, { kid: KID.replaceAll(':', '') }))).toEqual(refusal('KEY_UNKNOWN'));
    expect(verdictOn(await compact(genuine, { alg: 'RS512' }))).toEqual(refusal('SIGNATURE_MALFORMED'));
    expect(verdictOn(await compact(genuine, { alg: 'PS256' }))).toEqual(refusal('SIGNATURE_MALFORMED'));
  });

  it('of our sender are those that jose takes', async () => {
    const secret = kindeSender.secret(new Uint8Array(32).fill(3));
    const { body } = sentBy(kindeSender, 'user.created', { secret, moment: momentAt(NOW) });
    // Its own type of the same page.
    const { payload } = await compactVerify(Buffer.from(body), createLocalJWKSet(jwksOf([secret]) as JSONWebKeySet));
    expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({
      type: 'user.created',
      event_id: 'event_invented-event-1',
    });
  });

  it.each([
    ['nothing', '', 'SIGNATURE_MISSING'],
    ['JSON', '{"type":"user.created"}', 'SIGNATURE_MALFORMED'],
    ['a token in quotes', '"e30.e30.e30"', 'SIGNATURE_MALFORMED'],
  ])('are missed in %s', (_, body, code) => {
    expect(verdictOn(body)).toEqual(refusal(code));
  });
});

describe('what else Kinde signs', () => {
  const user = new SignJWT({ scp: ['openid'], azp: 'invented-client', org_code: 'org_invented', permissions: [] })
    .setProtectedHeader({ alg: 'RS256', kid: KID, typ: 'JWT' })
    .setSubject('kp_invented1')
    .setIssuer('https://acme.kinde.example')
    .setAudience('https://api.example.com')
    .setIssuedAt(NOW)
    .setExpirationTime('1h');

  it("is no event: a user's access token", async () => {
    expect(verdictOn(await user.sign(privateKey))).toEqual(refusal('TOKEN_NOT_FOR_US'));
  });

  it.each([
    ['no event id', { event_id: undefined }],
    ['an event id of another form', { event_id: 'evt_invented1' }],
    ['no time', { timestamp: undefined }],
    ['no type', { type: undefined }],
    ['a type that is no text', { type: ['user.created'] }],
    ['the type that only a list may bear', { type: 'listed.user' }],
  ])('is no event: claims with %s', async (_, changed) => {
    expect(verdictOn(await compact({ ...genuine, ...changed }))).toEqual(refusal('TOKEN_NOT_FOR_US'));
  });

  it.each(['', 'text', '[]', 'null', '['.repeat(100)])('is no event: %j', async (claims) => {
    expect(verdictOn(await compact(claims || ' '))).toEqual(refusal('TOKEN_NOT_FOR_US'));
  });
});

describe('the time of an event', () => {
  it.each([
    ['in UTC', '2026-10-26T07:33:20.412Z'],
    ['in UTC to the microsecond', '2026-10-26T07:33:20.412345Z'],
    ['with an offset', '2026-10-26T17:33:20.412+10:00'],
    ['with an offset behind UTC', '2026-10-26T02:33:20.412999-05:00'],
  ])('is read %s', (_, timestamp) => {
    const mapped = kinde.map(kinde.schema.parse({ ...genuine, timestamp }), { settings: {}, receivedAt: NOW });
    expect(mapped).toMatchObject({ changes: [{ occurredAt: NOW, call: { metadata: { created_at: NOW.toISOString() } } }] });
  });

  it('is good for as long as Kinde goes on trying, and not for ever', async () => {
    const body = await compact(genuine);
    const verdictAfter = (hours: number) => verdictOn(body, new Date(NOW.getTime() + hours * 3_600_000));
    expect([verdictAfter(36), verdictAfter(48), verdictAfter(48.1), verdictAfter(-0.1)]).toEqual([
      ok,
      ok,
      refusal('TIMESTAMP_OUTSIDE_TOLERANCE'),
      refusal('TIMESTAMP_OUTSIDE_TOLERANCE'),
    ]);
  });

  it.each(['yesterday', 1_793_000_000, null])(
    'that nobody can read does not send the event back: it is parked, %j',
    async (timestamp) => {
      expect(verdictOn(await compact({ ...genuine, timestamp }))).toEqual(ok);
    },
  );
});

describe('companies of Kinde', () => {
  const mapped = (organizations: unknown, companyId?: string[]) =>
    kinde.map(kinde.schema.parse({ ...genuine, data: { user: { id: 'kp_invented1', organizations } } }), {
      settings: companyId === undefined ? {} : { companyId },
      receivedAt: NOW,
    });
  const [one, two] = [
    { code: 'org_one', roles: null },
    { code: 'org_two', roles: [{ id: 'r', key: 'owner' }] },
  ];
  const company = (id: string) => ({ changes: [{ call: { company: { id } } }] });
  const none = { changes: [{ call: expect.not.objectContaining({ company: expect.anything() }) }] };

  it('are the only organization, or the one that the settings choose', () => {
    expect(mapped([one])).toMatchObject(company('org_one'));
    expect(mapped([one, two])).toMatchObject(none);
    expect(mapped([one, two], ['organizations[0].code'])).toMatchObject(company('org_one'));
    expect(mapped([one, two], ['organizations[1].code'])).toMatchObject(company('org_two'));
  });

  it.each([[[]], [null], [undefined]])('are none for organizations %j', (organizations) => {
    expect(mapped(organizations)).toMatchObject(none);
    expect(mapped(organizations, ['organizations[0].code'])).toMatchObject(none);
  });

  it('are not named by a member that users do not have, while their own events go on', () => {
    expect(mapped([one], ['organizations[0].external_id', 'organizations[0].code'])).toMatchObject(none);
    const { body, ...recorded } = fixture('kinde', 'organization-updated-with-settings');
    expect(recorded.expected).toMatchObject({ changes: [{ call: { company_id: 'acct-42' } }] });
  });

  it('take a role away that is gone, and say nothing of roles that nobody told', () => {
    const roles = (...organizations: object[]) => {
      const result = mapped(organizations);
      return result.kind === 'changes' ? result.changes[0]?.call : undefined;
    };
    expect(roles(two)).toMatchObject({ metadata: { roles: 'owner' } });
    expect(roles({ code: 'org', roles: ['owner', 'editor'] })).toMatchObject({ metadata: { roles: 'owner,editor' } });
    expect(roles({ code: 'org', roles: [] })).toMatchObject({ metadata: { roles: null } });
    expect(roles({ code: 'org' })).not.toHaveProperty('metadata.roles');
    expect(roles(one, two)).not.toHaveProperty('metadata.roles');
  });
});

describe('the keys of Kinde', () => {
  it('stand where the settings say, or below the issuer', () => {
    expect(kinde.keys?.url({})).toBeUndefined();
    expect(kinde.keys?.url({ issuer: 'https://acme.kinde.com' })).toBe('https://acme.kinde.com/.well-known/jwks');
    expect(kinde.keys?.url({ issuer: 'https://acme.kinde.com', keys: 'https://keys.example.com/x' })).toBe(
      'https://keys.example.com/x',
    );
  });

  it('that were rotated away no longer count', () => {
    const signUp = requestOf(fixture('kinde', 'user-created'));
    expect(kinde.verify(signUp, [], trust)).toEqual(refusal('KEY_UNKNOWN'));
  });
});
