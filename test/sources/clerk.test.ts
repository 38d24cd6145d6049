import { describe, expect, it } from '@jest/globals';
import { Webhook } from 'svix';
import type { RawRequest } from '../../functions/core/request.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { clerkSender } from '../../functions/sources/clerk.sender.ts';
import { clerk } from '../../functions/sources/clerk.ts';
import { fixture, mapBody, momentAt, NO_TRUST, requestOf, sentBy, withHeaders } from '../support/sources.ts';

const signUp = fixture('clerk', 'user-created');
const request = requestOf(signUp);
const { secret } = signUp;
const receivedAt = signUp.receivedAt;

/** Checked with the svix and standardwebhooks libraries; keys, ids and people in them are invented. */
const SVIX_VECTOR: RawRequest = {
  headers: {
    'svix-id': 'msg_2zQmadeupDelivery0001',
    'svix-timestamp': '1793000000',
    'svix-signature': 'v1,3DDiEY7Im9kZ2ux/XCwSMtklkWgADgAtrIruG6YCwBA=',
  },
  body: Buffer.from('{"type":"user.created","object":"event","data":{"id":"user_madeup01"}}'),
  receivedAt: new Date(1793000060_000),
};
const SVIX_SECRET = 'whsec_bWFkZS11cC1zaWduaW5nLWtleS0wMDAx';
const STANDARD_VECTOR: RawRequest = {
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
const STANDARD_SECRET = 'whsec_dXNlcnBpbG90LXNoZWV0LWRlbW8ta2V5LTAwMDEhISE=';

const refusal = (code: string) => ({ ok: false, code });
const codeOf = (changed: Readonly<Record<string, string | undefined>>) =>
  clerk.verify(withHeaders(request, changed), [secret], NO_TRUST);

describe('signatures of Svix', () => {
  it('accepts the known vectors, under either family of header names', () => {
    expect(clerk.verify(SVIX_VECTOR, [SVIX_SECRET], NO_TRUST)).toEqual({ ok: true });
    expect(clerk.verify(STANDARD_VECTOR, [STANDARD_SECRET], NO_TRUST)).toEqual({ ok: true });
    expect(clerk.verify(STANDARD_VECTOR, [SVIX_SECRET], NO_TRUST)).toEqual(refusal('SIGNATURE_MISMATCH'));
  });

  it('takes a secret without its prefix, as the svix library does', () => {
    expect(clerk.verify(SVIX_VECTOR, [SVIX_SECRET.slice('whsec_'.length)], NO_TRUST)).toEqual({ ok: true });
  });

  it.each(['whsec_not base64!', 'whsec_bWFk\nZS11', 'whsec_bWFkZS11-', 'whsec_bWFkZS1', 'whsec_'])(
    'does not decode what it can of the secret %j',
    (broken) => {
      const forged = sentBy(clerkSender, 'user.created', { secret: broken, moment: momentAt(request.receivedAt) });
      expect(clerk.verify(forged, [broken], NO_TRUST)).toEqual(refusal('SIGNATURE_MISMATCH'));
    },
  );

  it('accepts what the svix library signs now, and makes what it accepts', () => {
    const now = new Date();
    const moment = momentAt(now);
    const made = sentBy(clerkSender, 'user.created', { secret, moment });
    expect(() => new Webhook(secret).verify(Buffer.from(made.body), made.headers)).not.toThrow();
    const theirs = new Webhook(secret).sign('msg_live', now, Buffer.from(made.body));
    const headers = {
      'svix-id': 'msg_live',
      'svix-timestamp': String(Math.floor(now.getTime() / 1000)),
      'svix-signature': theirs,
    };
    expect(clerk.verify({ ...made, headers }, [secret], NO_TRUST)).toEqual({ ok: true });
  });

  it('refuses two families that disagree, and takes two that agree', () => {
    const twins = {
      'webhook-id': request.headers['svix-id'],
      'webhook-timestamp': request.headers['svix-timestamp'],
      'webhook-signature': request.headers['svix-signature'],
    };
    expect(codeOf(twins)).toEqual({ ok: true });
    for (const name of Object.keys(twins)) {
      expect(codeOf({ ...twins, [name]: '1' })).toEqual(refusal('HEADER_CONFLICT'));
      expect(codeOf({ [name]: 'other' })).toEqual(refusal('HEADER_CONFLICT'));
    }
  });

  it('never fills a gap in one family from the other', () => {
    for (const part of ['id', 'timestamp', 'signature']) {
      expect(codeOf({ [`svix-${part}`]: undefined, [`webhook-${part}`]: request.headers[`svix-${part}`] })).toEqual(
        refusal('SIGNATURE_MISSING'),
      );
    }
  });

  it('takes one good signature among others, and looks at ten at most', () => {
    const good = request.headers['svix-signature'] ?? '';
    const other = `v1,${Buffer.alloc(32, 7).toString('base64')}`;
    const list = (...entries: readonly string[]) => codeOf({ 'svix-signature': entries.join(' ') });
    expect(list(other, good)).toEqual({ ok: true });
    expect(list('v1a,AAAA', 'v2,junk', good, 'v1,=')).toEqual({ ok: true });
    for (const odd of ['', 'v1,', 'x', 'v1,a,b']) expect(list(odd, good)).toEqual(refusal('SIGNATURE_MALFORMED'));
    expect(list(...Array.from({ length: 9 }, () => other), good)).toEqual({ ok: true });
    expect(list(...Array.from({ length: 10 }, () => other), good)).toEqual(refusal('SIGNATURE_MISMATCH'));
    expect(list(...Array.from({ length: 1000 }, () => other), good)).toEqual(refusal('SIGNATURE_MALFORMED'));
  });

  it.each([
    ['another version', (good: string) => good.replace('v1', 'v1a')],
    ['the other base64 alphabet', (good: string) => `v1,${good.slice(3).replaceAll('+', '-').replaceAll('/', '_')}-`],
    ['no padding', (good: string) => good.replace('=', '')],
    ['junk that a decoder skips', (good: string) => `${good.slice(0, 10)}\n${good.slice(10)}`],
    ['a trailing comma', (good: string) => `${good},`],
    ['two joined by a comma', (good: string) => `${good},${good}`],
  ])('refuses a signature with %s', (_, spoil) => {
    expect(codeOf({ 'svix-signature': spoil(request.headers['svix-signature'] ?? '') })).toEqual(refusal('SIGNATURE_MALFORMED'));
  });

  it('refuses a second spelling of the same signature bytes', () => {
    const good = request.headers['svix-signature'] ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    const twin = `${good.slice(0, -2)}${alphabet[alphabet.indexOf(good.at(-2) ?? '') + 1]}=`;
    expect(Buffer.from(twin.slice(3), 'base64')).toEqual(Buffer.from(good.slice(3), 'base64'));
    expect(codeOf({ 'svix-signature': twin })).toEqual(refusal('SIGNATURE_MALFORMED'));
  });

  it.each(['1795166101 ', '+1795166101', '1795166101.0', '0x6AFF', '1795166101000000', '١٧٩٥', '-1'])(
    'refuses %j as a time',
    (timestamp) => {
      expect(codeOf({ 'svix-timestamp': timestamp })).toEqual(refusal('SIGNATURE_MALFORMED'));
    },
  );

  it('counts 300 seconds both ways', () => {
    const at = (offset: number) =>
      clerk.verify({ ...SVIX_VECTOR, receivedAt: new Date((1793000000 + offset) * 1000) }, [SVIX_SECRET], NO_TRUST);
    expect([at(300), at(-300)]).toEqual([{ ok: true }, { ok: true }]);
    expect([at(301), at(-301)]).toEqual([refusal('TIMESTAMP_OUTSIDE_TOLERANCE'), refusal('TIMESTAMP_OUTSIDE_TOLERANCE')]);
  });

  it('takes the event id from the family that was verified', () => {
    const event = clerk.schema.parse({ type: 'user.created' });
    expect(clerk.head(event, STANDARD_VECTOR).eventId).toBe('msg_demo0001');
    expect(clerk.head(event, withHeaders(SVIX_VECTOR, { 'webhook-id': 'msg_2zQmadeupDelivery0001' })).eventId).toBe(
      'msg_2zQmadeupDelivery0001',
    );
  });
});

describe('mapping of Clerk', () => {
  const map = (type: string, data: object, settings: SourceSettings = {}, timestamp: number = 1793000000412) =>
    mapBody(clerk, { type, timestamp, data }, { receivedAt, settings });
  const member = (over: object = {}) => ({
    organization: { id: 'org_1', name: 'Loom', created_at: 1793000000000, updated_at: 1793000001000 },
    public_user_data: { user_id: 'user_1', identifier: 'ada@example.com' },
    updated_at: 1793000002000,
    ...over,
  });

  it('takes the first address when the primary one is not in the list', () => {
    const entry = { id: 'idn_1', email_address: 'ada@example.com', verification: null };
    const data = { id: 'user_1', primary_email_address_id: 'idn_gone', email_addresses: [entry] };
    expect(map('user.created', data)).toMatchObject({
      changes: [{ call: { metadata: { email: 'ada@example.com', email_verified: false } } }],
    });
  });

  it('sends no e-mail and no verdict on it when the list is empty, as in the sample events of the dashboard', () => {
    const data = { id: 'user_1', primary_email_address_id: 'idn_1', email_addresses: [], updated_at: 1793000000390 };
    expect(map('user.created', data)).toEqual({
      kind: 'changes',
      changes: [
        {
          call: { kind: 'identifyUser', user_id: 'user_1' },
          facet: 'profile',
          occurredAt: '2026-10-26T07:33:20.390Z',
          creates: true,
        },
      ],
    });
  });

  it('falls back to the time of the event, in seconds or milliseconds', () => {
    const timeOf = (timestamp: number) => map('user.updated', { id: 'user_1' }, {}, timestamp);
    expect(timeOf(1793000000)).toMatchObject({ changes: [{ occurredAt: '2026-10-26T07:33:20.000Z' }] });
    expect(timeOf(1793000000412)).toMatchObject({ changes: [{ occurredAt: '2026-10-26T07:33:20.412Z' }] });
  });

  it('puts a deletion that is told in seconds behind every update of that second', () => {
    const occurredAt = (timestamp: number) => map('user.deleted', { id: 'user_1', deleted: true }, {}, timestamp);
    expect(occurredAt(1793000000)).toMatchObject({ changes: [{ occurredAt: '2026-10-26T07:33:20.999Z' }] });
    expect(occurredAt(1793000000412)).toMatchObject({ changes: [{ occurredAt: '2026-10-26T07:33:20.412Z' }] });
  });

  it('rejects a deletion that names nobody, and one that cannot name the configured id', () => {
    const noUser = { kind: 'rejected', because: 'NO_USER_ID' };
    expect(map('user.deleted', { deleted: true })).toEqual(noUser);
    expect(map('user.deleted', { id: 'user_1' }, { userId: ['external_id', 'id'] })).toEqual(noUser);
    expect(map('user.deleted', { id: 'user_1' }, { userId: ['public_metadata.app_id', 'id'] })).toEqual(noUser);
    const known = map('user.deleted', { id: 'user_1', external_id: null }, { userId: ['external_id', 'id'] });
    expect(known).toMatchObject({ changes: [{ call: { kind: 'deleteUser', user_id: 'user_1' } }] });
  });

  it('ignores deletions when told to', () => {
    const ignored = { kind: 'ignored', because: 'DELETION_IGNORED' };
    expect(map('user.deleted', { id: 'user_1' }, { deletions: 'ignore' })).toEqual(ignored);
    expect(map('organization.deleted', { id: 'org_1' }, { deletions: 'ignore' })).toEqual(ignored);
  });

  it('marks a deleted organization when told to, and rejects one without an id', () => {
    const marked = { call: { kind: 'identifyCompany', company_id: 'org_1', metadata: { clerk_deleted: true } } };
    expect(map('organization.deleted', { id: 'org_1' }, { deletions: 'mark' })).toMatchObject({ changes: [marked] });
    expect(map('organization.deleted', { deleted: true })).toEqual({ kind: 'rejected', because: 'NO_COMPANY_ID' });
    expect(map('organization.updated', { name: 'Loom' })).toEqual({ kind: 'rejected', because: 'NO_COMPANY_ID' });
  });

  it('names a member by the configured id or not at all', () => {
    const membership = { facet: 'membership', call: { user_id: 'user_1', company: { id: 'org_1' } } };
    expect(map('organizationMembership.updated', member())).toMatchObject({ changes: [{ facet: 'profile' }, membership] });
    expect(map('organizationMembership.updated', member(), { userId: ['id', 'external_id'] })).toMatchObject({
      changes: [{}, membership],
    });
    const noUser = { kind: 'rejected', because: 'NO_USER_ID' };
    expect(map('organizationMembership.created', member(), { userId: ['external_id'] })).toEqual(noUser);
    expect(map('organizationMembership.created', member(), { userId: ['external_id', 'id'] })).toEqual(noUser);
    expect(map('organizationMembership.created', member({ public_user_data: null }))).toEqual(noUser);
  });

  it('says nothing about a company of which there is nothing to say', () => {
    const changes = [
      {
        call: { kind: 'identifyUser', user_id: 'user_1', company: { id: 'org_1' } },
        facet: 'membership',
        occurredAt: '2026-10-26T07:33:22.000Z',
      },
    ];
    expect(map('organizationMembership.created', member({ organization: { id: 'org_1' } }))).toEqual({
      kind: 'changes',
      changes,
    });
    expect(map('organizationMembership.created', member(), { omit: ['name', 'created_at'] })).toEqual({
      kind: 'changes',
      changes,
    });
  });

  it('dates the company by its own update, so that an older membership cannot bring an old name back', () => {
    expect(map('organizationMembership.created', member())).toMatchObject({
      changes: [
        { call: { kind: 'identifyCompany', company_id: 'org_1' }, occurredAt: '2026-10-26T07:33:21.000Z' },
        { occurredAt: '2026-10-26T07:33:22.000Z' },
      ],
    });
  });

  it('finds the company id in the organization, also inside a membership', () => {
    const organization = { id: 'org_1', name: 'Loom', public_metadata: { tenant: 'loom-eu' } };
    const settings = { companyId: ['public_metadata.tenant'] };
    expect(map('organization.updated', organization, settings)).toMatchObject({ changes: [{ call: { company_id: 'loom-eu' } }] });
    expect(map('organizationMembership.created', member({ organization }), settings)).toMatchObject({
      changes: [{ call: { company_id: 'loom-eu' } }, { call: { company: { id: 'loom-eu' } } }],
    });
    const elsewhere = { kind: 'rejected', because: 'NO_COMPANY_ID' };
    expect(map('organizationMembership.created', member(), settings)).toEqual(elsewhere);
  });

  it('cannot be told to send private or unsafe metadata', () => {
    const data = { id: 'user_1', private_metadata: { id: 'p' }, unsafe_metadata: { id: 'u' } };
    expect(map('user.updated', data, { userId: ['private_metadata.id', 'unsafe_metadata.id'] })).toEqual({
      kind: 'rejected',
      because: 'NO_USER_ID',
    });
    const sent = map('user.updated', data, { properties: { p: 'private_metadata.id', u: 'unsafe_metadata.id' } });
    expect(sent).toMatchObject({ changes: [{ call: { kind: 'identifyUser', user_id: 'user_1' } }] });
    expect(JSON.stringify(sent)).not.toContain('metadata');
  });
});
