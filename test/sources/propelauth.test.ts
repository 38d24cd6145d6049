import { describe, expect, it } from '@jest/globals';
import { Webhook } from 'svix';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { propelauthSender } from '../../functions/sources/propelauth.sender.ts';
import { propelauth } from '../../functions/sources/propelauth.ts';
import { fixture, mapBody, momentAt, NO_TRUST, requestOf, sentBy } from '../support/sources.ts';

const signUp = fixture('propelauth', 'user-created');
const { secret, receivedAt } = signUp;
const map = (event_type: string, event: object, settings: SourceSettings = {}) =>
  mapBody(propelauth, { event_type, ...event }, { receivedAt, settings });
const NO_API = { kind: 'rejected', because: 'NO_VENDOR_API' };
const NO_USER = { kind: 'rejected', because: 'NO_USER_ID' };
const NO_COMPANY = { kind: 'rejected', because: 'NO_COMPANY_ID' };

describe('signatures of PropelAuth', () => {
  it("are Svix's, both ways", () => {
    const now = new Date();
    const made = sentBy(propelauthSender, 'user.created', { secret, moment: momentAt(now) });
    expect(() => new Webhook(secret).verify(Buffer.from(made.body), made.headers)).not.toThrow();
    const headers = {
      'webhook-id': 'msg_live',
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign('msg_live', now, Buffer.from(made.body)),
    };
    expect(propelauth.verify({ ...made, headers }, [secret], NO_TRUST)).toEqual({ ok: true });
    expect(propelauth.head(propelauth.schema.parse(JSON.parse(signUp.body)), requestOf(signUp)).eventId).toBe('msg_invented0001');
  });
});

describe('without an API', () => {
  it('a sign-up says what it carries, but neither when it was nor that a deleted user is back', () => {
    expect(map('user.created', JSON.parse(signUp.body))).toEqual({
      kind: 'changes',
      changes: [
        {
          call: {
            kind: 'identifyUser',
            user_id: '3f0e7a10-5b6c-4d2e-9a77-00000invented',
            metadata: { email: 'noor@example.com', name: 'Noor Håkansson', email_verified: true },
          },
          facet: 'profile',
          occurredAt: receivedAt,
        },
      ],
    });
    expect(map('user.created', { user_id: 'u', username: 'noor', first_name: ' ' })).toMatchObject({
      changes: [{ call: { metadata: { name: 'noor' } } }],
    });
  });

  it('an organization has its name, and a membership its role', () => {
    expect(map('org.created', { org_id: 'o', name: 'Loom' })).toEqual({
      kind: 'changes',
      changes: [
        {
          call: { kind: 'identifyCompany', company_id: 'o', metadata: { name: 'Loom' } },
          facet: 'profile',
          occurredAt: receivedAt,
        },
      ],
    });
    const joined = (role: string) => ({
      kind: 'changes',
      changes: [
        {
          call: { kind: 'identifyUser', user_id: 'u', metadata: { role }, company: { id: 'o' } },
          facet: 'membership',
          occurredAt: receivedAt,
        },
      ],
    });
    expect(map('user.added_to_org', { user_id: 'u', org_id: 'o', role: 'Owner' })).toEqual(joined('Owner'));
    expect(map('user.role_changed_within_org', { user_id: 'u', org_id: 'o', new_role: 'Admin' })).toEqual(joined('Admin'));
  });

  it('names nobody by another id than the configured one', () => {
    const member = { user_id: 'u', org_id: 'o' };
    expect(map('user.added_to_org', member, { userId: ['legacy_user_id', 'user_id'] })).toEqual(NO_USER);
    expect(map('user.added_to_org', member, { companyId: ['legacy_org_id'] })).toEqual(NO_COMPANY);
    expect(map('org.deleted', member, { companyId: ['legacy_org_id', 'org_id'] })).toEqual(NO_COMPANY);
    expect(map('org.created', {})).toEqual(NO_COMPANY);
  });

  it.each(['user.updated', 'user.enabled', 'user.disabled', 'user.locked', 'org.updated'])('%s is parked', (type) => {
    expect(map(type, { user_id: 'u', org_id: 'o' })).toEqual(NO_API);
  });
});

describe('with an API', () => {
  const settings = { api: 'https://propelauth-api.example' };

  it('asks for nothing that is not named', () => {
    expect(map('user.created', { org_id: 'o' }, settings)).toEqual(NO_USER);
    expect(map('org.updated', { user_id: 'u' }, settings)).toEqual(NO_COMPANY);
    expect(map('user.added_to_org', { user_id: 'u' }, settings)).toEqual(NO_COMPANY);
    expect(map('user.added_to_org', { org_id: 'o' }, settings)).toEqual(NO_USER);
  });

  it('asks for a membership by both ids', () => {
    expect(map('user.added_to_org', { user_id: 'a/b', org_id: 'o' }, settings)).toMatchObject({
      refreshes: [{ subject: 'membership', id: 'a%2Fb/o' }],
    });
  });

  it('marks or ignores deletions when told to', () => {
    expect(map('org.deleted', { org_id: 'o' }, { ...settings, deletions: 'mark' })).toMatchObject({
      changes: [{ call: { kind: 'identifyCompany', metadata: { propelauth_deleted: true } } }],
    });
    expect(map('user.deleted', { user_id: 'u' }, { ...settings, deletions: 'ignore' })).toEqual({
      kind: 'ignored',
      because: 'DELETION_IGNORED',
    });
  });
});

describe('a user of the API', () => {
  const info = (org_id: string) => ({ org_id, org_name: 'Loom', org_metadata: { tier: 'gold' }, user_role: 'Owner' });
  const user = {
    user_id: 'u',
    email: 'noor@example.com',
    created_at: 1_793_000_000,
    properties: { team: 'x', phone_number: '1' },
  };
  const of = (...ids: string[]) => ({ ...user, org_id_to_org_info: Object.fromEntries(ids.map((id) => [id, info(id)])) });
  const callsOf = (mapped: ReturnType<typeof map>) =>
    mapped.kind === 'changes' ? mapped.changes.map(({ call }) => call) : mapped;

  it('has the time of its creation in seconds or in milliseconds', () => {
    const at = { call: { metadata: { created_at: '2026-10-26T07:33:20.000Z' } } };
    expect(map('fetched.user', user)).toMatchObject({ changes: [at] });
    expect(map('fetched.user', { ...user, created_at: 1_793_000_000_000 })).toMatchObject({ changes: [at] });
  });

  it('belongs to the only organization, and to none of several as far as it tells', () => {
    expect(callsOf(map('fetched.user', of('o')))).toMatchObject([
      { kind: 'identifyUser', user_id: 'u' },
      { kind: 'identifyCompany', company_id: 'o', metadata: { name: 'Loom' } },
      { kind: 'identifyUser', user_id: 'u', metadata: { role: 'Owner' }, company: { id: 'o' } },
    ]);
    expect(callsOf(map('fetched.user', of('o', 'p')))).toHaveLength(1);
    expect(callsOf(map('fetched.user', of('o'), { companyId: ['legacy_org_id'] }))).toHaveLength(1);
    expect(callsOf(map('fetched.membership', { ...of('o', 'p'), org_id: 'p' }))).toMatchObject([
      { kind: 'identifyCompany', company_id: 'p' },
      { kind: 'identifyUser', company: { id: 'p' } },
    ]);
    expect(map('fetched.membership', { ...of('o'), org_id: 'p' })).toEqual(NO_COMPANY);
  });

  it('has ids and properties where the settings say', () => {
    const settings: SourceSettings = {
      userId: ['properties.team'],
      companyId: ['metadata.tier'],
      properties: { team: 'properties.team', tier: 'metadata.tier' },
      omit: ['email', 'created_at', 'role'],
    };
    expect(callsOf(map('fetched.user', of('o'), settings))).toEqual([
      { kind: 'identifyUser', user_id: 'x', metadata: { team: 'x' } },
      { kind: 'identifyCompany', company_id: 'gold', metadata: { name: 'Loom', tier: 'gold' } },
      { kind: 'identifyUser', user_id: 'x', company: { id: 'gold' } },
    ]);
  });

  it('keeps its phone number to itself', () => {
    expect(JSON.stringify(propelauth.schema.parse({ event_type: 'fetched.user', ...user }))).not.toContain('phone');
  });
});
