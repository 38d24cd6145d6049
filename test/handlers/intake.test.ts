import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import type { Change } from '../../functions/core/calls.ts';
import { readEnvelope } from '../../functions/core/envelope.ts';
import { intake } from '../../functions/handlers/intake.ts';
import { changes, defineSource, type Mapped } from '../../functions/sources/source.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const change = (altered: Partial<Change> = {}): Change => ({
  call: { kind: 'identifyUser', user_id: 'u_1', metadata: { name: 'Noor' } },
  facet: 'profile',
  occurredAt: NOW,
  ...altered,
});
const through = (map: () => Mapped) => {
  const source = defineSource({
    id: 'clerk',
    docs: 'https://vendor.example',
    verify: () => ({ ok: true }),
    schema: z.unknown(),
    head: () => ({ eventId: 'e_1', type: 'user.created' }),
    map,
  });
  const envelope = { v: 1, source: 'clerk', eventId: 'e_1', type: 'user.created', receivedAt: NOW, event: {} } as const;
  return intake(source, envelope, { settings: {}, receivedAt: NOW });
};

describe('intake', () => {
  it('makes one message per change, which deliver reads back', () => {
    const result = through(() => changes(change(), change({ call: { kind: 'identifyCompany', company_id: 'c_1' } })));
    const calls = result.kind === 'messages' ? result.messages.map(({ body }) => readEnvelope(body)?.change.call.kind) : [];
    expect(calls).toEqual(['identifyUser', 'identifyCompany']);
  });
  it.each([
    ['a time that is none', { occurredAt: new Date(Number.NaN) }],
    ['a year before 0', { occurredAt: new Date('-000001-12-31T00:01:00.000Z') }],
    ['a year after 9999', { occurredAt: new Date('+010000-01-01T00:00:00.000Z') }],
    ['an empty id', { call: { kind: 'identifyUser', user_id: '' } }],
    ['an id that is too long', { call: { kind: 'identifyUser', user_id: 'x'.repeat(1025) } }],
    ['a value that is no property', { call: { kind: 'identifyUser', user_id: 'u_1', metadata: { size: Number.NaN } } }],
  ] as const)('parks as a whole what deliver could not read: %s', (_, altered) => {
    expect(through(() => changes(change(), change(altered as Partial<Change>)))).toEqual({
      kind: 'rejected',
      because: 'SCHEMA_MISMATCH',
    });
  });
  it('parks what the mapper finds broken, and lets a bug be a bug', () => {
    const broken = () => z.string().parse(1) as never;
    expect(through(broken)).toEqual({ kind: 'rejected', because: 'SCHEMA_MISMATCH' });
    const bug = () => {
      throw new TypeError('a bug');
    };
    expect(() => through(bug)).toThrow(TypeError);
  });
});
