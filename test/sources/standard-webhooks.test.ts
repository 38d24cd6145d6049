import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import type { RawRequest } from '../../functions/core/request.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { standardWebhooksSender } from '../../functions/sources/standard-webhooks.sender.ts';
import { problemsIn, standardWebhooks } from '../../functions/sources/standard-webhooks.ts';
import { fixture, later, mapBody, momentAt, NO_TRUST, requestOf, sentBy, withHeaders } from '../support/sources.ts';

const ok = { ok: true };
const refusal = (code: string) => ({ ok: false, code });
const verify = (request: RawRequest, ...secrets: readonly string[]) => standardWebhooks.verify(request, secrets, NO_TRUST);

/** Made with the standard's own library. */
const SECRET = 'whsec_dXNlcnBpbG90LXNoZWV0LWRlbW8ta2V5LTAwMDEhISE=';
const VECTOR: RawRequest = {
  headers: {
    'webhook-id': 'msg_demo0001',
    'webhook-timestamp': '1767225600',
    'webhook-signature': 'v1,4zpdXX/ZFtd7YnHErXWmrlTmyeupJE0uIcMftEHBXFY=',
  },
  body: Buffer.from(
    '{"type":"user.created","timestamp":"2026-01-01T00:00:00Z","data":{"id":"u_1001","email":"ada@example.test"}}',
  ),
  receivedAt: new Date(1767225600_000),
};

describe('shared secrets of Standard Webhooks', () => {
  it.each([SECRET, SECRET.slice('whsec_'.length), `v1,${SECRET}`])('verify the known signature, written as %s', (secret) => {
    expect(verify(VECTOR, secret)).toEqual(ok);
  });

  it.each(['webhook', 'svix'])('verify what the libraries sign, under headers that begin with %s', (family) => {
    const id = 'msg_1';
    const now = new Date();
    for (const library of [new StandardWebhook(SECRET), new SvixWebhook(SECRET)]) {
      const signature = library.sign(id, now, Buffer.from(VECTOR.body).toString());
      const headers = { [`${family}-id`]: id, [`${family}-timestamp`]: String(Math.floor(now.getTime() / 1000)) };
      const request = { ...VECTOR, headers: { ...headers, [`${family}-signature`]: signature }, receivedAt: now };
      expect(verify(request, SECRET)).toEqual(ok);
    }
  });

  it('make what the libraries accept', () => {
    const made = sentBy(standardWebhooksSender, 'user.created', { secret: SECRET, moment: momentAt(new Date()) });
    for (const library of [new StandardWebhook(SECRET), new SvixWebhook(SECRET)])
      expect(() => library.verify(Buffer.from(made.body), made.headers)).not.toThrow();
  });

  it.each([
    ['a time in milliseconds', { 'webhook-timestamp': '1767225600000' }, 'SIGNATURE_MALFORMED'],
    ['a time with something behind it', { 'webhook-timestamp': '1767225600x' }, 'SIGNATURE_MALFORMED'],
    ['a full stop in the id, where the signed text has its own', { 'webhook-id': 'msg.1' }, 'SIGNATURE_MALFORMED'],
  ])('refuse %s', (_, headers, code) => {
    expect(verify(withHeaders(VECTOR, headers), SECRET)).toEqual(refusal(code));
  });
});

const pairOf = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const bytes = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  return { privateKey, secret: `whpk_${bytes.toString('base64')}` };
};
const signedBy = (...keys: readonly KeyObject[]): RawRequest => {
  const text = Buffer.concat([Buffer.from('msg_demo0001.1767225600.'), VECTOR.body]);
  const entries = keys.map((key) => `v1a,${sign(null, text, key).toString('base64')}`);
  return withHeaders(VECTOR, { 'webhook-signature': entries.join(' ') });
};

describe('public keys of Standard Webhooks', () => {
  const [mine, other] = [pairOf(), pairOf()];
  const request = signedBy(mine.privateKey);

  it('verify what their private keys signed, also while they are rotated', () => {
    expect(verify(request, mine.secret)).toEqual(ok);
    expect(verify(request, `v1a,${mine.secret}`)).toEqual(ok);
    expect(verify(request, other.secret, mine.secret)).toEqual(ok);
    expect(verify(signedBy(other.privateKey, mine.privateKey), mine.secret)).toEqual(ok);
    expect(verify(request, other.secret)).toEqual(refusal('SIGNATURE_MISMATCH'));
  });

  it('stand beside shared secrets, and either signature is enough', () => {
    const hmac = VECTOR.headers['webhook-signature'];
    const both = withHeaders(request, { 'webhook-signature': `${request.headers['webhook-signature']} ${hmac}` });
    for (const secrets of [[mine.secret], [SECRET], [SECRET, mine.secret]]) expect(verify(both, ...secrets)).toEqual(ok);
    expect(verify(VECTOR, mine.secret, SECRET)).toEqual(ok);
    expect(verify(both, other.secret)).toEqual(refusal('SIGNATURE_MISMATCH'));
    expect(verify(VECTOR, mine.secret)).toEqual(refusal('SIGNATURE_MISMATCH'));
    expect(verify(request, SECRET)).toEqual(refusal('SIGNATURE_MALFORMED'));
  });

  it('are not shared secrets: nobody signs with what everybody knows', () => {
    for (const known of [mine.secret, mine.secret.replace('whpk_', ''), `whsec_${mine.secret.slice('whpk_'.length)}`]) {
      const forged = sentBy(standardWebhooksSender, 'user.created', { secret: known, moment: momentAt(VECTOR.receivedAt) });
      expect(verify(forged, mine.secret)).toEqual(refusal('SIGNATURE_MISMATCH'));
    }
  });

  it.each([
    'whpk_',
    'whpk_AAAA',
    `${mine.secret}=`,
    mine.secret.replace('whpk_', 'whsk_'),
    ` ${mine.secret}`,
    `v1,${mine.secret}`,
  ])('open nothing when they are none: %s', (secret) => {
    expect(verify(request, secret).ok).toBe(false);
  });

  it('count 300 seconds both ways', () => {
    const at = (seconds: number) => verify(later(request, seconds), mine.secret);
    const outside = refusal('TIMESTAMP_OUTSIDE_TOLERANCE');
    expect([at(300), at(-300), at(301), at(-301)]).toEqual([ok, ok, outside, outside]);
  });

  it('refuse any altered bit', () => {
    const signature = Buffer.from(request.headers['webhook-signature']?.slice('v1a,'.length) ?? '', 'base64');
    for (let bit = 0; bit < signature.length * 8; bit += 1) {
      const altered = Buffer.from(signature);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const header = { 'webhook-signature': `v1a,${altered.toString('base64')}` };
      expect(verify(withHeaders(request, header), mine.secret)).toEqual(refusal('SIGNATURE_MISMATCH'));
    }
    expect(verify({ ...request, body: Buffer.from('{}') }, mine.secret)).toEqual(refusal('SIGNATURE_MISMATCH'));
    expect(verify(withHeaders(request, { 'webhook-id': 'msg_demo0002' }), mine.secret)).toEqual(refusal('SIGNATURE_MISMATCH'));
  });
});

describe('mapping of Standard Webhooks', () => {
  const AT = '2031-04-09T12:00:00.000Z';
  const map = (data: unknown, settings: SourceSettings = {}, more: object = {}) =>
    mapBody(
      standardWebhooks,
      { type: 'user.updated', timestamp: AT, data, ...more },
      { receivedAt: '2031-04-09T12:00:05.000Z', settings },
    );
  const head = (event: object, settings?: SourceSettings) =>
    standardWebhooks.head(standardWebhooks.schema.parse(event), VECTOR, settings);

  it.each([
    [{ id: 'a', user_id: 'b' }, 'a'],
    [{ user_id: 'b', userId: 'c' }, 'b'],
    [{ userId: 'c', sub: 'd' }, 'c'],
    [{ sub: 'd' }, 'd'],
    [{ id: 7 }, '7'],
  ])('finds the user id of %j', (data, user_id) => {
    expect(map(data)).toMatchObject({ changes: [{ call: { user_id } }] });
  });

  it.each([{ email: 'a@example.com' }, { user: { id: 'a' } }, null, 'a', ['a']])('guesses no user id for %j', (data) => {
    expect(map(data, {}, { id: 'evt_1', user_id: 'elsewhere' })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
  });

  it('takes an expression at its word: where it finds nothing, the usual names do not count', () => {
    const events = { userId: 'data.ref', email: 'data.contact', companyId: 'data.team' };
    expect(map({ id: 'a' }, { events })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    expect(map({ ref: 'r', email: 'a@example.com', organization: { id: 'o', name: 'O' } }, { events })).toMatchObject({
      changes: [{ call: { kind: 'identifyUser', user_id: 'r' } }],
    });
    expect(JSON.stringify(map({ ref: 'r', email: 'a@example.com', organization: { id: 'o' } }, { events }))).not.toMatch(
      /example|"o"/,
    );
  });

  it.each([
    [AT, AT],
    ['2031-04-09T14:00:00+02:00', AT],
    [1_933_502_400, AT],
    [1_933_502_400_000, AT],
    ['1933502400', AT],
    [null, '2031-04-09T12:00:05.000Z'],
    ['', '2031-04-09T12:00:05.000Z'],
  ])('dates an event by %j', (timestamp, occurredAt) => {
    expect(map({ id: 'a' }, {}, { timestamp })).toMatchObject({ changes: [{ occurredAt }] });
  });

  it.each(['yesterday', '2031-04-09T12:00:00', {}, true, '193350240'])('refuses to order by %j', (timestamp) => {
    expect(() => map({ id: 'a' }, {}, { timestamp })).toThrow('the time of the event is none');
  });

  it('leaves out a day of sign-up that it cannot read', () => {
    expect(map({ id: 'a', name: 'Ada', created_at: '9 April' })).toMatchObject({
      changes: [{ call: { metadata: { name: 'Ada' } } }],
    });
  });

  it('follows the types in the settings, and no others then', () => {
    const events = { creates: ['member.new'], companies: { deletes: ['team.gone'] } };
    expect(map({ id: 'a' }, { events }, { type: 'member.new' })).toMatchObject({ changes: [{ creates: true }] });
    expect(map({ id: 'a' }, { events }, { type: 'team.gone' })).toMatchObject({ changes: [{ call: { kind: 'deleteCompany' } }] });
    for (const type of ['user.created', 'organization.deleted', 'constructor', ''])
      expect(map({ id: 'a' }, { events }, { type })).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
  });

  it.each([undefined, null, 7, {}])('keeps an event whose type is %j until the settings say where it stands', (type) => {
    expect(() => map({ id: 'a' }, {}, { type })).toThrow('the type of the event is none');
    expect(map({ id: 'a' }, { events: { type: 'action' } }, { type, action: 'user.updated' })).toMatchObject({ kind: 'changes' });
  });

  it('does not name the wrong company where users name theirs in another way', () => {
    const organization = (settings: SourceSettings) => map({ id: 'o' }, settings, { type: 'organization.updated' });
    const none = { kind: 'rejected', because: 'NO_COMPANY_ID' };
    expect(organization({ companyId: ['organization.slug'] })).toEqual(none);
    expect(organization({ events: { companyId: 'data.organization.slug' } })).toEqual(none);
    expect(organization({ companyId: ['organization.slug'], events: { companies: { id: 'data.id' } } })).toMatchObject({
      changes: [{ call: { company_id: 'o' } }],
    });
  });

  it('buries nobody by an id of another kind', () => {
    const settings: SourceSettings = { userId: ['external_id', 'id'] };
    expect(map({ id: 'a' }, settings, { type: 'user.deleted' })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    expect(map({ id: 'a' }, settings)).toMatchObject({ changes: [{ call: { user_id: 'a' } }] });
    expect(map({ id: 'a' }, { deletions: 'ignore' }, { type: 'user.deleted' })).toMatchObject({ because: 'DELETION_IGNORED' });
    expect(map({ id: 'a' }, { deletions: 'mark' }, { type: 'organization.deleted' })).toMatchObject({
      changes: [{ call: { kind: 'identifyCompany', metadata: { 'standard-webhooks_deleted': true } } }],
    });
  });

  it('takes the id of the event out of the body where the settings say so, and the signed header otherwise', () => {
    const settings = { events: { id: 'event_id' } };
    expect(head({ type: 'user.created', event_id: 'e-1' })).toEqual({ eventId: 'msg_demo0001', type: 'user.created' });
    expect(head({ type: 'user.created', event_id: 'e-1' }, settings).eventId).toBe('e-1');
    for (const event_id of [undefined, '', 'x'.repeat(256)]) expect(head({ event_id }, settings).eventId).toBe('msg_demo0001');
  });

  it('shows no type in the logs that might be text of a person', () => {
    expect(head({ type: 'Ada Lovelace <ada@example.com>' }).type).toBe('unknown');
    expect(head({ name: 'a:b/c-d_e.f' }, { events: { type: 'name' } }).type).toBe('a:b/c-d_e.f');
  });

  it('keeps e-mail addresses, and strips what is private by its name however deep', () => {
    const event = {
      type: 't',
      data: { email_address: 'a@example.com', emailAddress: 'b@example.com', list: [{ homeAddress: 'c', totp: 1 }] },
    };
    expect(standardWebhooks.schema.parse(event)).toEqual({
      type: 't',
      data: { email_address: 'a@example.com', emailAddress: 'b@example.com', list: [{}] },
    });
  });

  it('names each expression that is wrong, and where it stands', () => {
    const events = {
      userId: 'data..id',
      email: 'data.email',
      creates: ['a..b'],
      companies: { properties: { plan: 'data.secret' } },
    };
    expect(problemsIn(events)).toEqual([
      { path: ['userId'], message: expect.stringContaining('no JMESPath expression') },
      { path: ['companies', 'properties', 'plan'], message: 'secret is private, and stripped before an event is read' },
    ]);
  });
});

it('understands the event of the specification', () => {
  expect(
    mapBody(standardWebhooks, JSON.parse(Buffer.from(VECTOR.body).toString()), fixture('standard-webhooks', 'user-created')),
  ).toMatchObject({ changes: [{ call: { user_id: 'u_1001', metadata: { email: 'ada@example.test' } }, creates: true }] });
  expect(requestOf(fixture('standard-webhooks', 'user-created-flat-by-public-key')).headers['webhook-signature']).toMatch(
    /^v1a,/,
  );
});
