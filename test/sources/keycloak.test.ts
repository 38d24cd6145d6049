import { createHash, createHmac, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { keycloakSender } from '../../functions/sources/keycloak.sender.ts';
import { keycloak } from '../../functions/sources/keycloak.ts';
import { recordsIn } from '../../functions/sources/source.ts';
import {
  fixture,
  later,
  mapBody,
  momentAt,
  NO_TRUST,
  person,
  recordIn,
  requestOf,
  sentBy,
  withHeaders,
} from '../support/sources.ts';

const signUp = fixture('keycloak', 'register');
const request = requestOf(signUp);
const { secret, receivedAt } = signUp;

const ok = { ok: true };
const refusedAs = (code: string) => ({ ok: false, code });

describe('the proof of Keycloak under a shared secret', () => {
  const BODY = '{"id":"e1","time":1767225600000,"type":"access.REGISTER","uid":"u1"}';
  const known = {
    headers: { 'x-keycloak-signature': 'a20378d331931d474d711c90f6abc7a7e4ad50711383d65ded8c76828ef70f4b' },
    body: Buffer.from(BODY),
    receivedAt: new Date('2026-01-01T00:10:00Z'),
  };

  it('accepts the known vector', () => {
    expect(keycloak.verify(known, ['kcDemoSecret-01'], NO_TRUST)).toEqual(ok);
    expect(keycloak.verify(known, [secret], NO_TRUST)).toEqual(refusedAs('SIGNATURE_MISMATCH'));
  });

  it('refuses the legacy HmacSHA1, and another spelling', () => {
    const sha1 = createHmac('sha1', secret).update(request.body).digest('hex');
    const upper = request.headers['x-keycloak-signature']?.toUpperCase();
    for (const header of [sha1, upper]) {
      const altered = withHeaders(request, { 'x-keycloak-signature': header });
      expect(keycloak.verify(altered, [secret], NO_TRUST)).toEqual(refusedAs('SIGNATURE_MALFORMED'));
    }
  });

  it('bounds the time of the event, with room for a delivery that is sent again by hand', () => {
    expect(keycloak.verify(later(request, 2 * 86_400), [secret], NO_TRUST)).toEqual(ok);
    expect(keycloak.verify(later(request, 4 * 86_400), [secret], NO_TRUST)).toEqual(refusedAs('TIMESTAMP_OUTSIDE_TOLERANCE'));
  });
});

describe('the proof of Keycloak by public keys', () => {
  const issuer = 'https://id.example.com/realms/shop';
  const settings: SourceSettings = { issuer, audience: ['https://hooks.example.com'] };
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const page = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'key-1', use: 'sig', alg: 'RS256' }] };
  const keys = keycloak.keys?.read(page) ?? new Map();
  const now = Math.floor(request.receivedAt.getTime() / 1000);
  const hash = createHash('sha256').update(request.body);
  const CLAIMS = {
    iss: issuer,
    aud: 'https://hooks.example.com',
    iat: now,
    exp: now + 300,
    jti: 'token-1',
    request_body_sha256: hash.copy().digest('hex'),
  };
  const signed = async (claims: Record<string, unknown>) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'key-1' }).sign(privateKey);
  const verify = async (claims: Record<string, unknown>, given: SourceSettings = settings) =>
    keycloak.verify(withHeaders(request, { authorization: `Bearer ${await signed(claims)}` }), [secret], {
      settings: given,
      keys,
    });

  it('accepts what the jose library signs, for one audience or several', async () => {
    expect(await verify(CLAIMS)).toEqual(ok);
    expect(await verify({ ...CLAIMS, aud: ['account', 'https://hooks.example.com'] })).toEqual(ok);
  });

  it.each([
    ["a user's access token", { request_body_sha256: undefined, sub: 'somebody', azp: 'web' }],
    ['a token of another realm', { iss: 'https://id.example.com/realms/staff' }],
    ['a token of nobody', { iss: undefined }],
    ['a token for another receiver', { aud: 'https://other.example.com' }],
    ['a token for nobody', { aud: undefined }],
    ['a token without an end', { exp: undefined }],
  ])('refuses %s', async (_, over) => {
    expect(await verify({ ...CLAIMS, ...over })).toEqual(refusedAs('TOKEN_NOT_FOR_US'));
  });

  it('refuses every token while the settings name no audience', async () => {
    expect(await verify(CLAIMS, { issuer })).toEqual(refusedAs('TOKEN_NOT_FOR_US'));
  });

  it('refuses the hash of another body, and the right one in base64, as FusionAuth writes it', async () => {
    for (const claim of [createHash('sha256').update('other').digest('hex'), hash.copy().digest('base64')]) {
      expect(await verify({ ...CLAIMS, request_body_sha256: claim })).toEqual(refusedAs('SIGNATURE_MISMATCH'));
    }
  });

  it('refuses an old token, whatever the age of the event', async () => {
    expect(await verify({ ...CLAIMS, iat: now - 900, exp: now - 600 })).toEqual(refusedAs('TIMESTAMP_OUTSIDE_TOLERANCE'));
  });

  it('is a matter of the settings: a shared secret opens nothing where an issuer is set, nor a token where none is', async () => {
    expect(keycloak.verify(request, [secret], { settings, keys })).toEqual(refusedAs('SIGNATURE_MISSING'));
    expect(await verify(CLAIMS, {})).toEqual(ok); // by the HMAC, which stands beside it
    const alone = withHeaders(request, { authorization: `Bearer ${await signed(CLAIMS)}`, 'x-keycloak-signature': undefined });
    expect(keycloak.verify(alone, [secret], { settings: {}, keys })).toEqual(refusedAs('SIGNATURE_MISSING'));
  });

  it('refuses what is no bearer token, and a key that it does not know', async () => {
    for (const authorization of ['Basic Og==', 'Bearer ', 'Bearer a.b', `Bearer ${await signed(CLAIMS)}, Bearer x`]) {
      expect(keycloak.verify(withHeaders(request, { authorization }), [], { settings, keys })).toEqual(
        refusedAs('SIGNATURE_MALFORMED'),
      );
    }
    const token = withHeaders(request, { authorization: `Bearer ${await signed(CLAIMS)}` });
    expect(keycloak.verify(token, [], { settings, keys: new Map() })).toEqual(refusedAs('KEY_UNKNOWN'));
  });

  it('finds the keys below the issuer, or where the settings say', () => {
    expect(keycloak.keys?.url({ keys: 'https://keys.example.com/certs' })).toBeUndefined();
    expect(keycloak.keys?.url(settings)).toBe(`${issuer}/protocol/openid-connect/certs`);
    expect(keycloak.keys?.url({ ...settings, keys: 'https://keys.example.com/certs' })).toBe('https://keys.example.com/certs');
  });
});

describe('what an admin event carries', () => {
  const sent = (type: string) => sentBy(keycloakSender, type, { secret, moment: momentAt(request.receivedAt) });

  it('is stripped inside its text, before anything is kept or parked', () => {
    const delivery = sent('admin.USER-CREATE');
    expect(Buffer.from(delivery.body).toString()).toMatch(/5555550142.*birthdate.*federatedIdentities.*credentials/);
    const record = JSON.stringify(recordIn(keycloak, delivery.body));
    expect(record).toContain(person.companyId);
    expect(record).not.toMatch(/5555550142|birthdate|federatedIdentities|credentials|requiredActions|invented-private/);
  });

  it('never says who the administrator is', () => {
    for (const type of keycloakSender.types.filter((name) => name.startsWith('admin.'))) {
      const { body } = sent(type);
      expect(Buffer.from(body).toString()).toContain('invented-internal-administrator');
      expect(JSON.stringify(recordsIn(keycloak, body))).not.toContain('administrator');
    }
  });

  it('names the user by the id of the resource alone, or by its path', () => {
    const event = { uid: 'u1', type: 'admin.USER-DELETE', time: 1_795_166_101_500, authDetails: { userId: 'the-administrator' } };
    const map = (more: object) => mapBody(keycloak, { ...event, ...more }, { receivedAt });
    expect(map({ resourcePath: 'users/user-1' })).toMatchObject({ changes: [{ call: { user_id: 'user-1' } }] });
    expect(map({ resourceId: 'user-2', resourcePath: 'users/user-1' })).toMatchObject({
      changes: [{ call: { user_id: 'user-2' } }],
    });
    const nobody = { kind: 'rejected', because: 'NO_USER_ID' };
    expect([map({}), map({ resourcePath: 'users/user-1/groups/group-1' }), map({ resourcePath: 'users/' })]).toEqual([
      nobody,
      nobody,
      nobody,
    ]);
  });

  it('is taken apart whatever its type is', () => {
    for (const type of [undefined, null, 7, { toString: null }, ['admin.USER-CREATE']]) {
      expect(keycloak.records?.({ type, authDetails: { userId: 'the-administrator' } })).toEqual([{ type }]);
    }
  });

  it('is parked when its text is no JSON', () => {
    const event = { uid: 'u1', type: 'admin.USER-UPDATE', time: 1_795_166_101_500, resourceId: 'user-1', representation: '{' };
    const [record] = keycloak.records?.(event) ?? [];
    expect(() => mapBody(keycloak, record, { receivedAt })).toThrow();
  });
});

describe('a webhook that calls itself fetched', () => {
  const api = 'https://id.example.com/realms/shop';
  const forged = {
    uid: 'u1',
    type: 'admin.USER-UPDATE',
    time: 1_795_166_101_500,
    resourceId: 'user-1',
    representation: '{"email":"a@example.com"}',
    fetched: true,
  };

  it('is read like any other', () => {
    const [record] = keycloak.records?.(forged) ?? [];
    expect(record).not.toHaveProperty('fetched');
    expect(mapBody(keycloak, record, { receivedAt, settings: { api } })).toMatchObject({ kind: 'refresh' });
    expect(mapBody(keycloak, record, { receivedAt })).toMatchObject({ changes: [{ occurredAt: '2026-11-20T09:15:01.500Z' }] });
  });
});

describe('the API of Keycloak', () => {
  it('is not asked for users of a realm that it does not serve', () => {
    const event = { uid: 'u1', type: 'access.LOGIN', time: 1_795_166_101_500, authDetails: { userId: 'user-1' } };
    const map = (realmName: unknown, api: string) =>
      mapBody(keycloak, { ...event, realmName }, { receivedAt, settings: { api } });
    const asked = { kind: 'refresh' };
    const ignored = { kind: 'ignored', because: 'EVENT_NOT_HANDLED' };
    expect(map('shop', 'https://id.example.com/realms/shop')).toMatchObject(asked);
    expect(map(undefined, 'https://id.example.com/realms/shop')).toMatchObject(asked);
    expect(map('my shop', 'https://id.example.com/realms/my%20shop')).toMatchObject(asked);
    expect(map('staff', 'https://id.example.com/realms/shop')).toEqual(ignored);
    expect(map('shop', 'https://id.example.com')).toEqual(ignored);
  });

  it('has its users dated by our clock, and so their end', () => {
    const event = { uid: 'u1', type: 'access.DELETE_ACCOUNT', time: 1_795_166_101_500, authDetails: { userId: 'user-1' } };
    const api = 'https://id.example.com/realms/shop';
    expect(mapBody(keycloak, event, { receivedAt, settings: { api } })).toMatchObject({ changes: [{ occurredAt: receivedAt }] });
    expect(mapBody(keycloak, event, { receivedAt })).toMatchObject({ changes: [{ occurredAt: '2026-11-20T09:15:01.500Z' }] });
  });
});
