import { describe, expect, it } from '@jest/globals';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { cognito } from '../../functions/sources/cognito.ts';
import { fixture, mapBody, NO_TRUST, requestOf } from '../support/sources.ts';

const signUp = fixture('cognito', 'post-confirmation');
const { receivedAt } = signUp;

const eventOf = (userAttributes: object, triggerSource = 'PostAuthentication_Authentication') => ({
  userPoolId: 'eu-west-1_Invented1',
  triggerSource,
  request: { userAttributes },
});
const map = (userAttributes: object, settings: SourceSettings = {}) =>
  mapBody(cognito, eventOf(userAttributes), { receivedAt, settings });
const idOf = (event: unknown) => cognito.head(cognito.schema.parse(event), requestOf(signUp)).eventId;

describe('the proof of Cognito', () => {
  it('is IAM, so whatever came over HTTP is refused', () => {
    const refused = { ok: false, code: 'SIGNATURE_MISSING' };
    const request = requestOf(signUp);
    expect(cognito.verify(request, [], NO_TRUST)).toEqual({ ok: true });
    for (const headers of [
      { host: 'example.com' },
      { 'content-type': 'application/json' },
      { authorization: 'Bearer invented' },
    ]) {
      expect(cognito.verify({ ...request, headers }, ['invented'], NO_TRUST)).toEqual(refused);
    }
  });
});

describe('the event id of Cognito', () => {
  it('is the same for a repeated call, in whatever order the attributes come', () => {
    expect(idOf(eventOf({ sub: 's', email: 'a@example.com' }))).toBe(idOf(eventOf({ email: 'a@example.com', sub: 's' })));
  });

  it('differs by user, pool, trigger and attributes, but not by what is stripped', () => {
    const base = eventOf({ sub: 's', email: 'a@example.com' });
    const others = [
      eventOf({ sub: 't', email: 'a@example.com' }),
      eventOf({ sub: 's', email: 'b@example.com' }),
      eventOf({ sub: 's', email: 'a@example.com' }, 'PostConfirmation_ConfirmSignUp'),
      { ...base, userPoolId: 'eu-west-1_Another1' },
    ].map(idOf);
    expect(new Set([idOf(base), ...others]).size).toBe(5);
    expect(idOf(eventOf({ sub: 's', email: 'a@example.com', phone_number: '+15555550142' }))).toBe(idOf(base));
  });

  it('holds nothing of the user, since logs show it', () => {
    expect(idOf(eventOf({ sub: 's', email: 'a@example.com' }))).toMatch(/^[0-9a-f]{32}$/);
    expect(idOf({ userPoolId: 'p', triggerSource: 'UserMigration_Authentication', request: {} })).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('mapping of Cognito', () => {
  it('knows a boolean in a string, and takes nothing else for one', () => {
    expect(map({ sub: 's', email_verified: 'true' })).toMatchObject({
      changes: [{ call: { metadata: { email_verified: true } } }],
    });
    expect(map({ sub: 's', email_verified: 'false' })).toMatchObject({
      changes: [{ call: { metadata: { email_verified: false } } }],
    });
    expect(map({ sub: 's', email_verified: 'TRUE' })).toEqual({
      kind: 'changes',
      changes: [{ call: { kind: 'identifyUser', user_id: 's' }, facet: 'profile', occurredAt: receivedAt }],
    });
  });

  it('moves the user to a configured company, and names it only when there is a name', () => {
    const attributes = { sub: 's', 'custom:tenant': 't-1', 'custom:company_name': 'Acme' };
    expect(map(attributes)).toMatchObject({ changes: [{ call: { kind: 'identifyUser', user_id: 's' } }] });
    expect(map(attributes, { companyId: ['custom:tenant'] })).toEqual({
      kind: 'changes',
      changes: [
        {
          call: { kind: 'identifyCompany', company_id: 't-1', metadata: { name: 'Acme' } },
          facet: 'profile',
          occurredAt: receivedAt,
        },
        { call: { kind: 'identifyUser', user_id: 's', company: { id: 't-1' } }, facet: 'profile', occurredAt: receivedAt },
      ],
    });
    const quiet = map(attributes, { companyId: ['custom:tenant'], omit: ['name'] });
    expect(quiet).toMatchObject({ changes: [{ call: { kind: 'identifyUser', company: { id: 't-1' } } }] });
  });

  it('takes another attribute for the user id when told to, and then no other', () => {
    const settings = { userId: ['custom:app_id'] };
    expect(map({ sub: 's', 'custom:app_id': 'app-1' }, settings)).toMatchObject({ changes: [{ call: { user_id: 'app-1' } }] });
    expect(map({ sub: 's' }, settings)).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
  });

  it('listens to listed pools only', () => {
    expect(map({ sub: 's' }, { userPools: ['eu-west-1_Another1', 'eu-west-1_Invented1'] })).toMatchObject({ kind: 'changes' });
    expect(map({ sub: 's' }, { userPools: [] })).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
  });
});
