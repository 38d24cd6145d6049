import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { fusionauthSender } from '../../functions/sources/fusionauth.sender.ts';
import { fusionauth } from '../../functions/sources/fusionauth.ts';
import type { Trust } from '../../functions/sources/source.ts';
import { fixture, later, mapBody, momentAt, NO_TRUST, requestOf, sentBy, withHeaders } from '../support/sources.ts';

const HEADER = 'x-fusionauth-signature-jwt';
const signUp = fixture('fusionauth', 'user-create-complete');
const request = requestOf(signUp);
const { secret, receivedAt } = signUp;
const bodyHash = createHash('sha256').update(request.body).digest('base64');

const ok = { ok: true };
const refusedAs = (code: string) => ({ ok: false, code });
const malformed = refusedAs('SIGNATURE_MALFORMED');
const mismatch = refusedAs('SIGNATURE_MISMATCH');
const notForUs = refusedAs('TOKEN_NOT_FOR_US');

const verify = (token: string, trust: Trust = NO_TRUST, secrets: readonly string[] = [secret]) =>
  fusionauth.verify(withHeaders(request, { [HEADER]: token }), secrets, trust);
const macToken = (claims: Record<string, unknown>, alg = 'HS256', key = secret) =>
  new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT' }).sign(Buffer.from(key));

describe('the proof of FusionAuth under a shared secret', () => {
  it('accepts the known vector, and nothing else under that secret', () => {
    const body = '{"event":{"id":"0b4a2c38-4e0b-4b0e-8c3a-0d2f6c1e7a10","type":"user.create.complete"}}';
    const token =
      'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImRlbW8ifQ.eyJyZXF1ZXN0X2JvZHlfc2hhMjU2IjoiZVRXNk96QVJIeW15SzAybFZhVS9GNW9iZDZKR1J5WDZ3YXFLMHlGT0VGcz0ifQ.iUpifQ9ZFX3EyVZUQusILolXatLkMSuJmK3zhebpvZY';
    const known = { headers: { [HEADER]: token }, body: Buffer.from(body), receivedAt: new Date(receivedAt) };
    const vectorSecret = 'faDemoHmacSecret-01-faDemoHmacSecret-01';
    expect(fusionauth.verify(known, [vectorSecret], NO_TRUST)).toEqual(ok);
    expect(fusionauth.verify(known, [secret], NO_TRUST)).toEqual(mismatch);
    const other = { ...known, body: Buffer.from(body.replace('create', 'update')) };
    expect(fusionauth.verify(other, [vectorSecret], NO_TRUST)).toEqual(mismatch);
  });

  it('accepts what the jose library signs, and makes what it accepts', async () => {
    const long = secret.repeat(2);
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      expect(verify(await macToken({ request_body_sha256: bodyHash }, alg, long), NO_TRUST, [long])).toEqual(ok);
    }
    const made = sentBy(fusionauthSender, 'user.create', { secret, moment: momentAt(request.receivedAt) });
    const { payload } = await jwtVerify(made.headers[HEADER] ?? '', Buffer.from(secret), { algorithms: ['HS256'] });
    expect(payload).toEqual({ request_body_sha256: createHash('sha256').update(made.body).digest('base64') });
  });

  it('refuses a genuine token that says nothing of a body: a key may sign access tokens as well', async () => {
    expect(verify(await macToken({ sub: 'somebody', aud: 'some-application' }))).toEqual(notForUs);
    expect(verify(await macToken({ request_body_sha256: [bodyHash] }))).toEqual(notForUs);
  });

  it('refuses the hash of another body, and other spellings of the right one', async () => {
    const bytes = Buffer.from(bodyHash, 'base64');
    for (const claim of [
      createHash('sha256').update('other').digest('base64'),
      bytes.toString('hex'),
      bytes.toString('base64url'),
      bodyHash.replace(/=$/, ''),
      '',
    ]) {
      expect(verify(await macToken({ request_body_sha256: claim }))).toEqual(mismatch);
    }
  });

  it('heeds an expiry, where a token has one', async () => {
    const now = Math.floor(request.receivedAt.getTime() / 1000);
    const claims = { request_body_sha256: bodyHash };
    expect(verify(await macToken({ ...claims, exp: now + 60 }))).toEqual(ok);
    expect(verify(await macToken({ ...claims, exp: now - 302 }))).toEqual(refusedAs('TIMESTAMP_OUTSIDE_TOLERANCE'));
  });

  it('bounds the time of the event, which nobody can change: it is part of what was hashed', () => {
    const day = 86_400;
    expect(fusionauth.verify(later(request, 2 * day), [secret], NO_TRUST)).toEqual(ok);
    expect(fusionauth.verify(later(request, 4 * day), [secret], NO_TRUST)).toEqual(refusedAs('TIMESTAMP_OUTSIDE_TOLERANCE'));
  });
});

describe('the proof of FusionAuth by public keys', () => {
  const settings: SourceSettings = { issuer: 'https://login.example.com' };
  const made = async (alg: string, claims: Record<string, unknown> = { request_body_sha256: bodyHash }) => {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const page = { keys: [{ ...(await exportJWK(publicKey)), kid: 'key-1', use: 'sig', alg }] };
    const token = await new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT', kid: 'key-1' }).sign(privateKey);
    return { token, page, trust: { settings, keys: fusionauth.keys?.read(page) ?? new Map() } };
  };

  it.each(['RS256', 'RS512', 'ES256', 'ES384', 'EdDSA'])('accepts what the jose library signs with %s', async (alg) => {
    const { token, trust } = await made(alg);
    expect(verify(token, trust, [])).toEqual(ok);
    expect(verify(token, { ...trust, keys: new Map() })).toEqual(refusedAs('KEY_UNKNOWN'));
  });

  it('refuses an access token under the same key', async () => {
    const { token, trust } = await made('RS256', { sub: 'somebody', iss: 'https://login.example.com' });
    expect(verify(token, trust, [])).toEqual(notForUs);
  });

  it('is a matter of the settings: a shared secret opens nothing where keys are set, nor a key where they are not', async () => {
    const { token, page, trust } = await made('RS256');
    expect(verify(await macToken({ request_body_sha256: bodyHash }), trust)).toEqual(malformed);
    expect(verify(await macToken({ request_body_sha256: bodyHash }, 'HS256', JSON.stringify(page.keys[0])), trust)).toEqual(
      malformed,
    );
    expect(verify(token, { settings: {}, keys: trust.keys })).toEqual(malformed);
    expect(verify(token, { settings: {}, keys: trust.keys }, [])).toEqual(refusedAs('NO_SECRET_CONFIGURED'));
  });

  it('finds them below the issuer, or where the settings say', () => {
    expect(fusionauth.keys?.url({})).toBeUndefined();
    expect(fusionauth.keys?.url(settings)).toBe('https://login.example.com/.well-known/jwks.json');
    expect(fusionauth.keys?.url({ ...settings, keys: 'https://keys.example.com/jwks' })).toBe('https://keys.example.com/jwks');
  });
});

describe('requests that hold up a change', () => {
  const hookOf = (type: unknown) =>
    fusionauth.hook?.({ ...request, body: Buffer.from(JSON.stringify({ event: { type } })) })?.answer;

  it.each(['user.create', 'user.registration.create', 'user.update', 'user.delete', 'user.login.success'])(
    'are let go on: %s',
    (type) => expect(hookOf(type)).toEqual({ status: 200, body: '{}' }),
  );

  it.each(['user.create.complete', 'user.bulk.create', 'group.create', 'test', undefined, 7])('are not those of %s', (type) =>
    expect(hookOf(type)).toBeUndefined(),
  );

  it('are answered within the second that FusionAuth may wait', () => {
    const hook = fusionauth.hook?.(requestOf(fixture('fusionauth', 'user-create')));
    expect(hook?.withinMs).toBeLessThan(1000);
    expect(fusionauth.hook?.({ ...request, body: Buffer.from('no JSON') })).toBeUndefined();
  });
});

describe('mapping of FusionAuth', () => {
  const map = (type: string, user: object, settings: SourceSettings = {}) => {
    const event = { id: 'event-1', type, createInstant: 1_795_166_101_500, user: { id: 'user-1', ...user } };
    return mapBody(fusionauth, { event }, { receivedAt, settings });
  };
  const metadataOf = (...given: Parameters<typeof map>) => {
    const mapped = map(...given);
    const call = mapped.kind === 'changes' ? mapped.changes[0]?.call : undefined;
    return call?.kind === 'identifyUser' ? call.metadata : undefined;
  };

  it('ends all events of one sign-up as one user, who comes to be in two of them', () => {
    const types = ['user.create', 'user.create.complete', 'user.registration.create', 'user.registration.create.complete'];
    const made = types.map((type) => map(type, { email: 'a@example.com' }));
    const calls = made.flatMap((mapped) => (mapped.kind === 'changes' ? mapped.changes.map(({ call }) => call) : []));
    expect(new Set(calls.map((call) => JSON.stringify(call))).size).toBe(1);
    const creates = made.flatMap((mapped) =>
      mapped.kind === 'changes' ? mapped.changes.map((one) => one.creates ?? false) : [],
    );
    expect(creates).toEqual([true, true, false, false]);
  });

  it.each([
    [{ fullName: 'Ada B. Amsel', firstName: 'Ada', lastName: 'Amsel', username: 'ada' }, 'Ada B. Amsel'],
    [{ firstName: 'Ada', lastName: 'Amsel', username: 'ada' }, 'Ada Amsel'],
    [{ username: 'ada' }, 'ada'],
    [{}, undefined],
  ])('takes a name from what there is: %j', (user, name) => {
    expect(metadataOf('user.update', user)?.name).toBe(name);
  });

  it('says that an address is verified only where there is one', () => {
    expect(metadataOf('user.update', { email: 'a@example.com', verified: true })?.email_verified).toBe(true);
    expect(metadataOf('user.update', { username: 'a', verified: true })).toEqual({ name: 'a' });
  });

  it('believes the event before the user that it shows: a switched-off one may still look active', () => {
    expect(metadataOf('user.deactivate', { active: true })).toEqual({ active: false });
    expect(metadataOf('user.reactivate', { active: false })).toEqual({ active: true });
  });

  it('sends the roles of the one application that the settings name, wherever it stands in the list', () => {
    const registrations = [
      { applicationId: 'app-1', roles: ['guest'] },
      { applicationId: 'app-2', roles: ['admin', 'editor'] },
    ];
    const settings = { properties: { role: 'roles.app-2' } };
    expect(metadataOf('user.update', { registrations }, settings)).toEqual({ role: 'admin,editor' });
    expect(metadataOf('user.update', { registrations: [] }, settings)).toBeUndefined();
  });

  it('takes no deletion for one that may yet be rolled back', () => {
    expect(map('user.delete', {})).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
    expect(map('user.delete.complete', {})).toMatchObject({ changes: [{ call: { kind: 'deleteUser', user_id: 'user-1' } }] });
  });

  it('parks an import whose users are no list', () => {
    const body = { event: { id: 'event-1', type: 'user.bulk.create', createInstant: 1_795_166_101_500, users: {} } };
    expect(fusionauth.records?.(body)).toEqual([body]);
    expect(() => mapBody(fusionauth, body, { receivedAt })).toThrow();
    expect(fusionauth.records?.({ event: { ...body.event, users: [] } })).toEqual([]);
  });
});
