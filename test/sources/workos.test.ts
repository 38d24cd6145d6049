import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { RawRequest } from '../../functions/core/request.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { workos } from '../../functions/sources/workos.ts';
import { fixture, mapBody, NO_TRUST, requestOf, withHeaders } from '../support/sources.ts';

const signUp = fixture('workos', 'user-created');
const { receivedAt } = signUp;

/** Accepted by WorkOS's own library 11.0.0; secret, ids and time are invented. */
const T = 1793000000123;
const SECRET = 'wk_made_up_secret_0001';
const V1 = 'dc8b01557a0be5e6b87e83338bda3d2d924d3073973515080623bebfc0ed5b84';
const vector: RawRequest = {
  headers: { 'workos-signature': `t=${T}, v1=${V1}` },
  body: Buffer.from(
    '{"id":"event_01MADEUP","event":"user.created","data":{"id":"user_01MADEUP"},"created_at":"2026-10-26T07:33:20.000Z"}',
  ),
  receivedAt: new Date(1793000060000),
};
const verify = (header: string, secrets: readonly string[] = [SECRET]) =>
  workos.verify(withHeaders(vector, { 'workos-signature': header }), secrets, NO_TRUST);
const ok = { ok: true };
const mismatch = { ok: false, code: 'SIGNATURE_MISMATCH' };
const malformed = { ok: false, code: 'SIGNATURE_MALFORMED' };
const outside = { ok: false, code: 'TIMESTAMP_OUTSIDE_TOLERANCE' };

describe('signatures of WorkOS', () => {
  it('accepts the known vector, which is what its definition gives', () => {
    expect(workos.verify(vector, [SECRET], NO_TRUST)).toEqual(ok);
    const computed = createHmac('sha256', Buffer.from(SECRET, 'utf8'))
      .update(Buffer.concat([Buffer.from(`${T}.`), vector.body]))
      .digest('hex');
    expect(computed).toBe(V1);
  });

  it('refuses what a decoded or shortened secret would sign', () => {
    const signed = (key: Buffer | string) => createHmac('sha256', key).update(`${T}.`).update(vector.body).digest('hex');
    expect(verify(`t=${T}, v1=${signed(Buffer.from(SECRET, 'base64'))}`)).toEqual(mismatch);
    expect(verify(`t=${T}, v1=${signed(SECRET.slice('wk_'.length))}`)).toEqual(mismatch);
  });

  const OTHER = 'f'.repeat(64);
  it.each([
    ['no space after the comma', `t=${T},v1=${V1}`, ok],
    ['the parts in another order', `v1=${V1}, t=${T}`, ok],
    ['a part that is not known', `t=${T}, v0=${OTHER}, v1=${V1}`, ok],
    ['two signatures, the second right', `t=${T}, v1=${OTHER}, v1=${V1}`, ok],
    ['a wrong signature', `t=${T}, v1=${OTHER}`, mismatch],
    ['another version only', `t=${T}, v2=${V1}`, malformed],
    ['two spaces after the comma', `t=${T},  v1=${V1}`, malformed],
    ['a space that is none', `t=${T},\u00a0v1=${V1}`, malformed],
    ['upper-case hex', `t=${T}, v1=${V1.toUpperCase()}`, malformed],
    ['a short signature', `t=${T}, v1=${V1.slice(2)}`, malformed],
    ['no time', `v1=${V1}`, malformed],
    ['a time twice', `t=${T}, t=${T}, v1=${V1}`, malformed],
    ['a time that is no whole number', `t=${T}.5, v1=${V1}`, malformed],
    ['an endless header', `t=${T}, v1=${V1}, ${'x'.repeat(5000)}`, malformed],
  ])('answers %s', (_, header, verdict) => {
    expect(verify(header)).toEqual(verdict);
  });

  it('looks at ten signatures at most', () => {
    const others = (count: number) => `v1=${OTHER}, `.repeat(count);
    expect(verify(`t=${T}, ${others(9)}v1=${V1}`)).toEqual(ok);
    expect(verify(`t=${T}, ${others(10)}v1=${V1}`)).toEqual(mismatch);
  });

  it('counts 300 seconds both ways, in milliseconds', () => {
    const at = (offset: number) => workos.verify({ ...vector, receivedAt: new Date(T + offset) }, [SECRET], NO_TRUST);
    expect([at(300_000), at(-300_000), at(300_001), at(-300_001)]).toEqual([ok, ok, outside, outside]);
  });

  it('does not take seconds for milliseconds', () => {
    const seconds = String(Math.floor(T / 1000));
    const signature = createHmac('sha256', SECRET).update(`${seconds}.`).update(vector.body).digest('hex');
    expect(verify(`t=${seconds}, v1=${signature}`)).toEqual(outside);
  });
});

describe('mapping of WorkOS', () => {
  const map = (event: string, data: object, settings: SourceSettings = {}) =>
    mapBody(workos, { id: 'event_1', event, created_at: '2026-10-26T07:33:20.412Z', data }, { receivedAt, settings });

  it.each([
    [{ name: 'Ada Byron', first_name: 'A', last_name: 'B' }, { name: 'Ada Byron' }],
    [{ name: '', first_name: 'Ada', last_name: 'B.' }, { name: 'Ada B.' }],
    [{ first_name: 'Ada', last_name: null }, { name: 'Ada' }],
  ])('makes of %j the name %j', (over, metadata) => {
    expect(map('user.updated', { id: 'user_1', ...over })).toMatchObject({ changes: [{ call: { metadata } }] });
  });

  it('dates by what was updated, else by the event', () => {
    const updated_at = '2026-10-26T09:33:20+02:00';
    expect(map('user.updated', { id: 'user_1', updated_at })).toMatchObject({
      changes: [{ occurredAt: '2026-10-26T07:33:20.000Z' }],
    });
    expect(map('user.updated', { id: 'user_1' })).toMatchObject({ changes: [{ occurredAt: '2026-10-26T07:33:20.412Z' }] });
    expect(map('organization.updated', { id: 'org_1' })).toMatchObject({ changes: [{ occurredAt: '2026-10-26T07:33:20.412Z' }] });
  });

  it('dates a deletion by the event, so that it is newer than the last update', () => {
    const updated_at = '2026-10-26T07:33:20.000Z';
    const dated = { changes: [{ occurredAt: '2026-10-26T07:33:20.412Z' }] };
    expect(map('user.deleted', { id: 'user_1', updated_at })).toMatchObject(dated);
    expect(map('organization.deleted', { id: 'org_1', updated_at })).toMatchObject(dated);
  });

  it('names a member by the configured id or not at all', () => {
    const member = { user_id: 'user_1', organization_id: 'org_1', status: 'active', role: { slug: 'admin' } };
    const created = (settings: SourceSettings, over: object = {}) =>
      map('organization_membership.created', { ...member, ...over }, settings);
    const noUser = { kind: 'rejected', because: 'NO_USER_ID' };
    const noCompany = { kind: 'rejected', because: 'NO_COMPANY_ID' };
    expect(created({ userId: ['id', 'external_id'] })).toMatchObject({ changes: [{ call: { user_id: 'user_1' } }] });
    expect(created({ userId: ['external_id', 'id'] })).toEqual(noUser);
    expect(created({ companyId: ['metadata.tenant', 'id'] })).toEqual(noCompany);
    expect(created({}, { user_id: null })).toEqual(noUser);
    expect(created({}, { organization_id: '' })).toEqual(noCompany);
  });

  it('sends of a membership the role and nothing else, and that only if it may', () => {
    const member = { user_id: 'user_1', organization_id: 'org_1', status: 'active', role: { slug: 'admin' } };
    const call = { kind: 'identifyUser', user_id: 'user_1', company: { id: 'org_1' } };
    const updated = (settings: SourceSettings, over: object = {}) =>
      map('organization_membership.updated', { ...member, ...over }, settings);
    const settings = { properties: { state: 'status', desk: 'custom_attributes.desk' } };
    const named = { ...call, metadata: { role: 'admin' } };
    expect(updated(settings)).toMatchObject({ changes: [{ call: named, facet: 'membership' }] });
    const only = { kind: 'changes', changes: [{ call, facet: 'membership', occurredAt: '2026-10-26T07:33:20.412Z' }] };
    expect(updated({ omit: ['role'] })).toEqual(only);
    expect(updated({}, { role: null })).toEqual(only);
  });

  it('puts nobody into a company before the invitation is taken', () => {
    const member = (status: unknown) =>
      map('organization_membership.updated', { user_id: 'user_1', organization_id: 'org_1', status });
    expect(member('active')).toMatchObject({ kind: 'changes' });
    expect(member('pending')).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
    expect(member('inactive')).toEqual({ kind: 'ignored', because: 'NO_COMPANY_DETACH' });
    expect(member(undefined)).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
  });

  it('marks or ignores deletions when told to', () => {
    const marked = { call: { kind: 'identifyCompany', company_id: 'org_1', metadata: { workos_deleted: true } } };
    expect(map('organization.deleted', { id: 'org_1' }, { deletions: 'mark' })).toMatchObject({ changes: [marked] });
    for (const [event, id] of [
      ['user.deleted', 'user_1'],
      ['organization.deleted', 'org_1'],
    ] as const) {
      expect(map(event, { id }, { deletions: 'ignore' })).toEqual({ kind: 'ignored', because: 'DELETION_IGNORED' });
    }
  });

  it('reads the emulator, which sends no `object` and fewer members', () => {
    const data = { id: 'user_1', email: 'ada@example.com', first_name: 'Ada', last_name: null, updated_at: signUp.receivedAt };
    expect(map('user.created', data)).toMatchObject({ changes: [{ call: { metadata: { name: 'Ada' } }, creates: true }] });
  });
});

it('has fixtures whose time is that of the delivery in milliseconds', () => {
  expect(requestOf(signUp).headers['workos-signature']).toMatch(/^t=\d{13}, v1=/);
});
