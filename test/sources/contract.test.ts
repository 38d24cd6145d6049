import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import * as z from 'zod';
import { Change } from '../../functions/core/calls.ts';
import type { RawRequest } from '../../functions/core/request.ts';
import { SOURCE_IDS, WEBHOOK_SOURCES } from '../../functions/manifest.ts';
import { sourceById, sources, webhookSourceById, webhookSources } from '../../functions/sources/index.ts';
import { senderById, senders } from '../../functions/sources/senders.ts';
import {
  contracts,
  fixturesOf,
  flippedBody,
  flippedHeader,
  later,
  mapBody,
  momentAt,
  person,
  requestOf,
  sentBy,
  withHeaders,
} from '../support/sources.ts';

/** A copy of `value` in which the member at `path` is `replacement`, or is gone when that is undefined. */
const replaced = (value: unknown, path: readonly string[], replacement: unknown): unknown => {
  const [first, ...rest] = path;
  if (first === undefined) return replacement;
  const copy = structuredClone(value) as Record<string, unknown>;
  copy[first] = replaced(copy[first], rest, replacement);
  return copy;
};

/** Where a vendor's body names the type of its event, whichever vendor it is. */
const NAMED = ['type', 'triggerSource', 'event', 'eventKey', 'object_type'] as const;

/** A copy of a body in which every part of it, but not its head, is `value`. */
const refilled = (body: object, value: unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries(body).map(([name, member]) => [name, typeof member === 'object' ? value : member]));

/** Paths of all members of objects, also of those inside arrays. */
const pathsOf = (value: unknown, prefix: readonly string[] = []): readonly (readonly string[])[] => {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const path = [...prefix, name];
    return Array.isArray(value) ? pathsOf(member, path) : [path, ...pathsOf(member, path)];
  });
};

const UNUSABLE_SECRETS = [
  '',
  ' ',
  '\n',
  'whsec_',
  'whsec_ ',
  'whsec_A',
  'whsec_%%%%',
  'whsec_äöüä',
  'Basic ',
  'Bearer ',
  '\ud800',
];

describe('the registries', () => {
  it('hold every source of the manifest', () => {
    expect(sources.map(({ id }) => id).sort()).toEqual([...SOURCE_IDS].sort());
    expect(Object.keys(senders).sort()).toEqual([...SOURCE_IDS].sort());
    expect(contracts.map(({ source }) => source.id).sort()).toEqual([...SOURCE_IDS].sort());
  });

  it('find by id, and nothing that is only inherited', () => {
    expect(sourceById('stripe')?.id).toBe('stripe');
    expect(senderById('stripe')).toBe(senders.stripe);
    expect([sourceById('constructor'), senderById('constructor'), webhookSourceById('constructor')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('never put a source behind a URL that only IAM proves', () => {
    expect(webhookSources.map(({ id }) => id).sort()).toEqual([...WEBHOOK_SOURCES].sort());
    expect(webhookSourceById('cognito')).toBeUndefined();
  });
});

describe.each(contracts)('$source.id', ({ source, sender, signUp, proofs, proves, maxAge = 300, userId, required, planted }) => {
  const request = requestOf(signUp);
  const { secret } = signUp;
  const body: object = JSON.parse(signUp.body);
  const fixtures = fixturesOf(source.id);
  const isAccepted = (altered: RawRequest, secrets: readonly string[] = [secret]) => source.verify(altered, secrets).ok;

  it.each(fixtures)('accepts the fixture $name', (recorded) => {
    expect(source.verify(requestOf(recorded), [recorded.secret])).toEqual({ ok: true });
  });

  it.each(fixtures)('maps the fixture $name to exactly the expected', (recorded) => {
    const event = source.schema.parse(JSON.parse(recorded.body));
    expect(source.head(event, requestOf(recorded))).toEqual({ eventId: recorded.eventId, type: recorded.type });
    expect(mapBody(source, JSON.parse(recorded.body), recorded)).toEqual(recorded.expected);
  });

  it('has a proof header unless IAM is the proof', () => {
    expect(proofs.length > 0).toBe(proves.sender);
  });

  it('refuses a header of the proof that came twice and was joined by comma', () => {
    for (const name of proofs) {
      const value = request.headers[name];
      for (const joined of [`${value},${value}`, `${value}, ${value}`]) {
        expect(source.verify(withHeaders(request, { [name]: joined }), [secret])).toEqual({
          ok: false,
          code: 'SIGNATURE_MALFORMED',
        });
      }
    }
  });

  it('refuses any flipped bit in a header of the proof', () => {
    const accepted = proofs.flatMap((name) => flippedHeader(request, name)).filter((altered) => isAccepted(altered));
    expect(accepted).toEqual([]);
  });

  it(proves.body ? 'refuses a flipped bit anywhere in the body' : 'cannot see a flipped bit in the body', () => {
    const altered = flippedBody(request);
    expect(altered.filter((one) => isAccepted(one))).toHaveLength(proves.body ? 0 : altered.length);
  });

  it('refuses a missing or empty header of the proof', () => {
    for (const name of proofs) {
      for (const value of [undefined, '']) {
        expect(source.verify(withHeaders(request, { [name]: value }), [secret])).toEqual({
          ok: false,
          code: 'SIGNATURE_MISSING',
        });
      }
    }
    expect(isAccepted(withHeaders(request, Object.fromEntries(proofs.map((name) => [name, undefined]))))).toBe(!proves.sender);
  });

  it(proves.sender ? "refuses another source's secret" : 'needs no secret', () => {
    const others = contracts.filter((other) => other.source !== source).map((other) => other.signUp.secret);
    const expected = proves.sender ? { ok: false, code: 'SIGNATURE_MISMATCH' } : { ok: true };
    expect(source.verify(request, others)).toEqual(expected);
  });

  it(proves.sender ? 'refuses when no secret is configured' : 'is accepted without a secret', () => {
    expect(source.verify(request, [])).toEqual(proves.sender ? { ok: false, code: 'NO_SECRET_CONFIGURED' } : { ok: true });
  });

  it('lets no unusable secret match or throw', () => {
    for (const unusable of UNUSABLE_SECRETS) {
      expect(isAccepted(request, [unusable])).toBe(!proves.sender);
      expect(isAccepted(request, [unusable, secret])).toBe(true);
    }
    const blank = ['', ' ', '\n'];
    const forged = blank.map((text) => sentBy(sender, sender.types[0], { secret: text, moment: momentAt(request.receivedAt) }));
    expect(forged.filter((one) => isAccepted(one, blank))).toHaveLength(proves.sender ? 0 : blank.length);
  });

  it('accepts either of several active secrets', () => {
    const others = [1, 2, 3].map((byte) => sender.secret(new Uint8Array(32).fill(byte)));
    expect(source.verify(request, [...others, secret])).toEqual({ ok: true });
    expect(source.verify(request, [secret, ...others])).toEqual({ ok: true });
    expect(isAccepted(request, others)).toBe(!proves.sender);
  });

  it.each([maxAge + 2, -302, 86_400 * 365, -86_400 * 365])(
    proves.time ? 'refuses a replay %d seconds off' : 'cannot see a replay %d seconds off, as no time is signed',
    (seconds) => {
      const expected = proves.time ? { ok: false, code: 'TIMESTAMP_OUTSIDE_TOLERANCE' } : { ok: true };
      expect(source.verify(later(request, seconds), [secret])).toEqual(expected);
    },
  );

  it.each([maxAge - 2, -298])('accepts a clock that is %d seconds off', (seconds) => {
    expect(source.verify(later(request, seconds), [secret])).toEqual({ ok: true });
  });

  it(proves.time ? 'refuses when the time of receipt is no date' : 'does not look at the time of receipt', () => {
    expect(isAccepted({ ...request, receivedAt: new Date(Number.NaN) })).toBe(!proves.time);
  });

  it.each([
    undefined,
    null,
    7,
    'text',
    [1, [2]],
    { id: { id: [] }, object: 'x', metadata: 3, organization: [], email_addresses: {} },
  ])('ignores an event type that it does not know, whatever it carries: %j', (data) => {
    const unknown = { ...refilled(body, data), ...Object.fromEntries(NAMED.map((name) => [name, 'invented.type'])) };
    expect(mapBody(source, unknown, signUp)).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
  });

  it.each([undefined, null, '', '  ', 'undefined', 'null', {}, []])('rejects a sign-up whose user id is %j', (id) => {
    expect(mapBody(source, replaced(body, userId, id), signUp)).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
  });

  it('throws a ZodError when the subject of an event that it acts on is broken', () => {
    const subject = userId.slice(0, -1);
    for (const broken of [undefined, null, 7, 'text', [], ['text']]) {
      expect(() => mapBody(source, replaced(body, subject, broken), signUp)).toThrow(z.ZodError);
    }
  });

  it('survives every member missing or null but those that it needs', () => {
    const threw = new Set<string>();
    for (const recorded of fixtures) {
      const whole: unknown = JSON.parse(recorded.body);
      for (const path of pathsOf(whole)) {
        for (const replacement of [undefined, null]) {
          const altered: unknown = JSON.parse(JSON.stringify(replaced(whole, path, replacement)));
          try {
            expect(mapBody(source, altered, recorded)).toHaveProperty('kind');
          } catch (error) {
            expect(error).toBeInstanceOf(z.ZodError);
            threw.add(path.join('.'));
          }
        }
      }
    }
    expect([...threw].sort()).toEqual(required);
  });

  it('maps to changes that the queue accepts', () => {
    const mapped = fixtures.flatMap((recorded) => {
      const result = source.map(source.schema.parse(JSON.parse(recorded.body)), {
        settings: recorded.settings ?? {},
        receivedAt: new Date(recorded.receivedAt),
      });
      return result.kind === 'changes' ? result.changes : [];
    });
    const overTheQueue = mapped.map((change) => Change.parse(JSON.parse(JSON.stringify(change))));
    expect(overTheQueue).toEqual(mapped);
    expect(mapped.length).toBeGreaterThan(1);
  });

  it('strips to something that can be stored and parsed again', () => {
    for (const recorded of fixtures) {
      const once = source.schema.parse(JSON.parse(recorded.body));
      expect(source.schema.parse(JSON.parse(JSON.stringify(once)))).toEqual(once);
    }
  });

  it('lets nothing private past its schema', () => {
    const moment = momentAt(request.receivedAt);
    const raw = [...sender.types.map((type) => sender.body(type, person, moment)), ...fixtures.map((recorded) => recorded.body)];
    const kept = raw.map((text) => JSON.stringify(source.schema.parse(JSON.parse(text)))).join('\n');
    expect(planted.filter((text) => !raw.join('\n').includes(text))).toEqual([]);
    expect(planted.filter((text) => kept.includes(text))).toEqual([]);
    expect(kept).not.toMatch(/invented (secret|text|internal|profile)|invented-(private|unsafe|profile|internal)/);
  });

  it('makes, signs and understands every event of its sender', () => {
    const made = sender.types.map((type) => {
      const delivery = sentBy(sender, type, {
        secret: sender.secret(new Uint8Array(32).fill(9)),
        moment: momentAt(request.receivedAt),
      });
      expect(source.verify(delivery, [sender.secret(new Uint8Array(32).fill(9))])).toEqual({ ok: true });
      const event = source.schema.parse(JSON.parse(Buffer.from(delivery.body).toString('utf8')));
      expect(source.head(event, delivery).type).toBe(type);
      // Says that the end of a user at the vendor is the end of the user, so its beginning counts as well.
      return source.map(event, { settings: { deletions: 'tombstone' }, receivedAt: request.receivedAt });
    });
    expect(made.filter(({ kind }) => kind === 'rejected')).toEqual([]);
    expect(made[0]).toMatchObject({
      kind: 'changes',
      changes: expect.arrayContaining([expect.objectContaining({ creates: true })]),
    });
    expect(made.at(-1)).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
    expect(() => sender.body('constructor', person, momentAt(request.receivedAt))).toThrow(RangeError);
  });

  it('verifies no random request, and throws at none', () => {
    const digits = fc
      .integer({ min: -400, max: 400 })
      .map((off) => String(Math.floor(request.receivedAt.getTime() / 1000) + off));
    const bytes = fc.uint8Array({ minLength: 31, maxLength: 33 }).map((array) => Buffer.from(array));
    const value = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      digits,
      fc.constantFrom('msg_1', 'v1,', 't=,v1=', 'Bearer ', 'Basic Og==', 'e30.e30.e30'),
      fc.tuple(digits, bytes).map(([t, mac]) => `t=${t},v1=${mac.toString('hex')}`),
      fc.array(bytes).map((macs) => macs.map((mac) => `v1,${mac.toString('base64')}`).join(' ')),
      fc.base64String().map((token) => `Bearer ${token}`),
    );
    const names = fc.constantFrom(...contracts.flatMap((contract) => contract.proofs));
    const anything = fc.dictionary(names, value, { minKeys: 1, noNullPrototype: false });
    fc.assert(
      fc.property(anything, fc.uint8Array(), fc.array(fc.string({ unit: 'binary' })), (headers, random, junkSecrets) => {
        const forged = { headers, body: random, receivedAt: request.receivedAt };
        expect(isAccepted(forged)).toBe(false);
        expect(typeof source.verify(forged, junkSecrets).ok).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });

  it('verifies whatever bytes its sender signed', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array({ minLength: 24, maxLength: 64 }), (random, key) => {
        const moment = momentAt(request.receivedAt);
        const own = sender.secret(key);
        const signed = { headers: sender.headers(random, own, moment), body: random, receivedAt: moment.now };
        expect(source.verify(signed, [own])).toEqual({ ok: true });
      }),
    );
  });

  it('maps any JSON, or says by a ZodError that it cannot', () => {
    const types = fc.constantFrom(...sender.types);
    fc.assert(
      fc.property(types, fc.jsonValue(), userId.length === 3 ? fc.jsonValue() : fc.constant(undefined), (type, value, inner) => {
        const subject = inner === undefined ? value : { object: value, userAttributes: inner };
        const random = refilled(JSON.parse(sender.body(type, person, momentAt(request.receivedAt))), subject);
        try {
          expect(['changes', 'ignored', 'rejected']).toContain(mapBody(source, random, signUp).kind);
        } catch (error) {
          expect(error).toBeInstanceOf(z.ZodError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
