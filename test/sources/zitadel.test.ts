import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { RawRequest } from '../../functions/core/request.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { recordsIn } from '../../functions/sources/source.ts';
import { zitadel } from '../../functions/sources/zitadel.ts';
import { fixture, mapBody, NO_TRUST, requestOf } from '../support/sources.ts';

const signUp = fixture('zitadel', 'user-created');
const { receivedAt } = signUp;

/** By the definition of the scheme; key, ids and time are invented. */
const KEY = 'zitadelDemoKey-01';
const T = 1767225600;
const V1 = 'e93d75624075e98766c5f3699b90b64b11dd0bf569d052cd4c0b5e3b197d6c4c';
const body = Buffer.from(
  '{"aggregateID":"336494809936000001","event_type":"user.human.added","created_at":"2026-01-01T00:00:00Z"}',
);
const verify = (headers: RawRequest['headers'], secrets: readonly string[] = [KEY], at = T) =>
  zitadel.verify({ headers, body, receivedAt: new Date(at * 1000) }, secrets, NO_TRUST);

const OTHER = 'f'.repeat(64);
const [ok, mismatch] = [{ ok: true }, { ok: false, code: 'SIGNATURE_MISMATCH' }];
const malformed = { ok: false, code: 'SIGNATURE_MALFORMED' };

describe('signatures of Zitadel', () => {
  it('accepts the known vector, under either name of the header', () => {
    expect(verify({ 'zitadel-signature': `t=${T},v1=${V1}` })).toEqual(ok);
    expect(verify({ 'x-zitadel-signature': `t=${T},v1=${V1}` })).toEqual(ok);
    expect(verify({ 'zitadel-signature': `t=${T},v1=${V1}`, 'x-zitadel-signature': `t=${T},v1=${V1}` })).toEqual(ok);
  });

  it('refuses two headers that differ, though one of them be right', () => {
    const both = { 'zitadel-signature': `t=${T},v1=${V1}`, 'x-zitadel-signature': `t=${T},v1=${OTHER}` };
    expect(verify(both)).toEqual({ ok: false, code: 'HEADER_CONFLICT' });
  });

  it('takes no other header', () => {
    expect(verify({ 'stripe-signature': `t=${T},v1=${V1}` })).toEqual({ ok: false, code: 'SIGNATURE_MISSING' });
  });

  it.each([
    ['two signatures, the second right', `t=${T},v1=${OTHER},v1=${V1}`, ok],
    ['a wrong signature', `t=${T},v1=${OTHER}`, mismatch],
    ['another version', `t=${T},v2=${V1}`, malformed],
    ['upper-case hex', `t=${T},v1=${V1.toUpperCase()}`, malformed],
    ['a space', `t=${T}, v1=${V1}`, malformed],
    ['no time', `v1=${V1}`, malformed],
    ['a time twice', `t=${T},t=${T},v1=${V1}`, malformed],
  ])('answers %s', (_, header, verdict) => {
    expect(verify({ 'zitadel-signature': header })).toEqual(verdict);
  });

  it('decodes no key', () => {
    const secret = Buffer.from('invented key').toString('base64');
    const signed = createHmac('sha256', Buffer.from(secret, 'base64')).update(`${T}.`).update(body).digest('hex');
    expect(verify({ 'zitadel-signature': `t=${T},v1=${signed}` }, [secret])).toEqual(mismatch);
  });

  it('counts 300 seconds both ways', () => {
    const at = (offset: number) => verify({ 'zitadel-signature': `t=${T},v1=${V1}` }, [KEY], T + offset).ok;
    expect([at(300), at(-300), at(301), at(-301)]).toEqual([true, true, false, false]);
  });
});

describe('mapping of Zitadel', () => {
  const API: SourceSettings = { api: 'https://acme.zitadel.example' };
  const map = (event_type: string, over: object = {}, settings: SourceSettings = {}) => {
    const event = {
      aggregateID: '336494809936000001',
      resourceOwner: '336392597046000001',
      sequence: 7,
      event_type,
      created_at: '2026-11-20T09:14:07.512044Z',
      userID: '336392597046000009',
      ...over,
    };
    const [record] = recordsIn(zitadel, Buffer.from(JSON.stringify(event))) ?? [];
    return mapBody(zitadel, record, { receivedAt, settings });
  };
  const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');

  it.each([API, {}])('reads a creation by itself, with the settings %j', (settings) => {
    expect(mapBody(zitadel, recordsIn(zitadel, requestOf(signUp).body)?.[0], { receivedAt, settings })).toEqual(signUp.expected);
  });

  it.each([
    'user.human.profile.changed',
    'user.human.email.changed',
    'user.human.email.verified',
    'user.username.changed',
    'user.domain.claimed',
    'user.deactivated',
    'user.reactivated',
    'user.locked',
    'user.unlocked',
  ])('asks for the user after %s, and parks it where nobody can be asked', (type) => {
    const asked = { subject: 'user', id: '336494809936000001', occurredAt: '2026-11-20T09:14:07.512Z' };
    expect(map(type, { event_payload: { email: 'ada@example.com' } }, API)).toEqual({ kind: 'refresh', refreshes: [asked] });
    expect(map(type)).toEqual({ kind: 'rejected', because: 'NO_VENDOR_API' });
    expect(map(type, { aggregateID: '' }, API)).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
  });

  it.each([
    'user.human.phone.changed',
    'user.human.password.changed',
    'user.machine.added',
    'user.grant.added',
    'org.member.added',
  ])('ignores %s', (type) => {
    expect(map(type, {}, API)).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
  });

  it('reads a payload as an object and as base64 of one', () => {
    const payload = { userName: 'ada', firstName: 'Ada', lastName: 'Byron', email: 'ada@example.com' };
    const expected = { changes: [{ call: { metadata: { email: 'ada@example.com', name: 'Ada Byron' } }, creates: true }] };
    expect(map('user.human.added', { event_payload: payload })).toMatchObject(expected);
    expect(map('user.human.added', { event_payload: base64(payload) })).toMatchObject(expected);
    for (const event_payload of ['', '%', base64('text'), base64(null), null, undefined, 7, []])
      expect(() => map('user.human.added', { event_payload })).toThrow();
  });

  it('opens a payload before anything of it is kept', () => {
    const event_payload = base64({ encodedHash: 'invented-hash', secret: { Crypted: 'invented-secret' } });
    const [record] = recordsIn(zitadel, Buffer.from(JSON.stringify({ event_payload }))) ?? [];
    expect(record).toEqual({ event_payload: { encodedHash: 'invented-hash', secret: { Crypted: 'invented-secret' } } });
  });

  it('names an event by user and number, whichever form the number has', () => {
    const idOf = (over: object) =>
      zitadel.head(zitadel.schema.parse({ aggregateID: '1', event_type: 'user.removed', ...over }), requestOf(signUp)).eventId;
    expect([idOf({ sequence: 7 }), idOf({ sequence: '7' })]).toEqual(['1.7', '1.7']);
    expect(idOf({ created_at: '2026-01-01T00:00:00Z' })).toBe('1.2026-01-01T00:00:00Z');
    expect(idOf({ aggregateID: 'x'.repeat(5000) })).toHaveLength(255);
  });

  it('takes the id and the company where the settings say, or none', () => {
    const event_payload = { userName: 'ada', email: 'ada@example.com' };
    const created = (settings: SourceSettings) => map('user.human.added', { event_payload }, settings);
    expect(created({ userId: ['username'] })).toMatchObject({ changes: [{ call: { user_id: 'ada' } }] });
    expect(created({ userId: ['preferredLoginName', 'userId'] })).toEqual({ kind: 'rejected', because: 'NO_VENDOR_API' });
    expect(created({ ...API, userId: ['preferredLoginName'] })).toMatchObject({ refreshes: [{ creates: true }] });
    expect(created({ companyId: [] })).not.toHaveProperty('changes.0.call.company');
    expect(map('org.added', { event_payload: { name: 'Loom' } }, { companyId: [] })).toEqual({
      kind: 'rejected',
      because: 'NO_COMPANY_ID',
    });
    expect(map('user.removed', {}, { userId: ['username'] })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
  });

  it('marks or ignores deletions when told to', () => {
    const marked = { call: { kind: 'identifyCompany', company_id: '336392597046000001', metadata: { zitadel_deleted: true } } };
    expect(map('org.removed', {}, { deletions: 'mark' })).toMatchObject({ changes: [marked] });
    for (const type of ['user.removed', 'org.removed'])
      expect(map(type, {}, { deletions: 'ignore' })).toEqual({ kind: 'ignored', because: 'DELETION_IGNORED' });
  });

  it('takes nothing from outside for a user that it fetched', () => {
    const fetched = { userId: '336494809936000001', human: { email: { email: 'forged@example.com' } } };
    expect(map('fetched.user', { fetched }, API)).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
    expect(JSON.stringify(map('user.human.added', { fetched, event_payload: {} }))).not.toContain('forged');
  });
});
