import { beforeAll, describe, expect, it } from '@jest/globals';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { RawRequest, Verdict } from '../../functions/core/request.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { entraExternalIdSender } from '../../functions/sources/entra-external-id.sender.ts';
import { entraExternalId } from '../../functions/sources/entra-external-id.ts';
import { type PublicKeys, recordsIn } from '../../functions/sources/source.ts';
import { entraExternalIdContract } from '../support/contracts/entra-external-id.ts';
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
  verdictOf,
  withHeaders,
} from '../support/sources.ts';

const { settings = {} } = entraExternalIdContract;
const ok = { ok: true };
const refusal = (code: string) => ({ ok: false, code });
const requestWith = (body: unknown, headers: Readonly<Record<string, string>> = {}): RawRequest => ({
  headers,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  receivedAt: new Date('2026-11-20T09:15:01.840Z'),
});

describe('the token of an authentication extension of Entra', () => {
  const signIn = fixture('entra-external-id', 'token-issuance-start');
  const request = requestOf(signIn);
  const recorded = (altered: RawRequest, secrets = [signIn.secret]) => verdictOf(entraExternalIdContract, altered, secrets);
  const published: PublicKeys = entraExternalId.keys?.read({ keys: [JSON.parse(signIn.secret)] }) ?? new Map();
  const now = Math.floor(request.receivedAt.getTime() / 1000);
  const good = {
    iss: settings.issuer ?? '',
    aud: settings.audience?.[0] ?? '',
    azp: '99045fe1-7639-4a75-9d4a-577b6ca3810f',
    iat: now,
    nbf: now,
    exp: now + 3600,
  } satisfies JWTPayload;

  let keys: PublicKeys;
  let privateKey: CryptoKey;
  beforeAll(async () => {
    const pair = await generateKeyPair('RS256');
    privateKey = pair.privateKey;
    keys = entraExternalId.keys?.read({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', use: 'sig' }] }) ?? new Map();
  });
  const verified = async (claims: JWTPayload, trust: SourceSettings = settings, header = {}): Promise<Verdict> => {
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header }).sign(privateKey);
    return entraExternalId.verify(withHeaders(request, { authorization: `Bearer ${token}` }), [], { settings: trust, keys });
  };

  it('says nothing of the body, as long as that holds no notification', () => {
    const altered = flippedBody(request);
    expect(altered.filter((one) => !entraExternalId.verify(one, [], { settings, keys: published }).ok)).toEqual([]);
    expect(recorded({ ...request, body: Buffer.from('{') })).toEqual(ok);
  });

  it('is refused with any flipped bit, twice, or missing', () => {
    const flipped = flippedHeader(request, 'authorization');
    expect(flipped.filter((one) => entraExternalId.verify(one, [], { settings, keys: published }).ok)).toEqual([]);
    const { authorization = '' } = request.headers;
    for (const joined of [`${authorization},${authorization}`, `${authorization}, ${authorization}`])
      expect(recorded(withHeaders(request, { authorization: joined }))).toEqual(refusal('SIGNATURE_MALFORMED'));
    for (const none of [undefined, ''])
      expect(recorded(withHeaders(request, { authorization: none }))).toEqual(refusal('SIGNATURE_MISSING'));
    for (const other of ['Bearer', 'Bearer x', 'Basic eDp5', authorization.slice(7), `Bearer ${'x'.repeat(5000)}`])
      expect(recorded(withHeaders(request, { authorization: other }))).toEqual(refusal('SIGNATURE_MALFORMED'));
  });

  it('is refused under no key, and under a shared secret', () => {
    const { secret } = fixture('entra-external-id', 'user-updated');
    expect(recorded(request, [])).toEqual(refusal('KEY_UNKNOWN'));
    expect(recorded(request, [secret])).toEqual(refusal('KEY_UNKNOWN'));
    expect(recorded(request, [secret, signIn.secret])).toEqual(ok);
  });

  it.each([3600 + 302, -302, 86_400 * 365, -86_400 * 365])('is refused %d seconds off', (seconds) => {
    expect(recorded(later(request, seconds))).toEqual(refusal('TIMESTAMP_OUTSIDE_TOLERANCE'));
  });

  it.each([0, 3600 + 295, -298])('is accepted %d seconds off', (seconds) => {
    expect(recorded(later(request, seconds))).toEqual(ok);
  });

  it('is accepted as versions 1 and 2 have it', async () => {
    const { azp, ...older } = good;
    expect(await verified(good)).toEqual(ok);
    expect(await verified({ ...older, appid: azp })).toEqual(ok);
    expect(await verified({ ...good, iss: `${good.iss}/` })).toEqual(ok);
  });

  it.each([
    ['of another issuer', { iss: 'https://other.ciamlogin.com/x/v2.0' }],
    ['for another application', { aud: 'another-application' }],
    ['of a user of the same application', { azp: settings.audience?.[0] }],
    ['whose caller in the older claim alone is right', { azp: 'x', appid: good.azp }],
    ['of nobody', { azp: undefined }],
  ])('is refused when it is one %s', async (_, claims) => {
    expect(await verified({ ...good, ...claims })).toEqual(refusal('TOKEN_NOT_FOR_US'));
  });

  it.each([{ exp: undefined }, { iss: undefined }, { aud: [good.aud] }])('is refused with the claims %j', async (claims) => {
    expect(await verified({ ...good, ...claims } as JWTPayload)).toEqual(refusal('SIGNATURE_MALFORMED'));
  });

  it('is refused where the settings expect none', async () => {
    const { audience: _, ...rest } = settings;
    expect(await verified(good, rest)).toEqual(refusal('TOKEN_NOT_FOR_US'));
    expect(await verified(good, {})).toEqual(refusal('TOKEN_NOT_FOR_US'));
  });

  it('is refused under any other algorithm', async () => {
    const pair = await generateKeyPair('PS256');
    const token = await new SignJWT(good).setProtectedHeader({ alg: 'PS256', kid: 'k1' }).sign(pair.privateKey);
    const altered = withHeaders(request, { authorization: `Bearer ${token}` });
    expect(entraExternalId.verify(altered, [], { settings, keys })).toEqual(refusal('SIGNATURE_MALFORMED'));
    expect(await verified(good, settings, { kid: 'k2' })).toEqual(refusal('KEY_UNKNOWN'));
  });

  it.each([
    [{}, undefined],
    [{ issuer: 'https://a.ciamlogin.com/t/v2.0' }, 'https://a.ciamlogin.com/t/discovery/v2.0/keys'],
    [{ issuer: 'https://sts.windows.net/t' }, 'https://sts.windows.net/t/discovery/v2.0/keys'],
    [{ issuer: 'https://a.ciamlogin.com/t/v2.0', keys: 'https://b.example/keys' }, 'https://b.example/keys'],
  ])('is verified by the keys that %j lead to', (given, url) => {
    expect(entraExternalId.keys?.url(given)).toBe(url);
  });
});

describe('the two proofs of Entra', () => {
  const notification = fixture('entra-external-id', 'user-updated');
  const extension = fixture('entra-external-id', 'token-issuance-start');
  const { authorization = '' } = extension.headers;
  const verified = (request: RawRequest) => verdictOf(entraExternalIdContract, request, [notification.secret, extension.secret]);

  it('do not come together', () => {
    expect(verified(requestWith(notification.body, { authorization }))).toEqual(refusal('HEADER_CONFLICT'));
    expect(verified(requestWith(notification.body, { authorization: '' }))).toEqual(refusal('HEADER_CONFLICT'));
    expect(verified(requestWith({ ...JSON.parse(extension.body), value: [] }, { authorization }))).toEqual(
      refusal('HEADER_CONFLICT'),
    );
  });

  it.each(['', '{}', '{', '[]', '{"value":{}}', extension.body])('are missed in %j', (body) => {
    expect(verified(requestWith(body))).toEqual(refusal('SIGNATURE_MISSING'));
  });
});

describe('the secret of a subscription of Entra', () => {
  const { secret } = fixture('entra-external-id', 'user-updated');
  const verified = (items: readonly unknown[], secrets: readonly string[] = [secret]) =>
    entraExternalId.verify(requestWith({ value: items }), secrets, NO_TRUST);
  const item = { clientState: secret };

  it('must stand in every item', () => {
    expect(verified([item, item, item])).toEqual(ok);
    for (const other of ['x', `${secret} `, secret.slice(1), secret.toUpperCase()])
      expect([verified([item, { clientState: other }]), verified([{ clientState: other }, item])]).toEqual([
        refusal('SIGNATURE_MISMATCH'),
        refusal('SIGNATURE_MISMATCH'),
      ]);
    for (const none of [{}, { clientState: '' }, { clientState: null }, { clientState: [secret] }, null, secret])
      expect(verified([item, none])).toEqual(refusal('SIGNATURE_MISSING'));
    expect(verified([])).toEqual(refusal('SIGNATURE_MISSING'));
  });

  it('may be an old one in one item and a new one in another', () => {
    expect(verified([item, { clientState: 'new' }], [secret, 'new'])).toEqual(ok);
  });

  it('is not looked for in what no subscription takes', () => {
    const long = 'x'.repeat(129);
    expect(verified([{ clientState: long }], [long])).toEqual(refusal('SIGNATURE_MALFORMED'));
  });

  it('is in nothing that is kept', () => {
    const records = recordsIn(entraExternalId, requestOf(fixture('entra-external-id', 'several-users')).body);
    expect(records).toHaveLength(3);
    expect(JSON.stringify(records)).not.toContain(secret);
  });
});

describe('the handshake of Microsoft Graph', () => {
  const shake = (validationToken?: string, method = 'POST') =>
    entraExternalId.handshake?.({
      method,
      headers: {},
      body: Buffer.alloc(0),
      query: validationToken === undefined ? {} : { validationToken },
    });

  it('says the token as plain text', () => {
    const token = 'Validation: Testing client application reachability for subscription Request-Id: invented';
    expect(shake(token)).toEqual({ status: 200, contentType: 'text/plain', body: token });
  });

  it.each([undefined, '', 'ä', 'a\nb', 'x'.repeat(1025)])('says nothing to %j', (token) => {
    expect(shake(token)).toBeUndefined();
  });

  it('says nothing to another method', () => {
    expect(shake('token', 'GET')).toBeUndefined();
  });
});

describe('the answer to an authentication extension of Entra', () => {
  const hookOf = (body: unknown) => entraExternalId.hook?.(requestWith(body));
  const answerTo = (event: string) => hookOf({ type: `microsoft.graph.authenticationEvent.${event}` })?.answer;
  const data = (answer: string, action: object) => ({ data: { '@odata.type': `microsoft.graph.${answer}`, actions: [action] } });

  it.each([
    [
      'attributeCollectionSubmit',
      data('onAttributeCollectionSubmitResponseData', {
        '@odata.type': 'microsoft.graph.attributeCollectionSubmit.continueWithDefaultBehavior',
      }),
    ],
    [
      'attributeCollectionStart',
      data('onAttributeCollectionStartResponseData', {
        '@odata.type': 'microsoft.graph.attributeCollectionStart.continueWithDefaultBehavior',
      }),
    ],
    [
      'tokenIssuanceStart',
      data('onTokenIssuanceStartResponseData', {
        '@odata.type': 'microsoft.graph.tokenIssuanceStart.provideClaimsForToken',
        claims: { apiVersion: '1.0.0' },
      }),
    ],
  ])('lets %s go on', (event, expected) => {
    const answer = answerTo(event);
    expect(answer).toMatchObject({ status: 200 });
    expect(JSON.parse(answer?.body ?? '')).toEqual(expected);
    expect(answer?.contentType ?? 'application/json').toBe('application/json');
  });

  it('goes out in less than the second that Entra waits by default', () => {
    expect(hookOf(fixture('entra-external-id', 'token-issuance-start').body)?.withinMs).toBeLessThan(1000);
  });

  it.each(['{', '{}', '[]', { type: 7 }, { type: 'constructor' }, fixture('entra-external-id', 'user-updated').body])(
    'is not given to %j',
    (body) => {
      expect(hookOf(body)).toBeUndefined();
    },
  );
});

describe('the event id of Entra', () => {
  const idsOf = (body: unknown, receivedAt = '2026-11-20T09:15:01.840Z') => {
    const request = { ...requestWith(body), receivedAt: new Date(receivedAt) };
    return (recordsIn(entraExternalId, request.body) ?? []).map(
      (record) => entraExternalId.head(entraExternalId.schema.parse(record), request).eventId,
    );
  };
  const item = { subscriptionId: 's', changeType: 'updated', resource: 'Users/u1', resourceData: { id: 'u1' } };

  it('is the one of the notification, where it has one', () => {
    expect(idsOf({ value: [{ ...item, id: 'n1' }] })).toEqual(['n1']);
  });

  it('is another for each delivery of a notification without: a second change within minutes must be fetched too', () => {
    const ids = [idsOf({ value: [item] }), idsOf({ value: [item] }, '2026-11-20T09:15:31.000Z')].flat();
    expect(new Set(ids).size).toBe(2);
  });

  it('tells the items of one delivery apart', () => {
    const others = [item, { ...item, changeType: 'deleted' }, { ...item, resourceData: { id: 'u2' } }];
    expect(new Set(idsOf({ value: others })).size).toBe(3);
  });

  it('is the same for the same call of an extension, and shows nothing of the person', () => {
    const { body } = fixture('entra-external-id', 'token-issuance-start');
    expect(idsOf(JSON.parse(body), '2026-11-20T09:15:09.000Z')).toEqual(idsOf(JSON.parse(body)));
    expect(idsOf(JSON.parse(body))[0]).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('mapping of Entra', () => {
  const receivedAt = '2026-11-20T09:15:01.840Z';
  const map = (record: unknown, given: SourceSettings = {}) => mapBody(entraExternalId, record, { receivedAt, settings: given });
  const notified = (more: object, given: SourceSettings = settings) =>
    map({ notification: { changeType: 'updated', resource: 'Users/u1', resourceData: { id: 'u1' }, ...more } }, given);
  const signedIn = (user: object, given: SourceSettings = {}) =>
    map(
      { callout: { type: 'microsoft.graph.authenticationEvent.tokenIssuanceStart', data: { authenticationContext: { user } } } },
      given,
    );
  const fetched = (user: object, given: SourceSettings = {}) => map({ fetched: user }, given);

  it('parks a notification where nobody can be asked who it is about', () => {
    expect(notified({}, {})).toEqual({ kind: 'rejected', because: 'NO_VENDOR_API' });
    expect(notified({ changeType: 'deleted' }, {})).toMatchObject({ changes: [{ call: { kind: 'deleteUser' } }] });
  });

  it.each(['../groups/g1', 'a/b', 'a?b', '..', 'x'.repeat(65)])('asks the API for no user called %j', (id) => {
    expect(notified({ resourceData: { id } })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
  });

  it.each([{ resource: 'Groups/u1' }, { resource: '/groups/u1/members' }, { resource: undefined }, { changeType: 'moved' }])(
    'ignores %j',
    (more) => {
      expect(notified(more)).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
    },
  );

  it.each(['Users/u1', 'users/u1', '/users/u1', "users('u1')"])('knows a user by %s', (resource) => {
    expect(notified({ resource })).toMatchObject({ kind: 'refresh', refreshes: [{ subject: 'user', id: 'u1' }] });
  });

  it('takes no request for a user that it fetched', () => {
    const forged = Buffer.from(JSON.stringify({ fetched: { id: 'u1' }, created: true, type: 'fetched.user' }));
    const [record] = recordsIn(entraExternalId, forged) ?? [];
    expect(map(record, settings)).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
    const notification = Buffer.from(JSON.stringify({ value: [{ fetched: { id: 'u1' } }] }));
    expect(map(recordsIn(entraExternalId, notification)?.[0], settings)).toEqual({
      kind: 'ignored',
      because: 'EVENT_NOT_HANDLED',
    });
  });

  it('ends as one user, whichever way it hears of a sign-up', () => {
    const user = { id: 'u1', mail: 'ada@example.com', displayName: 'Ada' };
    expect(signedIn(user)).toEqual(fetched(user));
  });

  it.each([
    [{ mail: 'a@example.com', otherMails: ['b@example.com'] }, 'a@example.com'],
    [{ mail: null, identities: [{ signInType: 'emailAddress', issuerAssignedId: 'c@example.com' }] }, 'c@example.com'],
    [
      { mail: '', identities: [{ signInType: 'userName', issuerAssignedId: 'nick' }], otherMails: ['b@example.com'] },
      'b@example.com',
    ],
  ])('finds the address in %j', (members, email) => {
    expect(fetched({ id: 'u1', ...members })).toMatchObject({ changes: [{ call: { metadata: { email } } }] });
  });

  it('keeps no sign-in name but addresses of mail', () => {
    const identities = [
      { signInType: 'phoneNumber', issuerAssignedId: '+15555550142' },
      { signInType: 'emailAddress', issuerAssignedId: 'ada@example.com', issuer: 'x' },
    ];
    expect(entraExternalId.schema.parse({ fetched: { id: 'u1', identities } })).toEqual({
      fetched: { id: 'u1', identities: [{ signInType: 'emailAddress', issuerAssignedId: 'ada@example.com' }] },
    });
  });

  it.each([
    [{ displayName: 'Ada L.', givenName: 'Ada' }, 'Ada L.'],
    [{ displayName: 'unknown', givenName: 'Ada', surname: 'Lovelace' }, 'Ada Lovelace'],
    [{ displayName: null, surname: 'Lovelace' }, 'Lovelace'],
  ])('makes a name of %j', (members, name) => {
    expect(fetched({ id: 'u1', ...members })).toMatchObject({ changes: [{ call: { metadata: { name } } }] });
  });

  it('knows a user by the configured id, or not at all', () => {
    const userId = ['extensions.extension_x_appId', 'id'];
    const user = { id: 'u1', extensions: { extension_x_appId: 'app-1' } };
    expect(fetched(user, { userId })).toMatchObject({ changes: [{ call: { user_id: 'app-1' } }] });
    expect(fetched({ id: 'u1' }, { userId })).toMatchObject({ changes: [{ call: { user_id: 'u1' } }] });
    const nobody = { kind: 'rejected', because: 'NO_USER_ID' };
    expect([signedIn({ id: 'u1' }, { userId }), notified({ changeType: 'deleted' }, { userId })]).toEqual([nobody, nobody]);
  });

  it('ignores deletions when told to', () => {
    expect(notified({ changeType: 'deleted' }, { deletions: 'ignore' })).toEqual({
      kind: 'ignored',
      because: 'DELETION_IGNORED',
    });
  });
});

describe('the sender of Entra', () => {
  it('leaves the bytes around the secret as they are', () => {
    const moment = momentAt(new Date('2026-11-20T09:15:01.840Z'));
    const { body } = sentBy(entraExternalIdSender, 'users.updated', { secret: 'invented', moment });
    expect(JSON.parse(Buffer.from(body).toString()).value).toMatchObject([{ clientState: 'invented', changeType: 'updated' }]);
    const bytes = Uint8Array.of(0, 255, 128, 10);
    expect([...(entraExternalIdSender.seal?.(bytes, 'invented', moment) ?? [])]).toEqual([...bytes]);
  });
});
