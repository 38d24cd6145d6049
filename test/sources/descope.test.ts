import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { RawRequest } from '../../functions/core/request.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { descope } from '../../functions/sources/descope.ts';
import { recordsIn } from '../../functions/sources/source.ts';
import { fixture, later, mapBody, NO_TRUST, requestOf } from '../support/sources.ts';

const signUp = fixture('descope', 'user-created');
const { secret, receivedAt } = signUp;
const OCCURRED = Date.parse('2026-11-20T09:14:59.500Z');
const ISO = new Date(OCCURRED).toISOString();

const ok = { ok: true };
const mismatch = { ok: false, code: 'SIGNATURE_MISMATCH' };
const outside = { ok: false, code: 'TIMESTAMP_OUTSIDE_TOLERANCE' };

/** Signed over `signed`, which is not always what goes over the wire. */
const delivery = (body: string, signed = body): RawRequest => ({
  headers: { 'x-descope-webhook-s256': createHmac('sha256', secret).update(signed).digest('base64') },
  body: Buffer.from(body),
  receivedAt: new Date(receivedAt),
});
const verify = (request: RawRequest, secrets: readonly string[] = [secret]) => descope.verify(request, secrets, NO_TRUST);

describe('signatures of Descope', () => {
  it('accept the known vector', () => {
    const vector: RawRequest = {
      headers: { 'x-descope-webhook-s256': 'cf16OP5lb1BtznzsqdyUSzKpJ5pKqV+VNwRjt18ugR4=' },
      body: Buffer.from('[{"action":"UserCreated","userId":"U2madeup","occurred":1793000000123}]'),
      receivedAt: new Date(1_793_000_001_000),
    };
    expect(verify(vector, ['descope-made-up-hmac'])).toEqual(ok);
    expect(verify(vector)).toEqual(mismatch);
  });

  it('are made over the bytes, or over the JSON printed anew, and over nothing else', () => {
    const event = [{ action: 'UserCreated', occurred: OCCURRED, name: 'Zoë/"\u2028' }];
    const compact = JSON.stringify(event);
    const wide = JSON.stringify(event, null, 4);
    expect(verify(delivery(wide, compact))).toEqual(ok);
    expect(verify(delivery(wide, wide))).toEqual(ok);
    expect(verify(delivery(compact, wide))).toEqual(mismatch);
    expect(verify(delivery(wide, Buffer.from(compact).toString('base64')))).toEqual(mismatch);
    expect(verify(delivery(wide.replace('UserCreated', 'UserDeleted'), compact))).toEqual(mismatch);
    expect(verify(delivery('[', '['))).toEqual(ok);
  });

  it.each([
    ['a second spelling', (good: string) => good.replace(/.=$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=`)],
    ['the alphabet of URLs', (good: string) => `-${good.slice(1)}`],
    ['no padding', (good: string) => good.slice(0, -1)],
    ['hex', (good: string) => Buffer.from(good, 'base64').toString('hex')],
  ])('are refused in %s', (_, spoil) => {
    const { headers, ...rest } = requestOf(signUp);
    const header = spoil(headers['x-descope-webhook-s256'] ?? '');
    expect(verify({ ...rest, headers: { 'x-descope-webhook-s256': header } })).toEqual({
      ok: false,
      code: 'SIGNATURE_MALFORMED',
    });
  });

  it('are good for three days after the newest record', () => {
    const body = JSON.stringify([{ occurred: OCCURRED - 86_400_000 }, { occurred: String(OCCURRED) }, { occurred: null }]);
    const request = { ...delivery(body), receivedAt: new Date(OCCURRED) };
    expect([0, 3 * 86_400, -300].map((seconds) => verify(later(request, seconds)))).toEqual([ok, ok, ok]);
    expect([3 * 86_400 + 1, -301].map((seconds) => verify(later(request, seconds)))).toEqual([outside, outside]);
    expect(verify({ ...request, receivedAt: new Date(Number.NaN) })).toEqual(outside);
  });

  it.each(['', '7', '[]', '{}', '[{}]', '{"events":[{"occurred":"soon"}]}', '['.repeat(5000)])(
    'leave to the schema what is signed and has no time: %j',
    (body) => {
      expect(verify(delivery(body))).toEqual(ok);
    },
  );
});

describe('the records in a body of Descope', () => {
  const one = { action: 'UserCreated' };
  it.each([
    [
      [one, one],
      [one, one],
    ],
    [{ events: [one] }, [one]],
    [one, [one]],
    [[], []],
  ])('of %j', (body, records) => {
    expect(recordsIn(descope, Buffer.from(JSON.stringify(body)))).toEqual(records);
  });

  it('have ids of what they say, which tell nothing', () => {
    const idOf = (record: object) => descope.head(descope.schema.parse(record), requestOf(signUp)).eventId;
    const record = { ...one, occurred: OCCURRED, userId: 'U1', actorId: 'U1', tenants: ['T1'] };
    expect(idOf({ ...record, device: 'phone', occurred_formatted: ISO })).toBe(idOf(record));
    const others = [{ action: 'UserModified' }, { occurred: OCCURRED + 1 }, { userId: 'U2' }, { actorId: 'K1' }, { tenants: [] }];
    expect(new Set([record, ...others.map((other) => ({ ...record, ...other }))].map(idOf)).size).toBe(6);
    expect(idOf(record)).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('mapping of Descope', () => {
  const api = { api: 'https://api.descope.com' };
  const map = (action: string, members: object = {}, settings: SourceSettings = {}) =>
    mapBody(descope, { action, occurred: OCCURRED, ...members }, { receivedAt, settings });
  const lean = { userId: 'U1', loginIds: ['zoe', '+15555550187', 'zoe@example.com'], tenants: ['T1', 'T2'] };
  const noUser = { kind: 'rejected', because: 'NO_USER_ID' };
  const noCompany = { kind: 'rejected', because: 'NO_COMPANY_ID' };

  it.each(['UserCreated', 'User Created', 'usercreated', 'USER CREATED'])('knows %j', (action) => {
    expect(map(action, lean, api)).toEqual({
      kind: 'refresh',
      refreshes: [{ subject: 'user', id: 'U1', occurredAt: ISO, creates: true }],
    });
  });

  it('says what a record holds where there is no API', () => {
    const call = { kind: 'identifyUser', user_id: 'U1', company: { id: 'T1' } };
    expect(map('UserCreated', lean)).toEqual({
      kind: 'changes',
      changes: [
        {
          call: { ...call, metadata: { email: 'zoe@example.com', created_at: ISO } },
          facet: 'profile',
          occurredAt: ISO,
          creates: true,
        },
      ],
    });
    expect(map('UserModified', lean)).toEqual({
      kind: 'changes',
      changes: [{ call: { ...call, metadata: { email: 'zoe@example.com' } }, facet: 'profile', occurredAt: ISO }],
    });
    expect(map('UserCreated', { userId: 'U1' })).toMatchObject({ changes: [{ call: { user_id: 'U1' } }] });
  });

  it('names nobody by ids that a record does not hold', () => {
    const own = { userId: ['customAttributes.app_id', 'userId'], companyId: ['customAttributes.app_id', 'id'] };
    expect(map('UserCreated', lean, own)).toEqual(noUser);
    expect(map('UserDeleted', lean, own)).toEqual(noUser);
    expect(map('TenantDeleted', { tenants: ['T1'] }, own)).toEqual(noCompany);
    expect(map('UserCreated', lean, { ...own, ...api })).toMatchObject({ refreshes: [{ id: 'U1' }] });
  });

  it('takes a tenant from a record only where it names one alone', () => {
    for (const action of ['TenantCreated', 'TenantModified', 'TenantDeleted']) {
      for (const tenants of [undefined, null, [], ['T1', 'T2'], [''], [7.5], 'T1'])
        expect(map(action, { tenants }, api)).toEqual(noCompany);
    }
    expect(map('TenantModified', { tenants: ['T1'] }, api)).toMatchObject({ refreshes: [{ subject: 'tenant', id: 'T1' }] });
    expect(map('TenantCreated', { tenants: ['T1'] })).toEqual({ kind: 'rejected', because: 'NO_VENDOR_API' });
  });

  it.each(['UsersCreated', 'UsersModified', 'UsersDeleted'])('keeps %s, as its form is not known', (action) => {
    expect(map(action, lean, api)).toEqual(noUser);
  });

  it('ignores deletions when told to', () => {
    for (const action of ['UserDeleted', 'TenantDeleted'])
      expect(map(action, { ...lean, tenants: ['T1'] }, { deletions: 'ignore' })).toEqual({
        kind: 'ignored',
        because: 'DELETION_IGNORED',
      });
  });

  it('takes no audit record for what it fetched, whatever it is called', () => {
    for (const action of ['fetched.user', 'fetched.tenant'])
      expect(() => map(action, { ...lean, data: { user: { userId: 'U1' }, tenant: { id: 'T1' } } })).toThrow('expected object');
  });

  describe('of a fetched user', () => {
    const fetched = (user: object, settings: SourceSettings = {}) => map('fetched.user', { user }, settings);
    const zoe = { userId: 'U1', email: 'zoe@example.com', verifiedEmail: true, createdTime: 1_793_000_000 };

    it('skips test users unless the stage wants them', () => {
      expect(fetched({ ...zoe, test: true })).toEqual({ kind: 'ignored', because: 'TEST_EVENT' });
      expect(fetched({ ...zoe, test: true }, { testEvents: 'deliver' })).toMatchObject({ kind: 'changes' });
    });

    it('takes an empty text for nothing, and seconds for seconds', () => {
      expect(fetched({ ...zoe, name: '', givenName: 'Zoë', familyName: '', status: '', roleNames: [], userTenants: [] })).toEqual(
        {
          kind: 'changes',
          changes: [
            {
              call: {
                kind: 'identifyUser',
                user_id: 'U1',
                metadata: {
                  email: 'zoe@example.com',
                  name: 'Zoë',
                  created_at: new Date(1_793_000_000_000).toISOString(),
                  email_verified: true,
                },
              },
              facet: 'profile',
              occurredAt: receivedAt,
            },
          ],
        },
      );
      expect(JSON.stringify(fetched({ ...zoe, email: '' }))).not.toContain('email');
    });

    it('names the first of its tenants, as far as it knows them', () => {
      const userTenants = [
        { tenantId: 'T1', tenantName: 'Harbour & Söhne' },
        { tenantId: 'T2', tenantName: 'Other' },
      ];
      expect(fetched({ ...zoe, userTenants })).toMatchObject({
        changes: [
          { call: { kind: 'identifyCompany', company_id: 'T1', metadata: { name: 'Harbour & Söhne' } } },
          { call: { kind: 'identifyUser', user_id: 'U1', company: { id: 'T1' } } },
        ],
      });
      for (const [tenants, settings] of [
        [[{ tenantId: 'T1', tenantName: '' }], {}],
        [userTenants, { companyId: ['name'], omit: ['name'] }],
        [userTenants, { companyId: ['customAttributes.app_id', 'id'] }],
      ] as const)
        expect(fetched({ ...zoe, userTenants: tenants }, { ...settings } as SourceSettings)).toMatchObject({
          changes: [{ call: { kind: 'identifyUser' } }],
        });
    });

    it('reads configured paths', () => {
      const settings = { userId: ['customAttributes.app_id'], properties: { plan: 'customAttributes.plan' } };
      expect(fetched({ ...zoe, customAttributes: { app_id: 'a7', plan: 'pro' } }, settings)).toMatchObject({
        changes: [{ call: { user_id: 'a7', metadata: { plan: 'pro' } } }],
      });
      expect(fetched(zoe, settings)).toEqual(noUser);
    });
  });
});
