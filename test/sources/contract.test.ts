import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import * as z from 'zod';
import { Change } from '../../functions/core/calls.ts';
import type { RawRequest } from '../../functions/core/request.ts';
import { REFRESH_SOURCES, SOURCE_IDS, WEBHOOK_SOURCES } from '../../functions/manifest.ts';
import { sourceById, sources, webhookSourceById, webhookSources } from '../../functions/sources/index.ts';
import { deliveryOf } from '../../functions/sources/sender.ts';
import { senderById, senders } from '../../functions/sources/senders.ts';
import { recordsIn } from '../../functions/sources/source.ts';
import { contracts } from '../support/contracts/index.ts';
import {
  type Fixture,
  fixturesOf,
  flippedBody,
  flippedHeader,
  later,
  mapBody,
  momentAt,
  person,
  recordIn,
  requestOf,
  sentBy,
  verdictOf,
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
const NAMED = ['type', 'triggerSource', 'event', 'eventKey', 'object_type', 'eventType', 'event_type', 'action'] as const;

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

  it('name the sources that fetch, each of which can also say what is gone', () => {
    const fetching = sources.filter(({ directory }) => directory?.fetch !== undefined);
    expect(fetching.map(({ id }) => id).sort()).toEqual([...REFRESH_SOURCES].sort());
    expect(fetching.filter(({ directory }) => directory?.gone === undefined)).toEqual([]);
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

describe.each(contracts)('$source.id', (contract) => {
  const { source, sender, signUp, proofs, proves, maxAge = 300, userId, required, planted } = contract;
  const { publishesKeys = false, proofInBody = false, provesContent = false, unknownWith } = contract;
  const { parksWithoutSubject = false, tellsCreation = true } = contract;
  const request = requestOf(signUp);
  const { secret } = signUp;
  const body = recordIn(source, request.body);
  const fixtures = fixturesOf(source.id).map((recorded) => ({
    ...recorded,
    settings: { ...contract.settings, ...recorded.settings },
  }));
  const verified = (altered: RawRequest, secrets: readonly string[]) => verdictOf(contract, altered, secrets);
  const isAccepted = (altered: RawRequest, secrets: readonly string[] = [secret]) => verified(altered, secrets).ok;
  const settings = { ...contract.settings, ...signUp.settings };
  const recordOf = (recorded: Fixture) => recordIn(source, requestOf(recorded).body);

  it.each(fixtures)('accepts the fixture $name', (recorded) => {
    expect(verdictOf({ ...contract, settings: recorded.settings }, requestOf(recorded), [recorded.secret])).toEqual({ ok: true });
  });

  it.each(fixtures)('maps the fixture $name to exactly the expected', (recorded) => {
    const { eventId, type, expected, more = [] } = recorded;
    const told = (recordsIn(source, requestOf(recorded).body) ?? []).map((record) => ({
      ...source.head(source.schema.parse(record), requestOf(recorded), recorded.settings),
      expected: mapBody(source, record, recorded),
    }));
    expect(told).toEqual([{ eventId, type, expected }, ...more]);
  });

  it('has a proof unless IAM is the proof', () => {
    expect(proofs.length > 0 || proofInBody).toBe(proves.sender);
  });

  it('refuses a header of the proof that came twice and was joined by comma', () => {
    for (const name of proofs) {
      const value = request.headers[name];
      for (const joined of [`${value},${value}`, `${value}, ${value}`]) {
        expect(verified(withHeaders(request, { [name]: joined }), [secret])).toEqual({
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
    const unseen = altered.flatMap((one, at) => (isAccepted(one) ? [at] : []));
    if (proves.body || !proofInBody) expect(unseen).toHaveLength(proves.body ? 0 : altered.length);
    else {
      // The secret itself stands in the body, and says nothing of the rest.
      const start = signUp.body.indexOf(secret);
      expect(unseen.filter((at) => at >= start && at < start + secret.length)).toEqual([]);
      expect(unseen.length).toBeGreaterThan(0);
    }
  });

  it('refuses a missing or empty header of the proof', () => {
    for (const name of proofs) {
      for (const value of [undefined, '']) {
        expect(verified(withHeaders(request, { [name]: value }), [secret])).toEqual({
          ok: false,
          code: 'SIGNATURE_MISSING',
        });
      }
    }
    expect(isAccepted(withHeaders(request, Object.fromEntries(proofs.map((name) => [name, undefined]))))).toBe(
      !proves.sender || proofInBody,
    );
  });

  it(proves.sender ? "refuses another source's secret" : 'needs no secret', () => {
    const others = contracts.filter((other) => other.source !== source).map((other) => other.signUp.secret);
    const code = publishesKeys ? 'KEY_UNKNOWN' : 'SIGNATURE_MISMATCH';
    expect(verified(request, others)).toEqual(proves.sender ? { ok: false, code } : { ok: true });
  });

  it(proves.sender ? 'refuses when no secret is configured' : 'is accepted without a secret', () => {
    const code = publishesKeys ? 'KEY_UNKNOWN' : 'NO_SECRET_CONFIGURED';
    expect(verified(request, [])).toEqual(proves.sender ? { ok: false, code } : { ok: true });
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
    expect(verified(request, [...others, secret])).toEqual({ ok: true });
    expect(verified(request, [secret, ...others])).toEqual({ ok: true });
    expect(isAccepted(request, others)).toBe(!proves.sender);
  });

  it.each([maxAge + 2, -302, 86_400 * 365, -86_400 * 365])(
    proves.time ? 'refuses a replay %d seconds off' : 'cannot see a replay %d seconds off, as no time is signed',
    (seconds) => {
      const expected = proves.time ? { ok: false, code: 'TIMESTAMP_OUTSIDE_TOLERANCE' } : { ok: true };
      expect(verified(later(request, seconds), [secret])).toEqual(expected);
    },
  );

  it.each([maxAge - 2, -298])('accepts a clock that is %d seconds off', (seconds) => {
    expect(verified(later(request, seconds), [secret])).toEqual({ ok: true });
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
    const renamed = Object.fromEntries(NAMED.map((name) => [name, 'invented.type']));
    const unknown = unknownWith?.(data) ?? { ...refilled(body, data), ...renamed };
    expect(mapBody(source, unknown, { ...signUp, settings })).toEqual({ kind: 'ignored', because: 'EVENT_NOT_HANDLED' });
  });

  it.each([undefined, null, '', '  ', 'undefined', 'null', {}, []])('rejects a sign-up whose user id is %j', (id) => {
    expect(mapBody(source, replaced(body, userId, id), { ...signUp, settings })).toEqual({
      kind: 'rejected',
      because: 'NO_USER_ID',
    });
  });

  it('sends nothing when the subject of an event that it acts on is broken', () => {
    const subject = userId.slice(0, -1);
    for (const broken of [undefined, null, 7, 'text', [], ['text']]) {
      const map = () => mapBody(source, replaced(body, subject, broken), { ...signUp, settings });
      if (parksWithoutSubject) expect(map()).toEqual({ kind: 'rejected', because: 'NO_USER_ID' });
      else expect(map).toThrow(z.ZodError);
    }
  });

  it('takes any body apart, or says by a ZodError that it cannot', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.constant(signUp.body)), (text) => {
        try {
          const records = recordsIn(source, Buffer.from(text));
          expect(records === undefined || Array.isArray(records)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(z.ZodError);
        }
      }),
    );
  });

  it('survives every member missing or null but those that it needs', () => {
    const threw = new Set<string>();
    for (const recorded of fixtures) {
      const whole = recordOf(recorded);
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
      const result = source.map(source.schema.parse(recordOf(recorded)), {
        settings: recorded.settings,
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
      const once = source.schema.parse(recordOf(recorded));
      expect(source.schema.parse(JSON.parse(JSON.stringify(once)))).toEqual(once);
    }
  });

  it('lets nothing private past its schema', () => {
    const moment = momentAt(request.receivedAt);
    const bodies = [
      ...sender.types.map((type) => sentBy(sender, type, { secret, moment }).body),
      ...fixtures.map((recorded) => requestOf(recorded).body),
    ];
    const raw = bodies.flatMap((bytes) => recordsIn(source, bytes) ?? []);
    const kept = raw.map((record) => JSON.stringify(source.schema.parse(record))).join('\n');
    const whole = raw.map((record) => JSON.stringify(record)).join('\n');
    expect(planted.filter((text) => !whole.includes(text))).toEqual([]);
    expect(planted.filter((text) => kept.includes(text))).toEqual([]);
    expect(kept).not.toMatch(/invented (secret|text|internal|profile)|invented-(private|unsafe|profile|internal)/);
  });

  it('makes, signs and understands every event of its sender', () => {
    const own = sender.secret(new Uint8Array(32).fill(9));
    const made = sender.types.map((type) => {
      const delivery = sentBy(sender, type, { secret: own, moment: momentAt(request.receivedAt) });
      expect(verified(delivery, [own])).toEqual({ ok: true });
      const event = source.schema.parse(recordIn(source, delivery.body));
      expect(source.head(event, delivery, settings).type).toBe(type);
      // Says that the end of a user at the vendor is the end of the user, so its beginning counts as well.
      return source.map(event, { settings: { ...settings, deletions: 'tombstone' }, receivedAt: request.receivedAt });
    });
    expect(made.filter(({ kind }) => kind === 'rejected')).toEqual([]);
    const [first] = made;
    const told = first?.kind === 'changes' ? first.changes : first?.kind === 'refresh' ? first.refreshes : [];
    expect(told.length).toBeGreaterThan(0);
    expect(told.some(({ creates }) => creates === true)).toBe(tellsCreation);
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
        expect(typeof verified(forged, junkSecrets).ok).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });

  it('verifies whatever bytes its sender signed', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array({ minLength: 24, maxLength: 64 }), (random, key) => {
        const moment = momentAt(request.receivedAt);
        const own = sender.secret(key);
        const signed = { ...deliveryOf(sender, random, { secret: own, moment }), receivedAt: moment.now };
        if (provesContent) expect(typeof verified(signed, [own]).ok).toBe('boolean');
        else expect(verified(signed, [own])).toEqual({ ok: true });
      }),
      { numRuns: publishesKeys ? 20 : 100 },
    );
  });

  it('maps any JSON, or says by a ZodError that it cannot', () => {
    const types = fc.constantFrom(...sender.types);
    fc.assert(
      fc.property(types, fc.jsonValue(), userId.length === 3 ? fc.jsonValue() : fc.constant(undefined), (type, value, inner) => {
        const subject = inner === undefined ? value : { object: value, userAttributes: inner };
        const record = recordIn(source, sentBy(sender, type, { secret, moment: momentAt(request.receivedAt) }).body);
        const random = refilled(record, subject);
        try {
          expect(['changes', 'refresh', 'ignored', 'rejected']).toContain(mapBody(source, random, { ...signUp, settings }).kind);
        } catch (error) {
          expect(error).toBeInstanceOf(z.ZodError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
