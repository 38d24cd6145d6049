import { createHmac, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { Webhook } from 'standardwebhooks';
import type { RawRequest, Verdict } from '../../functions/core/request.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { firebaseSender } from '../../functions/sources/firebase.sender.ts';
import { firebase } from '../../functions/sources/firebase.ts';
import { type PublicKeys, recordsIn } from '../../functions/sources/source.ts';
import { firebaseContract } from '../support/contracts/firebase.ts';
import { fixture, flippedBody, later, mapBody, momentAt, requestOf, sentBy, verdictOf, withHeaders } from '../support/sources.ts';

const ROOT = `${import.meta.dirname}/../..`;
const { settings = {} } = firebaseContract;
const ok = { ok: true };
const refusal = (code: string) => ({ ok: false, code });
const receivedAt = '2026-11-20T09:15:01.840Z';
const relayed = fixture('firebase', 'user-created');
const blocking = fixture('firebase', 'before-sign-in');
const verified = (request: RawRequest, secrets = [relayed.secret, blocking.secret]) =>
  verdictOf(firebaseContract, request, secrets);

describe('the relay of Firebase', () => {
  it('signs as the standardwebhooks library verifies', () => {
    const { secret } = relayed;
    const { body, headers } = sentBy(firebaseSender, 'user.created', { secret, moment: momentAt(new Date()) });
    expect(new Webhook(secret).verify(Buffer.from(body).toString(), { ...headers })).toMatchObject({ type: 'user.created' });
  });

  it('is accepted as the page shows it', async () => {
    const [, code = ''] = /```js\n(.*?)```/s.exec(readFileSync(`${ROOT}/functions/sources/firebase.md`, 'utf8')) ?? [];
    const posted: { readonly body: string; readonly headers: Readonly<Record<string, string>> }[] = [];
    type Relay = (user: object, context: { readonly eventId: string; readonly timestamp: string }) => Promise<void>;
    const user = () => ({ onCreate: (relay: Relay) => relay, onDelete: (relay: Relay) => relay });
    const modules: Readonly<Record<string, unknown>> = {
      'node:crypto': { createHmac },
      'firebase-functions/v1': { runWith: () => ({ auth: { user } }) },
    };
    const exported: Record<string, Relay> = {};
    runInNewContext(code, {
      require: (name: string) => modules[name],
      exports: exported,
      process: { env: { USERPILOT_WEBHOOK_SECRET: relayed.secret, USERPILOT_WEBHOOK_URL: 'https://hooks.example' } },
      Buffer,
      fetch: async (_: string, request: (typeof posted)[number]) => {
        posted.push(request);
        return { ok: posted.length < 3, status: 503 };
      },
    });
    const { data } = JSON.parse(relayed.body) as { readonly data: object };
    const context = { eventId: 'projects/x/events/1', timestamp: '2026-11-20T09:15:00.330Z' };
    await exported.userpilotCreated?.(data, context);
    await exported.userpilotDeleted?.(data, context);
    await expect(exported.userpilotCreated?.(data, context)).rejects.toThrow('503');
    const requests = posted.map(({ body, headers }) => ({ headers, body: Buffer.from(body), receivedAt: new Date() }));
    expect(requests.map((request) => verified(request, [relayed.secret]))).toEqual([ok, ok, ok]);
    const [created, deleted] = posted.map(({ body }) => mapBody(firebase, JSON.parse(body), { receivedAt, settings: {} }));
    expect(created).toEqual(relayed.expected);
    expect(deleted).toEqual(fixture('firebase', 'user-deleted').expected);
    expect(posted.map(({ body }) => body).join()).not.toMatch(/5555550142|invented-private|photo/);
  });
});

describe('the token of a blocking function of Firebase', () => {
  const request = requestOf(blocking);
  const now = Math.floor(request.receivedAt.getTime() / 1000);
  const good = {
    iss: settings.issuer ?? '',
    aud: settings.audience?.[0] ?? '',
    iat: now,
    exp: now + 3600,
    event_id: 'invented',
    event_type: 'beforeSignIn',
  } satisfies JWTPayload;
  const requestWith = (jwt: unknown, headers = {}): RawRequest => ({
    ...request,
    headers,
    body: Buffer.from(JSON.stringify({ data: { jwt } })),
  });

  let keys: PublicKeys;
  let privateKey: CryptoKey;
  beforeAll(async () => {
    const pair = await generateKeyPair('RS256');
    privateKey = pair.privateKey;
    keys = firebase.keys?.read({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1' }] }) ?? new Map();
  });
  const verdict = async (claims: JWTPayload, trust: SourceSettings = settings): Promise<Verdict> => {
    const jwt = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).sign(privateKey);
    return firebase.verify(requestWith(jwt), [], { settings: trust, keys });
  };

  it('is refused with any flipped bit of the body, of which there is nothing else', () => {
    const published = firebase.keys?.read({ keys: [JSON.parse(blocking.secret)] }) ?? new Map();
    const altered = flippedBody(request);
    expect(altered.filter((one) => firebase.verify(one, [relayed.secret], { settings, keys: published }).ok)).toEqual([]);
  });

  it('is refused under no key, and under a shared secret', () => {
    expect(verified(request, [])).toEqual(refusal('KEY_UNKNOWN'));
    expect(verified(request, [relayed.secret])).toEqual(refusal('KEY_UNKNOWN'));
    expect(verified(request)).toEqual(ok);
  });

  it.each([305, -305, 86_400 * 365, -86_400 * 365])('is refused %d seconds off', (seconds) => {
    expect(verified(later(request, seconds))).toEqual(refusal('TIMESTAMP_OUTSIDE_TOLERANCE'));
  });

  it.each([295, -295])('is accepted %d seconds off', (seconds) => {
    expect(verified(later(request, seconds))).toEqual(ok);
  });

  it('is not looked for beside a signature, and nothing passes without either', () => {
    expect(verified({ ...request, headers: relayed.headers })).toEqual(refusal('HEADER_CONFLICT'));
    expect(verified(withHeaders(request, { 'webhook-id': 'x' }))).toEqual(refusal('HEADER_CONFLICT'));
    const none = { ...requestOf(relayed), headers: {} };
    expect(verified(none)).toEqual(refusal('SIGNATURE_MISSING'));
    expect(verified(requestWith(7))).toEqual(refusal('SIGNATURE_MISSING'));
  });

  it.each(['', 'x', 'a.b', 'e30.e30.', 'e30.e30.e30', `${'x'.repeat(3000)}.e30.e30`])('is none: %j', (jwt) => {
    expect(verified(requestWith(jwt))).toEqual(refusal('SIGNATURE_MALFORMED'));
  });

  it('is accepted for each function that the settings name', async () => {
    expect(await verdict(good)).toEqual(ok);
    const audience = ['https://other.example', good.aud];
    expect(await verdict(good, { ...settings, audience })).toEqual(ok);
  });

  it.each([
    ['of another project', { iss: 'https://securetoken.google.com/other' }],
    ['for another function', { aud: 'https://europe-west1-acme-invented.cloudfunctions.net/other' }],
    ['of a user, which is made for the project', { aud: 'acme-invented', event_id: undefined, event_type: undefined }],
    ['without an event', { event_type: undefined }],
    ['without the id of an event', { event_id: undefined }],
    ['that does not end', { exp: undefined }],
    ['that does not say when it was made', { iat: undefined }],
  ])('is refused when it is one %s', async (_, claims) => {
    expect(await verdict({ ...good, ...claims } as JWTPayload)).toEqual(refusal('TOKEN_NOT_FOR_US'));
  });

  it('is refused where the settings expect none', async () => {
    const { audience: _, ...rest } = settings;
    expect([await verdict(good, rest), await verdict(good, {})]).toEqual([
      refusal('TOKEN_NOT_FOR_US'),
      refusal('TOKEN_NOT_FOR_US'),
    ]);
  });

  it('is refused unsigned, as the emulator has it, and under any other algorithm', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    expect(verified(requestWith(`${part({ alg: 'none' })}.${part(good)}.`))).toEqual(refusal('SIGNATURE_MALFORMED'));
    expect(verified(requestWith(`${part({ alg: 'none' })}.${part(good)}.e30`))).toEqual(refusal('SIGNATURE_MALFORMED'));
    const { privateKey: other } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwt = await new SignJWT(good).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(other);
    expect(firebase.verify(requestWith(jwt), [], { settings, keys })).toEqual(refusal('SIGNATURE_MALFORMED'));
  });
});

describe('the keys of Firebase', () => {
  it.each([
    [{}, undefined],
    [
      { issuer: 'https://securetoken.google.com/acme-invented' },
      'https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com',
    ],
    [{ issuer: 'https://securetoken.google.com/acme-invented', keys: 'https://keys.example/jwks' }, 'https://keys.example/jwks'],
  ])('stand where %j says', (given, url) => {
    expect(firebase.keys?.url(given)).toBe(url);
  });

  it('come as a JWKS or as certificates by key id', () => {
    const read = firebase.keys?.read;
    const jwk = JSON.parse(blocking.secret) as object;
    expect([...(read?.({ keys: [{ ...jwk, kid: 'k1' }] }).keys() ?? [])]).toEqual(['k1']);
    expect(read?.({ k1: 'no certificate' }).size).toBe(0);
    for (const page of [undefined, 'text', { k1: 7 }]) expect(() => read?.(page)).toThrow();
  });
});

describe('the answer to a blocking function of Firebase', () => {
  it('is an empty object, well within seven seconds', () => {
    expect(firebase.hook?.(requestOf(blocking))).toEqual({ answer: { status: 200, body: '{}' }, withinMs: 4000 });
  });

  it('is not given to the relay, which sends again what was not taken', () => {
    expect(firebase.hook?.(requestOf(relayed))).toBeUndefined();
    expect(firebase.hook?.({ ...requestOf(blocking), headers: relayed.headers })).toBeUndefined();
  });
});

describe('mapping of Firebase', () => {
  const map = (record: unknown, given: SourceSettings = {}) => mapBody(firebase, record, { receivedAt, settings: given });
  const told = (type: string, data: object, given?: SourceSettings) => map({ type, data }, given);
  const blocked = (user_record: object, given?: SourceSettings) =>
    map({ event_type: 'beforeCreate', event_id: 'e', iat: 1795166100, user_record }, given);
  const api = 'https://identitytoolkit.googleapis.com/v1/projects/acme-invented';

  it('ends as one user, though a sign-up is told of twice', () => {
    const [body] = recordsIn(firebase, requestOf(fixture('firebase', 'before-create')).body) ?? [];
    const user = { uid: 'Zk3nQxT8hVb1inventedZoe1' };
    expect(map(body)).toMatchObject({ changes: [{ call: { user_id: user.uid }, creates: true }] });
    expect(relayed.expected).toMatchObject({ changes: [{ call: { user_id: user.uid }, creates: true }] });
  });

  it.each([
    ['2026-11-20T09:15:00Z', '2026-11-20T09:15:00.000Z'],
    ['Fri, 20 Nov 2026 09:15:00 GMT', '2026-11-20T09:15:00.000Z'],
    [1795166100330, '2026-11-20T09:15:00.330Z'],
    ['1795166100330', '2026-11-20T09:15:00.330Z'],
    [1795166100, '2026-11-20T09:15:00.000Z'],
  ])('reads the time %j', (time, iso) => {
    for (const name of ['creationTime', 'createdAt', 'createTime'])
      expect(told('user.updated', { uid: 'u', email: 'a@example.com', metadata: { [name]: time } })).toMatchObject({
        changes: [{ call: { metadata: { created_at: iso } } }],
      });
    expect(map({ type: 'user.updated', timestamp: time, data: { uid: 'u', email: 'a@example.com' } })).toMatchObject({
      changes: [{ occurredAt: iso }],
    });
  });

  it.each(['', 'soon', '99999999999999999', true, {}])('goes by its own clock when the time is %j', (time) => {
    const data = { uid: 'u', email: 'a@example.com', metadata: { creationTime: time } };
    const mapped = map({ type: 'user.updated', timestamp: time, data });
    expect(mapped).toMatchObject({ changes: [{ occurredAt: receivedAt }] });
    expect(JSON.stringify(mapped)).not.toContain('created_at');
  });

  it.each([
    [{ email: null, providerData: [] }, 'ignored'],
    [{ email: '' }, 'ignored'],
    [{ email: 'ada@example.com' }, 'changes'],
    [{ providerData: [{ providerId: 'phone' }] }, 'changes'],
    [{ customAuth: true }, 'changes'],
  ])('takes %j as %s', (members, kind) => {
    expect(told('user.created', { uid: 'u', ...members })).toMatchObject({ kind });
  });

  it('tells of the end of whoever it was, lest somebody stay', () => {
    expect(told('user.deleted', { uid: 'u' })).toMatchObject({ changes: [{ call: { kind: 'deleteUser', user_id: 'u' } }] });
    expect(told('user.deleted', { uid: 'u' }, { userId: ['customClaims.app_id', 'uid'] })).toEqual({
      kind: 'rejected',
      because: 'NO_USER_ID',
    });
    expect(told('user.deleted', { uid: 'u' }, { deletions: 'ignore' })).toEqual({ kind: 'ignored', because: 'DELETION_IGNORED' });
  });

  it('asks, where it can, whether an account came to be at all', () => {
    const settled = { api, userId: ['customClaims.app_id'] };
    expect(blocked({ uid: 'u', email: 'a@example.com' }, settled)).toEqual({
      kind: 'refresh',
      refreshes: [{ subject: 'user', id: 'u', occurredAt: '2026-11-20T09:15:00.000Z', creates: true }],
    });
    expect(blocked({ uid: 'u' }, settled)).toEqual({ kind: 'ignored', because: 'NOT_A_SIGN_UP' });
    expect(blocked({ email: 'a@example.com' }, settled)).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    expect(blocked({ uid: 'u', email: 'a@example.com' })).toMatchObject({ changes: [{ creates: true }] });
  });

  it('knows the tenant as the company, where there are tenants', () => {
    const user = { uid: 'u', email: 'a@example.com', tenantId: 't', customClaims: { org: 'o' } };
    expect(told('user.updated', user)).toMatchObject({ changes: [{ call: { company: { id: 't' } } }] });
    expect(told('user.updated', user, { companyId: ['customClaims.org'] })).toMatchObject({
      changes: [{ call: { company: { id: 'o' } } }],
    });
  });

  it('reads the body of a token as its claims, and any other as it stands', () => {
    expect(recordsIn(firebase, requestOf(blocking).body)).toMatchObject([{ event_type: 'beforeSignIn' }]);
    expect(recordsIn(firebase, requestOf(relayed).body)).toMatchObject([{ type: 'user.created' }]);
    expect(recordsIn(firebase, Buffer.from('{"data":{"jwt":"x"}}'))).toEqual([{ data: { jwt: 'x' } }]);
  });
});
