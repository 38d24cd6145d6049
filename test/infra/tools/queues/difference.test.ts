import { describe, expect, it } from '@jest/globals';
import type { Call, Change, Facet } from '../../../../functions/core/calls.ts';
import { differencesText, maskedCall } from '../../../../infra/tools/queues/difference.ts';

const change = (call: Call, facet: Facet = 'profile', at = '2026-11-23T12:00:00Z'): Change => ({
  call,
  facet,
  occurredAt: new Date(at),
});
const user = (user_id: string, metadata?: Readonly<Record<string, string>>): Call => ({
  kind: 'identifyUser',
  user_id,
  ...(metadata && { metadata: { ...metadata } }),
});
const before = change(user('u1', { email: 'a@example.com', plan: 'trial' }));

describe('how a mapping differs from the one before', () => {
  it.each<readonly [string, Change | undefined, readonly Change[], string]>([
    ['nothing before', undefined, [before], 'nothing was made of it before'],
    ['the same', before, [before], 'nothing'],
    ['properties', before, [change(user('u1', { plan: 'gold', team: 'x' }))], '- email, ~ plan, + team'],
    ['an id', before, [change(user('u2', { email: 'a@example.com', plan: 'trial' }))], 'other id'],
    ['a time', before, [change(before.call, 'profile', '2026-11-24T12:00:00Z')], 'other time'],
    ['a kind', before, [change({ kind: 'deleteUser', user_id: 'u1' })], 'deleteUser instead of identifyUser, - email, - plan'],
    ['a facet', before, [change(before.call, 'membership')], 'no identifyUser any more, identifyUser besides'],
    [
      'a company',
      change({ kind: 'identifyUser', user_id: 'u1', company: { id: 'c1' } }, 'membership'),
      [
        change({ kind: 'identifyCompany', company_id: 'c2', metadata: { name: 'C' } }),
        change({ kind: 'identifyUser', user_id: 'u1', company: { id: 'c2' } }, 'membership'),
      ],
      'other company, identifyCompany besides',
    ],
  ])('%s', (_, old, now, expected) => {
    expect(differencesText(old, now)).toBe(expected);
  });
});

describe('a masked call', () => {
  it('keeps names and types, and no value', () => {
    const metadata = { email: 'a@example.com', seats: 3, verified: true, note: null };
    expect(maskedCall({ kind: 'identifyUser', user_id: 'u1', metadata, company: { id: 'c1' } })).toEqual({
      kind: 'identifyUser',
      user_id: 'string',
      metadata: { email: 'string', seats: 'number', verified: 'boolean', note: 'null' },
      company: { id: 'string' },
    });
  });
});
