import { describe, expect, it } from '@jest/globals';
import type { Change } from '../../functions/core/calls.ts';
import {
  type Envelope,
  entityKey,
  idempotencyKey,
  MAX_ENVELOPE_BYTES,
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

describe('readEnvelope', () => {
  const body = toQueueMessage(envelope())?.body ?? '';
  it.each([
    ['not JSON', 'x'],
    ['another version', body.replace('"v":1', '"v":2')],
    ['an unknown field', body.replace('{', '{"surprise":1,')],
    ['an unknown call', body.replace('identifyUser', 'track')],
    ['an empty user id', body.replaceAll('"u_1"', '""')],
  ])('is undefined for %s', (_, text) => {
    expect(text).not.toBe(body);
    expect(readEnvelope(text)).toBeUndefined();
  });
});
