import { describe, expect, it } from '@jest/globals';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { auth0 } from '../../functions/sources/auth0.ts';
import { fixture, mapBody, NO_TRUST, requestOf, withHeaders } from '../support/sources.ts';

const signUp = fixture('auth0', 'user-created');
const request = requestOf(signUp);
const { secret, receivedAt } = signUp;

describe('the fixed token of Auth0', () => {
  const verify = (authorization: string, secrets: readonly string[] = [secret]) =>
    auth0.verify(withHeaders(request, { authorization }), secrets, NO_TRUST);
  const mismatch = { ok: false, code: 'SIGNATURE_MISMATCH' };
  const malformed = { ok: false, code: 'SIGNATURE_MALFORMED' };

  it('takes a Basic header when the secret is the whole header value', () => {
    const basic = `Basic ${Buffer.from('invented-user:invented-password').toString('base64')}`;
    expect(verify(basic, [basic])).toEqual({ ok: true });
    expect(verify(basic, [secret])).toEqual(mismatch);
    expect(verify(`Bearer ${secret}`, [`Bearer ${secret}`])).toEqual({ ok: true });
  });

  it('takes nothing that is only like the token', () => {
    for (const token of [secret.slice(0, -1), `${secret}x`, secret.toUpperCase(), 'x'])
      expect(verify(`Bearer ${token}`)).toEqual(mismatch);
    for (const header of [
      secret,
      `bearer ${secret}`,
      `Bearer  ${secret}`,
      `Bearer ${secret} `,
      `Bearer ${secret},Bearer x`,
      'Bearer ',
    ]) {
      expect(verify(header).ok).toBe(false);
    }
    expect(verify(secret)).toEqual(malformed);
    expect(verify(`Bearer ${'x'.repeat(5000)}`, ['x'.repeat(5000)])).toEqual(malformed);
  });

  it('does not depend on the kind of the other secrets', () => {
    expect(verify(`Bearer ${secret}`, ['', 'Basic ', 'Bearer ', 'other', secret])).toEqual({ ok: true });
  });
});

describe('mapping of Auth0', () => {
  const map = (type: string, data: object, settings: SourceSettings = {}, more: object = {}) =>
    mapBody(auth0, { id: 'evt_1', type, time: '2026-10-26T07:33:20.114Z', data, ...more }, { receivedAt, settings });
  const user = (over: object = {}) => ({
    user_id: 'auth0|1',
    email: 'ada@example.com',
    name: 'Ada Byron',
    created_at: '2026-10-26T07:33:20.101Z',
    updated_at: '2026-10-26T07:33:20.105Z',
    last_login: '2026-10-26T07:33:20.100Z',
    ...over,
  });
  const nameFrom = (over: object) => map('user.created', { object: user(over) });

  it.each([
    [{ name: 'ada@example.com', given_name: 'Ada', family_name: 'B.' }, { name: 'Ada B.' }],
    [{ name: 'ada@example.com', given_name: 'Ada' }, { name: 'Ada' }],
    [{ name: 'ada@example.com', nickname: 'ada' }, { name: 'ada' }],
    [{ name: '', nickname: 'ada' }, { name: 'ada' }],
    [{ name: 'Ada' }, { name: 'Ada' }],
  ])('makes of %j the name %j', (over, expected) => {
    expect(nameFrom(over)).toMatchObject({ changes: [{ call: { metadata: expected } }] });
  });

  it('sends no name rather than the e-mail address', () => {
    expect(JSON.stringify(nameFrom({ name: 'ada@example.com' }))).not.toContain('"name"');
  });

  it('delivers test events when told to', () => {
    const test = { a0purpose: 'test' };
    expect(map('user.created', { object: user() }, { testEvents: 'deliver' }, test)).toMatchObject({ kind: 'changes' });
    expect(map('user.created', { object: user() }, { testEvents: 'ignore' }, test)).toEqual({
      kind: 'ignored',
      because: 'TEST_EVENT',
    });
    expect(map('user.created', { object: user() }, {}, { a0purpose: 'invented' })).toMatchObject({ kind: 'changes' });
  });

  it('ignores an update of which nothing would be sent that was not sent before', () => {
    const nothing = { kind: 'ignored', because: 'NOTHING_CHANGED' };
    const object = user({
      last_login: '2026-10-27T00:00:00Z',
      last_ip: '203.0.113.9',
      logins_count: 9,
      updated_at: '2026-10-27T00:00:00Z',
    });
    expect(map('user.updated', { object, previous_object: user() })).toEqual(nothing);
    expect(map('user.updated', { object: { ...object, phone_number: '+15555550142' }, previous_object: user() })).toEqual(
      nothing,
    );
    const metadata = { object: { ...object, app_metadata: { plan: 'pro' } }, previous_object: user() };
    expect(map('user.updated', metadata)).toEqual(nothing);
    expect(map('user.updated', metadata, { properties: { plan: 'app_metadata.plan' } })).toMatchObject({ kind: 'changes' });
  });

  it.each([
    undefined,
    null,
    'text',
    {},
    { user_id: 'auth0|1' },
    { email: 'ada@example.com' },
    { ...user(), created_at: 'yesterday' },
  ])('takes an update as a change when the previous object is %j', (previous_object) => {
    expect(map('user.updated', { object: user(), previous_object })).toMatchObject({ kind: 'changes' });
  });

  it('does not look at a previous object of a creation', () => {
    expect(map('user.created', { object: user(), previous_object: user() })).toMatchObject({
      kind: 'changes',
      changes: [{ creates: true }],
    });
  });

  it('dates by the user, else by the event', () => {
    expect(map('user.updated', { object: user() })).toMatchObject({ changes: [{ occurredAt: '2026-10-26T07:33:20.105Z' }] });
    expect(map('user.updated', { object: user({ updated_at: undefined }) })).toMatchObject({
      changes: [{ occurredAt: '2026-10-26T07:33:20.114Z' }],
    });
    expect(map('user.deleted', { object: user() })).toMatchObject({ changes: [{ occurredAt: '2026-10-26T07:33:20.114Z' }] });
    const deleted = user({ deleted_at: '2026-10-26T09:33:20+02:00' });
    expect(map('user.deleted', { object: deleted })).toMatchObject({ changes: [{ occurredAt: '2026-10-26T07:33:20.000Z' }] });
  });

  it('marks or ignores deletions when told to', () => {
    const marked = { call: { kind: 'identifyUser', user_id: 'auth0|1', metadata: { auth0_deleted: true } } };
    expect(map('user.deleted', { object: user() }, { deletions: 'mark' })).toMatchObject({ changes: [marked] });
    expect(map('user.deleted', { object: user() }, { deletions: 'ignore' })).toEqual({
      kind: 'ignored',
      because: 'DELETION_IGNORED',
    });
    expect(map('organization.deleted', { object: { id: 'org_1' } }, { deletions: 'ignore' })).toEqual({
      kind: 'ignored',
      because: 'DELETION_IGNORED',
    });
    expect(map('organization.deleted', { object: { id: 'org_1' } })).toMatchObject({
      changes: [{ call: { kind: 'deleteCompany', company_id: 'org_1' } }],
    });
  });

  it('names member and company by the configured ids or not at all', () => {
    const object = { organization: { id: 'org_1', name: 'loom' }, user: { user_id: 'auth0|1' } };
    const added = (settings: SourceSettings) => map('organization.member.added', { object }, settings);
    const noUser = { kind: 'rejected', because: 'NO_USER_ID' };
    const noCompany = { kind: 'rejected', because: 'NO_COMPANY_ID' };
    expect(added({ userId: ['app_metadata.external_id'] })).toEqual(noUser);
    expect(added({ userId: ['app_metadata.external_id', 'user_id'] })).toEqual(noUser);
    expect(added({ companyId: ['metadata.tenant', 'id'] })).toEqual(noCompany);
    expect(added({ companyId: ['name'] })).toMatchObject({ changes: [{ call: { company: { id: 'loom' } } }] });
    expect(map('organization.member.added', { object: { organization: { id: 'org_1' } } })).toEqual(noUser);
    expect(map('organization.member.added', { object: { organization: {} } })).toEqual(noCompany);
  });

  it('sends no company name from a membership, where it is only the slug', () => {
    const object = { organization: { id: 'org_1', name: 'loom' }, user: { user_id: 'auth0|1' } };
    expect(JSON.stringify(map('organization.member.added', { object }))).not.toContain('loom');
  });
});
