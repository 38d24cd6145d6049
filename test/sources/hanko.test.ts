import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { hankoSender } from '../../functions/sources/hanko.sender.ts';
import { hanko } from '../../functions/sources/hanko.ts';
import { readJwks } from '../../functions/sources/jwt.ts';
import { jwksOf } from '../../functions/sources/token.sender.ts';
import { fixture, momentAt, requestOf, sentBy } from '../support/sources.ts';

const IAT = 1_795_166_221;
const NOW = new Date(IAT * 1000 + 500);
const KID = 'invented-key';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const keys = readJwks({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: KID }] });

const claims = {
  sub: 'hanko webhooks',
  aud: ['app.example.com'],
  iat: IAT,
  exp: IAT + 300,
  evt: 'user.create',
  data: { id: 'u1' },
};
const tokenOf = (changed: object = {}, head: object = {}) =>
  new SignJWT({ ...claims, ...changed }).setProtectedHeader({ alg: 'RS256', kid: KID, ...head }).sign(privateKey);
const requestWith = (body: unknown, receivedAt = NOW) => ({ headers: {}, body: Buffer.from(JSON.stringify(body)), receivedAt });
const verdictOn = (body: unknown, settings: SourceSettings = {}, receivedAt = NOW) =>
  hanko.verify(requestWith(body, receivedAt), [], { settings, keys });

const ok = { ok: true };
const refusal = (code: string) => ({ ok: false, code });

describe('the token of Hanko', () => {
  it('is taken by one algorithm alone', async () => {
    const event = 'user.create';
    expect(verdictOn({ token: await tokenOf(), event })).toEqual(ok);
    expect(verdictOn({ token: await tokenOf({}, { alg: 'RS384' }), event })).toEqual(refusal('SIGNATURE_MALFORMED'));
    expect(verdictOn({ token: await tokenOf({}, { kid: 'other' }), event })).toEqual(refusal('KEY_UNKNOWN'));
  });

  it('of our sender is one that jose takes', async () => {
    const secret = hankoSender.secret(new Uint8Array(32).fill(3));
    const { body } = sentBy(hankoSender, 'user.create', { secret, moment: momentAt(NOW) });
    const { token } = JSON.parse(Buffer.from(body).toString()) as { token: string };
    // Its own type of the same page.
    const page = createLocalJWKSet(jwksOf([secret]) as JSONWebKeySet);
    const options = { algorithms: ['RS256'], subject: 'hanko webhooks', audience: 'app.example.com', currentDate: NOW };
    expect((await jwtVerify(token, page, options)).payload).toMatchObject({ evt: 'user.create' });
  });

  it.each([[undefined], [null], ['e30.e30.e30'], [[]], [{}], [{ token: 'e30.e30.e30' }], [{ token: 7, event: 'user.create' }]])(
    'is missed in %j',
    (body) => {
      expect(verdictOn(body ?? null)).toEqual(refusal('SIGNATURE_MISSING'));
    },
  );
});

describe('what else Hanko signs', () => {
  it.each<[string, object]>([
    ['the token of a user who logged in', { sub: 'u1', evt: undefined, data: undefined, session_id: 'invented', email: {} }],
    ['another subject', { sub: 'hanko webhook' }],
    ['no subject', { sub: undefined }],
    ['another event than the body says', { evt: 'user.delete' }],
    ['no event', { evt: undefined }],
    ['an audience of another form', { aud: { of: 'objects' } }],
  ])('is no event for us: %s', async (_, changed) => {
    expect(verdictOn({ token: await tokenOf(changed), event: 'user.create' })).toEqual(refusal('TOKEN_NOT_FOR_US'));
  });

  it('is no event for us: the type that only a list may bear', async () => {
    const body = { token: await tokenOf({ evt: 'listed.user' }), event: 'listed.user' };
    expect(verdictOn(body)).toEqual(refusal('TOKEN_NOT_FOR_US'));
  });

  it('must name the audience of the settings, where there is one', async () => {
    const audience = ['app.example.com'];
    const verdictFor = async (aud: unknown, settings: SourceSettings = { audience }) =>
      verdictOn({ token: await tokenOf({ aud }), event: 'user.create' }, settings);
    expect(await verdictFor(['other.example.com', 'app.example.com'])).toEqual(ok);
    expect(await verdictFor('app.example.com')).toEqual(ok);
    for (const aud of [undefined, [], ['other.example.com'], 'other.example.com']) {
      expect(await verdictFor(aud)).toEqual(refusal('TOKEN_NOT_FOR_US'));
      expect(await verdictFor(aud, {})).toEqual(ok);
    }
  });
});

describe('the time of a token', () => {
  it('is five minutes either way, and must be told', async () => {
    const late = refusal('TIMESTAMP_OUTSIDE_TOLERANCE');
    const body = { token: await tokenOf(), event: 'user.create' };
    const verdictAfter = (seconds: number) => verdictOn(body, {}, new Date((IAT + seconds) * 1000));
    expect([verdictAfter(300), verdictAfter(301), verdictAfter(-300), verdictAfter(-301)]).toEqual([ok, late, ok, late]);
    expect(verdictOn({ token: await tokenOf({ iat: undefined }), event: 'user.create' })).toEqual(late);
    expect(verdictOn({ token: await tokenOf({ exp: IAT - 301 }), event: 'user.create' })).toEqual(late);
  });
});

describe('the id of an event of Hanko', () => {
  const idOf = (body: unknown) => hanko.head({ evt: 'user.create' }, requestWith(body)).eventId;

  it('is of the token alone, however the body around it is written', async () => {
    const token = await tokenOf();
    const id = idOf({ token, event: 'user.create' });
    expect(idOf({ event: 'user.create', note: 1, token })).toBe(id);
    expect(idOf({ token: await tokenOf({ data: { id: 'u1', name: 'Ada' } }), event: 'user.create' })).not.toBe(id);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('the order of events of Hanko', () => {
  const timeOf = (evt: string, iat: number, updated_at?: string) => {
    const event = hanko.schema.parse({ evt, iat, data: { id: 'u1', updated_at } });
    const mapped = hanko.map(event, { settings: {}, receivedAt: NOW });
    return mapped.kind === 'changes' ? mapped.changes[0]?.occurredAt.toISOString() : undefined;
  };

  it('goes by the second of the token, and within it by what was last written', () => {
    expect(timeOf('user.create', IAT, '2026-11-20T09:17:01.301442Z')).toBe('2026-11-20T09:17:01.301Z');
    expect(timeOf('user.update.email.create', IAT + 60, '2026-11-20T09:17:01.301442Z')).toBe('2026-11-20T09:18:01.000Z');
    expect(timeOf('user.update', IAT)).toBe('2026-11-20T09:17:01.000Z');
    expect(timeOf('user.delete', IAT, '2026-11-20T09:17:01.301442Z')).toBe('2026-11-20T09:17:01.999Z');
  });
});

describe('events of Hanko', () => {
  const kindOf = (evt: string) =>
    hanko.map(hanko.schema.parse({ evt, iat: IAT, data: { id: 'u1' } }), { settings: {}, receivedAt: NOW }).kind;

  it.each(['user.update.email.verify', 'user.update.username.update', 'user.update'])('map %s to the whole user', (evt) => {
    expect(kindOf(evt)).toBe('changes');
  });

  it.each(['user', 'user.login', 'user.updated', 'user.udpate', 'session.create.invented', 'email.send'])('ignore %s', (evt) => {
    expect(kindOf(evt)).toBe('ignored');
  });

  it('never take the company from what the user may write', () => {
    const { body, ...recorded } = fixture('hanko', 'username-updated-with-settings');
    const settings = { companyId: ['metadata.unsafe_metadata.company_id'] };
    const record = hanko.read?.(requestOf({ body, ...recorded }).body);
    const mapped = hanko.map(hanko.schema.parse(record?.ok && record.value), { settings, receivedAt: NOW });
    expect(mapped).not.toHaveProperty('changes.0.call.company');
  });
});

describe('the keys of Hanko', () => {
  it('stand where the settings say, or below the issuer', () => {
    expect(hanko.keys?.url({})).toBeUndefined();
    expect(hanko.keys?.url({ issuer: 'https://acme.hanko.io' })).toBe('https://acme.hanko.io/.well-known/jwks.json');
    expect(hanko.keys?.url({ issuer: 'https://acme.hanko.io', keys: 'https://keys.example.com/x' })).toBe(
      'https://keys.example.com/x',
    );
  });
});
