import { describe, expect, it } from '@jest/globals';
import { Webhook } from 'svix';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { stytchSender } from '../../functions/sources/stytch.sender.ts';
import { stytch } from '../../functions/sources/stytch.ts';
import { fixture, mapBody, momentAt, NO_TRUST, requestOf, sentBy } from '../support/sources.ts';

const signUp = fixture('stytch', 'user-create');
const { secret, receivedAt } = signUp;

describe('signatures of Stytch', () => {
  it('are those of Svix: accepts what the svix library signs now, and makes what it accepts', () => {
    const now = new Date();
    const made = sentBy(stytchSender, 'direct.member.create', { secret, moment: momentAt(now) });
    expect(() => new Webhook(secret).verify(Buffer.from(made.body), made.headers)).not.toThrow();
    const headers = {
      'svix-id': 'msg_live',
      'svix-timestamp': String(Math.floor(now.getTime() / 1000)),
      'svix-signature': new Webhook(secret).sign('msg_live', now, Buffer.from(made.body)),
    };
    expect(stytch.verify({ ...made, headers }, [secret], NO_TRUST)).toEqual({ ok: true });
    expect(stytch.verify({ ...made, headers: { ...headers, 'svix-id': 'msg_other' } }, [secret], NO_TRUST)).toEqual({
      ok: false,
      code: 'SIGNATURE_MISMATCH',
    });
  });

  it('cover the id of the message, which names the event, and not the event_id of the body', () => {
    const event = stytch.schema.parse(JSON.parse(signUp.body));
    expect(stytch.head(event, requestOf(signUp))).toEqual({ eventId: 'msg_invented0001', type: 'direct.user.create' });
  });
});

describe('mapping of Stytch', () => {
  const TIMESTAMP = '2026-10-26T07:33:20.412345678Z';
  const map = (name: string, object: unknown, settings: SourceSettings = {}, more: object = {}) => {
    const [objectType = '', action = ''] = name.split('.');
    const body = { object_type: objectType, action, source: 'DIRECT', id: 'the-id', timestamp: TIMESTAMP, [objectType]: object };
    return mapBody(stytch, { ...body, ...more }, { receivedAt, settings });
  };
  const user = (over: object = {}) => ({ user_id: 'user-live-1', ...over });
  const member = (over: object = {}) => ({ member_id: 'member-live-1', organization_id: 'organization-live-1', ...over });
  const noUser = { kind: 'rejected', because: 'NO_USER_ID' };

  it.each([
    [
      [
        { email: 'a@example.com', verified: false },
        { email: 'b@example.com', verified: true },
      ],
      { email: 'b@example.com', email_verified: true },
    ],
    [
      [
        { email: 'a@example.com', verified: false },
        { email: 'b@example.com', verified: false },
      ],
      { email: 'a@example.com', email_verified: false },
    ],
    [[{ email: 'a@example.com' }], { email: 'a@example.com' }],
    [
      [
        { email: '', verified: true },
        { email: 'b@example.com', verified: false },
      ],
      { email: 'b@example.com', email_verified: false },
    ],
  ])('takes of the addresses %j the one in %j', (emails, metadata) => {
    expect(map('user.UPDATE', user({ emails }))).toMatchObject({ changes: [{ call: { metadata } }] });
  });

  it('takes an empty text for nothing, everywhere', () => {
    const empty = {
      name: { first_name: '', middle_name: '', last_name: '' },
      status: '',
      created_at: '',
      external_id: '',
      emails: [],
    };
    const nothing = [
      { call: { kind: 'identifyUser', user_id: 'user-live-1' }, facet: 'profile', occurredAt: '2026-10-26T07:33:20.412Z' },
    ];
    expect(map('user.UPDATE', user(empty))).toEqual({ kind: 'changes', changes: nothing });
    expect(map('user.UPDATE', user(empty), { userId: ['external_id', 'user_id'] })).toEqual({
      kind: 'changes',
      changes: nothing,
    });
    expect(map('user.UPDATE', user(empty), { userId: ['external_id'] })).toEqual(noUser);
    const quiet = map(
      'member.UPDATE',
      member({ name: '', email_address: '', status: '', updated_at: '', created_at: '', roles: [] }),
    );
    expect(JSON.stringify(quiet)).not.toContain('metadata');
  });

  it('says when a user signed up only where it is known', () => {
    const at = (name: string, created_at: unknown) => map(name, { ...user(), ...member(), created_at });
    const told = { changes: [{ call: { metadata: { created_at: '2026-10-26T07:33:19.000Z' } } }] };
    const guessed = { changes: [{ call: { metadata: { created_at: '2026-10-26T07:33:20.412Z' } } }] };
    for (const kind of ['user', 'member']) {
      expect(at(`${kind}.CREATE`, '2026-10-26T07:33:19Z')).toMatchObject(told);
      expect(at(`${kind}.UPDATE`, '2026-10-26T07:33:19Z')).toMatchObject(told);
      expect(at(`${kind}.CREATE`, null)).toMatchObject(guessed);
      expect(JSON.stringify(at(`${kind}.UPDATE`, null))).not.toContain('created_at');
    }
  });

  it('dates a member by its update, else by the event', () => {
    const dated = (updated_at: unknown) => map('member.UPDATE', member({ updated_at }));
    expect(dated('2026-10-26T07:33:18Z')).toMatchObject({ changes: [{ occurredAt: '2026-10-26T07:33:18.000Z' }] });
    expect(dated(null)).toMatchObject({ changes: [{ occurredAt: '2026-10-26T07:33:20.412Z' }] });
  });

  it('sends a member with its organization, and without one that it cannot name', () => {
    const company = (settings: SourceSettings, over: object = {}) => map('member.CREATE', member(over), settings);
    expect(company({})).toMatchObject({ changes: [{ call: { company: { id: 'organization-live-1' } }, facet: 'profile' }] });
    for (const mapped of [company({ companyId: ['organization_external_id'] }), company({}, { organization_id: '' })]) {
      expect(mapped).toMatchObject({ kind: 'changes' });
      expect(JSON.stringify(mapped)).not.toContain('company');
    }
  });

  it('names what was deleted by the configured id or not at all', () => {
    const noCompany = { kind: 'rejected', because: 'NO_COMPANY_ID' };
    expect(map('user.DELETE', undefined)).toMatchObject({ changes: [{ call: { kind: 'deleteUser', user_id: 'the-id' } }] });
    expect(map('member.DELETE', undefined)).toMatchObject({ changes: [{ call: { kind: 'deleteUser', user_id: 'the-id' } }] });
    expect(map('user.DELETE', undefined, { userId: ['external_id', 'user_id'] })).toEqual(noUser);
    expect(map('member.DELETE', undefined, { userId: ['user_id'] })).toEqual(noUser);
    expect(map('user.DELETE', undefined, {}, { id: '' })).toEqual(noUser);
    expect(map('organization.DELETE', undefined, { companyId: ['organization_external_id'] })).toEqual(noCompany);
  });

  it('marks or ignores deletions when told to', () => {
    const marked = { call: { kind: 'identifyCompany', company_id: 'the-id', metadata: { stytch_deleted: true } } };
    expect(map('organization.DELETE', undefined, { deletions: 'mark' })).toMatchObject({ changes: [marked] });
    for (const name of ['user.DELETE', 'member.DELETE', 'organization.DELETE']) {
      expect(map(name, undefined, { deletions: 'ignore' })).toEqual({ kind: 'ignored', because: 'DELETION_IGNORED' });
    }
  });

  it('finds the configured company id in the organization', () => {
    const organization = { organization_id: 'organization-live-1', organization_external_id: 'acme', organization_name: 'Acme' };
    expect(map('organization.UPDATE', organization, { companyId: ['organization_external_id'] })).toMatchObject({
      changes: [{ call: { kind: 'identifyCompany', company_id: 'acme', metadata: { name: 'Acme' } } }],
    });
    expect(map('organization.UPDATE', { organization_name: 'Acme' })).toEqual({ kind: 'rejected', because: 'NO_COMPANY_ID' });
  });

  it('cannot be told to send what the end user may write', () => {
    const settings = { properties: { typed: 'untrusted_metadata.typed', plan: 'trusted_metadata.plan' } };
    const metadata = { untrusted_metadata: { typed: 'x' }, trusted_metadata: { plan: 'pro' } };
    expect(map('user.UPDATE', user(metadata), settings)).toEqual({
      kind: 'changes',
      changes: [
        {
          call: { kind: 'identifyUser', user_id: 'user-live-1', metadata: { plan: 'pro' } },
          facet: 'profile',
          occurredAt: '2026-10-26T07:33:20.412Z',
        },
      ],
    });
  });
});
