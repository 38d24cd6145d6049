import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { ory } from '../../functions/sources/ory.ts';
import { fixture, later, mapBody, requestOf, withHeaders } from '../support/sources.ts';

const signUp = fixture('ory', 'registered');
const request = requestOf(signUp);
const live = requestOf(fixture('ory', 'live-updated'));
const { secret } = signUp;
const BASIC = live.headers.authorization ?? '';
const verify = (headers: Readonly<Record<string, string | undefined>>, secrets: readonly string[], settings = {}) =>
  ory.verify(withHeaders(request, { 'x-ory-webhook-secret': undefined, ...headers }), secrets, { settings, keys: new Map() });
const refusal = (code: string) => ({ ok: false, code });

describe('what proves Ory', () => {
  it('is the text in a header whose name the settings may change', () => {
    const settings = { header: 'x-invented' };
    expect(verify({ 'x-invented': secret }, [secret], settings)).toEqual({ ok: true });
    expect(verify({ 'x-ory-webhook-secret': secret }, [secret], settings)).toEqual(refusal('SIGNATURE_MISSING'));
  });

  it('is a Basic credential, where the secret is the whole of it', () => {
    expect(verify({ authorization: BASIC }, [secret, BASIC])).toEqual({ ok: true });
    expect(verify({ authorization: BASIC }, [secret])).toEqual(refusal('SIGNATURE_MISMATCH'));
    expect(verify({ authorization: `${BASIC},${BASIC}` }, [BASIC])).toEqual(refusal('SIGNATURE_MALFORMED'));
    for (const authorization of [BASIC.replace('Basic ', ''), `Bearer ${secret}`]) {
      expect(verify({ authorization }, [secret, BASIC])).toEqual(refusal('SIGNATURE_MISSING'));
    }
  });

  it('is not to be had from one header when the other is wrong', () => {
    expect(verify({ 'x-ory-webhook-secret': 'another', authorization: BASIC }, [secret, BASIC])).toEqual(
      refusal('SIGNATURE_MISMATCH'),
    );
  });
});

describe('an answer to Ory', () => {
  it('lets a flow go on, whatever it carries', () => {
    const hook = { answer: { status: 204, body: '' }, withinMs: 5000 };
    for (const body of [signUp.body, '{', '', '[]', '{"type":"x","name":"IdentityUpdated"}']) {
      expect(ory.hook?.({ ...request, body: Buffer.from(body) })).toEqual(hook);
    }
  });

  it('is a plain one to live events, which hold nobody up and are sent again', () => {
    expect(ory.hook?.(live)).toBeUndefined();
  });
});

describe('the id of an event', () => {
  const idOf = (one = request) => ory.head(ory.schema.parse(JSON.parse(Buffer.from(one.body).toString())), one).eventId;

  it('is the same for another attempt of an action, and owes nothing to a header', () => {
    expect(idOf(later(request, 30))).toBe(idOf());
    expect(idOf(withHeaders(request, { 'ory-webhook-trigger-id': 'another' }))).toBe(idOf());
    expect(idOf({ ...request, body: Buffer.from(signUp.body.replace('a3f1c9de', 'b3f1c9de')) })).not.toBe(idOf());
  });

  it('is another for each live event: two within a second would look alike', () => {
    expect(idOf(later(live, 0.1))).not.toBe(idOf(live));
  });
});

describe('an identity', () => {
  const map = (identity: object, settings: SourceSettings = {}, type = 'settings.after') =>
    mapBody(
      ory,
      { type, identity: { id: 'i-1', updated_at: '2026-11-20T09:15:00.5Z', ...identity } },
      { receivedAt: signUp.receivedAt, settings },
    );
  const metadataOf = (identity: object) => {
    const mapped = map(identity);
    const [change] = mapped.kind === 'changes' ? mapped.changes : [];
    return change?.call.kind === 'identifyUser' ? change.call.metadata : undefined;
  };

  it.each(['id', 'external_id'])('that is not stored yet is nobody, whichever id counts: %s', (path) => {
    const identity = { id: '00000000-0000-0000-0000-000000000000', external_id: 'app-1' };
    expect(map(identity, { userId: [path] })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
  });

  it.each([
    [{ name: 'Ada' }, 'Ada'],
    [{ name: { first: 'Ada', last: 'Byron' } }, 'Ada Byron'],
    [{ name: { first: 'Ada' } }, 'Ada'],
    [{ given_name: 'Ada', family_name: 'Byron' }, 'Ada Byron'],
    [{ name: 7, given_name: 'Ada' }, 'Ada'],
    [{ name: { first: 7 } }, undefined],
    [{}, undefined],
  ])('has a name in the form of its schema: %j', (traits, name) => {
    expect(metadataOf({ traits })?.name).toBe(name);
  });

  it('has the first verified or unverified e-mail address where no trait is called so', () => {
    const verifiable_addresses = [
      { via: 'sms', value: '+15555550187', verified: true },
      { via: 'email', value: 'a@example.com', verified: false },
      { via: 'email', value: 'b@example.com', verified: true },
    ];
    expect(metadataOf({ verifiable_addresses })).toEqual({ email: 'a@example.com', email_verified: false });
    expect(metadataOf({ traits: { email: 'B@example.com' }, verifiable_addresses })).toEqual({
      email: 'B@example.com',
      email_verified: true,
    });
    expect(metadataOf({ traits: { email: 'c@example.com' }, verifiable_addresses })).toEqual({ email: 'c@example.com' });
    expect(metadataOf({ traits: { email: ['c@example.com'] } })).toBeUndefined();
  });

  it('loses traits that tell how to call a person, or where, when or as what they were born', () => {
    const traits = {
      email_address: 'a@example.com',
      mobile: '1',
      home: { postal_code: '1', address: 'x', city_id: 3 },
      birthdate: 'x',
      gender: 'x',
    };
    const kept = ory.schema.parse({ type: 'settings.after', identity: { traits } });
    expect(kept).toMatchObject({ identity: { traits: { email_address: 'a@example.com', home: { city_id: 3 } } } });
    expect(JSON.stringify(kept)).not.toMatch(/mobile|postal|"address|birth|gender/);
  });
});

describe('a live event', () => {
  const map = (name: string, event: object, settings: SourceSettings = { api: 'https://ory.example' }) =>
    mapBody(ory, { name, eventAttributes: { IdentityID: 'i-1' }, ...event }, { receivedAt: signUp.receivedAt, settings });

  it.each([
    ['2026-05-02 09:14:07', '2026-05-02T09:14:07.000Z'],
    ['2026-05-02T09:14:07.5Z', '2026-05-02T09:14:07.500Z'],
    ['2026-05-02 11:14:07+02:00', '2026-05-02T09:14:07.000Z'],
    ['2026-13-02 09:14:07', signUp.receivedAt],
    ['yesterday', signUp.receivedAt],
    [undefined, signUp.receivedAt],
  ])('is dated %j', (timestamp, occurredAt) => {
    expect(map('IdentityUpdated', { timestamp })).toMatchObject({ kind: 'refresh', refreshes: [{ occurredAt }] });
  });

  it('is parked where nothing can be fetched, but a deletion says enough', () => {
    expect(map('IdentityCreated', {}, {})).toEqual({ kind: 'rejected', because: 'NO_VENDOR_API' });
    expect(map('IdentityDeleted', {}, {})).toMatchObject({ kind: 'changes' });
    expect(map('IdentityDeleted', {}, { userId: ['external_id'] })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
    expect(map('IdentityDeleted', {}, { deletions: 'ignore' })).toEqual({ kind: 'ignored', because: 'DELETION_IGNORED' });
    expect(map('IdentityUpdated', { eventAttributes: null })).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
  });
});

it('the template on the page writes what the schema keeps, and no more', () => {
  const page = readFileSync(`${import.meta.dirname}/../../functions/sources/ory.md`, 'utf8');
  const [, template = ''] = /```jsonnet\n([\s\S]*?)```/.exec(page) ?? [];
  const members = [...template.matchAll(/^ +(\w+): /gm)].map(([, name]) => name);
  const { identity, ...rest } = JSON.parse(signUp.body);
  expect(new Set(members)).toEqual(new Set([...Object.keys(rest), 'identity', ...Object.keys(identity)]));
});
