import { describe, expect, it } from '@jest/globals';
import type { Change } from '../../functions/core/calls.ts';
import {
  type Envelope,
  entityKey,
  idempotencyKey,
  MAX_ENVELOPE_BYTES,
  RejectedEvent,
  readEnvelope,
  toQueueMessage,
} from '../../functions/core/envelope.ts';

const change = (user_id: string, name = 'Noor'): Change => ({
  call: { kind: 'identifyUser', user_id, metadata: { name } },
  facet: 'profile',
  occurredAt: new Date('2026-11-23T12:00:00.123Z'),
});
const envelope = (changes: Partial<Envelope> = {}): Envelope => ({
  v: 1,
  source: 'clerk',
  eventId: 'msg_1',
  type: 'user.created',
  receivedAt: new Date('2026-11-23T12:00:01Z'),
  change: change('u_1'),
  event: { data: { id: 'u_1' } },
  ...changes,
});

describe('queue message', () => {
  it('survives the queue, whatever characters a name holds', () => {
    const sent = envelope({ change: change('u_1', 'Zoë 🦊 \ufffe \u0000') });
    const message = toQueueMessage(sent);
    expect(message?.body).toMatch(/^[\x20-\x7e]*$/);
    expect(readEnvelope(message?.body ?? '')).toEqual(sent);
  });
  it('carries hashes in its attributes, never an id', () => {
    const message = toQueueMessage(envelope({ change: change('noor@example.com'), eventId: 'noor@example.com' }));
    expect(message?.groupId).toMatch(/^[0-9a-f]{64}$/);
    expect(message?.deduplicationId).toMatch(/^[0-9a-f]{64}$/);
  });
  it('groups by entity: users and companies apart, whatever the source', () => {
    const company: Change = { ...change('x'), call: { kind: 'identifyCompany', company_id: 'u_1' } };
    expect(entityKey(change('u_1', 'other'))).toBe(entityKey(change('u_1')));
    expect(entityKey({ ...change('u_1'), call: { kind: 'deleteUser', user_id: 'u_1' } })).toBe(entityKey(change('u_1')));
    expect(new Set([entityKey(change('u_1')), entityKey(change('u_2')), entityKey(company)]).size).toBe(3);
  });
  it('tells by its key alone what is a company', () => {
    const company: Change = { ...change('x'), call: { kind: 'identifyCompany', company_id: 'c_1' } };
    expect(entityKey(company)).toMatch(/^company-[0-9a-f]{64}$/);
    expect(entityKey(change('u_1'))).toMatch(/^[0-9a-f]{64}$/);
  });
  it('has one idempotency key per event and entity', () => {
    const keys = [
      envelope(),
      envelope({ eventId: 'msg_2' }),
      envelope({ source: 'stripe' }),
      envelope({ change: change('u_2') }),
    ].map(idempotencyKey);
    expect(new Set(keys).size).toBe(4);
    expect(idempotencyKey(envelope({ receivedAt: new Date(0) }))).toBe(keys[0]);
  });
  it('leaves the event out when both do not fit, and is undefined when the call alone does not', () => {
    const message = toQueueMessage(envelope({ event: { text: 'x'.repeat(MAX_ENVELOPE_BYTES) } }));
    expect(readEnvelope(message?.body ?? '')?.event).toBeUndefined();
    expect(readEnvelope(message?.body ?? '')?.change).toEqual(change('u_1'));
    expect(toQueueMessage(envelope({ change: change('u_1', 'ä'.repeat(MAX_ENVELOPE_BYTES / 6)) }))).toBeUndefined();
  });
});

describe('the size of a queue message', () => {
  it('may be 64 KiB with the event, and not one byte more', () => {
    const filled = (length: number) => {
      const empty = toQueueMessage(envelope({ event: '' }))?.body.length ?? 0;
      return envelope({ event: 'x'.repeat(length - empty) });
    };
    const [most, more] = [filled(MAX_ENVELOPE_BYTES), filled(MAX_ENVELOPE_BYTES + 1)];
    expect(toQueueMessage(most)?.body).toHaveLength(MAX_ENVELOPE_BYTES);
    expect(readEnvelope(toQueueMessage(more)?.body ?? '')).toEqual(envelope({ event: undefined }));
  });
});

describe('a rejected event', () => {
  const rejected: RejectedEvent = {
    v: 1,
    source: 'clerk',
    eventId: 'msg_1',
    type: 'user.created',
    receivedAt: new Date('2026-11-23T12:00:01Z'),
    rejectedAt: new Date('2026-11-23T12:00:02Z'),
    reason: 'USERPILOT_REFUSED',
    status: 422,
    change: change('u_1'),
    event: { data: { id: 'u_1' } },
  };
  const parses = (changes: object) => RejectedEvent.safeParse(JSON.parse(JSON.stringify({ ...rejected, ...changes }))).success;

  it('survives the queue, so that it can be replayed', () => {
    expect(RejectedEvent.parse(JSON.parse(JSON.stringify(rejected)))).toEqual(rejected);
    expect(parses({ status: undefined, change: undefined, event: undefined })).toBe(true);
  });
  it('may carry an id of 512 characters, a type of 200 and a source of 64, or none of the first two', () => {
    expect(parses({ eventId: 'x'.repeat(512), type: 'x'.repeat(200), source: 'x'.repeat(64) })).toBe(true);
    expect(parses({ eventId: '', type: '' })).toBe(true);
  });
  it.each([
    ['another version', { v: 2 }],
    ['an unknown field', { surprise: 1 }],
    ['no source', { source: '' }],
    ['a source of 65 characters', { source: 'x'.repeat(65) }],
    ['an id of 513 characters', { eventId: 'x'.repeat(513) }],
    ['a type of 201 characters', { type: 'x'.repeat(201) }],
    ['a day instead of a moment', { receivedAt: '2026-11-23' }],
    ['a broken status', { status: 4.5 }],
    ['a broken change', { change: {} }],
  ])('is refused with %s', (_, changes) => {
    expect(parses(changes)).toBe(false);
  });
});

describe('readEnvelope', () => {
  const body = toQueueMessage(envelope())?.body ?? '';
  it('knows the lane of what was not sent by a vendor just now', () => {
    const later = envelope({ lane: 'backfill' });
    expect(readEnvelope(toQueueMessage(later)?.body ?? '')).toEqual(later);
  });
  it('takes a moment with any offset', () => {
    const elsewhere = body.replace('2026-11-23T12:00:01.000Z', '2026-11-23T14:00:01+02:00');
    expect(elsewhere).not.toBe(body);
    expect(readEnvelope(elsewhere)).toEqual(envelope());
  });
  it.each([
    ['not JSON', 'x'],
    ['another version', body.replace('"v":1', '"v":2')],
    ['an unknown field', body.replace('{', '{"surprise":1,')],
    ['an unknown lane', body.replace('{', '{"lane":"fast",')],
    ['an unknown call', body.replace('identifyUser', 'track')],
    ['an empty user id', body.replaceAll('"u_1"', '""')],
  ])('is undefined for %s', (_, text) => {
    expect(text).not.toBe(body);
    expect(readEnvelope(text)).toBeUndefined();
  });
});
