import { describe, expect, it } from '@jest/globals';
import { type RefreshEnvelope, readRefresh, toRefreshMessage } from '../../functions/core/refresh.ts';

const envelope: RefreshEnvelope = {
  v: 1,
  source: 'clerk',
  eventId: 'evt_1',
  type: 'user.updated',
  receivedAt: new Date('2026-11-23T12:00:00.250Z'),
  refresh: { subject: 'user', id: 'u_1', occurredAt: new Date('2026-11-23T11:59:58Z') },
};
const messageOf = (changes: Partial<RefreshEnvelope> = {}, refresh: Partial<RefreshEnvelope['refresh']> = {}) =>
  toRefreshMessage({ ...envelope, ...changes, refresh: { ...envelope.refresh, ...refresh } });

describe('a refresh', () => {
  it('comes out of the queue as it went in', () => {
    expect(readRefresh(messageOf().body)).toEqual(envelope);
    const creates = { ...envelope, refresh: { ...envelope.refresh, creates: true } };
    expect(readRefresh(toRefreshMessage(creates).body)).toEqual(creates);
  });

  it('goes over the queue in ASCII, and its attributes show nothing', () => {
    const { body, groupId, deduplicationId } = messageOf({}, { id: 'zoë@harbour.example\uffff' });
    expect(body).toMatch(/^[\x20-\x7e]+$/);
    expect(readRefresh(body)?.refresh.id).toBe('zoë@harbour.example\uffff');
    for (const attribute of [groupId, deduplicationId]) expect(attribute).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is in order with those of the same subject only', () => {
    const { groupId } = messageOf();
    expect(messageOf({ eventId: 'evt_2', type: 'user.created' }, { occurredAt: new Date(0), creates: true }).groupId).toBe(
      groupId,
    );
    const others = [
      messageOf({ source: 'workos' }),
      messageOf({}, { id: 'u_2' }),
      messageOf({}, { subject: 'organization' }),
      messageOf({}, { subject: 'use', id: 'ru_1' }),
    ];
    expect(new Set([groupId, ...others.map((other) => other.groupId)]).size).toBe(5);
  });

  it('may give its times in any time zone', () => {
    const json = JSON.parse(messageOf().body);
    json.receivedAt = '2026-11-23T14:00:00.250+02:00';
    json.refresh.occurredAt = '2026-11-23T06:59:58-05:00';
    expect(readRefresh(JSON.stringify(json))).toEqual(envelope);
  });

  it('is queued once per event and subject', () => {
    const { deduplicationId } = messageOf();
    expect(messageOf({ receivedAt: new Date(0) }).deduplicationId).toBe(deduplicationId);
    const others = [messageOf({ eventId: 'evt_2' }), messageOf({}, { id: 'u_2' }), messageOf({ source: 'workos' })];
    expect(new Set([deduplicationId, ...others.map((other) => other.deduplicationId)]).size).toBe(4);
  });
});

describe('what is none', () => {
  const altered = (change: (json: { refresh: Record<string, unknown> } & Record<string, unknown>) => void): string => {
    const json = JSON.parse(messageOf().body);
    change(json);
    return JSON.stringify(json);
  };

  it.each([
    ['nothing', ''],
    ['no JSON', '{"v":1'],
    ['null', 'null'],
    ['an empty object', '{}'],
    ['another version', altered((json) => Object.assign(json, { v: 2 }))],
    ['a member that nobody knows', altered((json) => Object.assign(json, { change: {} }))],
    ['a member of the refresh that nobody knows', altered(({ refresh }) => Object.assign(refresh, { email: 'x' }))],
    ['no source', altered((json) => Object.assign(json, { source: '' }))],
    ['no event id', altered((json) => Object.assign(json, { eventId: '' }))],
    ['an event id without end', altered((json) => Object.assign(json, { eventId: 'x'.repeat(513) }))],
    ['a type without end', altered((json) => Object.assign(json, { type: 'x'.repeat(201) }))],
    ['no subject', altered(({ refresh }) => Object.assign(refresh, { subject: '' }))],
    ['a subject without end', altered(({ refresh }) => Object.assign(refresh, { subject: 'x'.repeat(65) }))],
    ['an empty id', altered(({ refresh }) => Object.assign(refresh, { id: '' }))],
    ['an id that is a number', altered(({ refresh }) => Object.assign(refresh, { id: 7 }))],
    ['an id without end', altered(({ refresh }) => Object.assign(refresh, { id: 'x'.repeat(1025) }))],
    ['a time that is none', altered(({ refresh }) => Object.assign(refresh, { occurredAt: 'yesterday' }))],
    ['a time of receipt that is none', altered((json) => Object.assign(json, { receivedAt: 0 }))],
    ['a creation that is a word', altered(({ refresh }) => Object.assign(refresh, { creates: 'yes' }))],
  ])('%s', (_, body) => {
    expect(readRefresh(body)).toBeUndefined();
  });

  it.each([
    ['an invalid date', new Date(Number.NaN)],
    ['a year after 9999', new Date('+010000-01-01T00:00:00Z')],
    ['a year before 0', new Date('-000001-01-01T00:00:00Z')],
  ])('%s, though a refresh could be made of it', (_, occurredAt) => {
    expect(readRefresh(messageOf({}, { occurredAt }).body)).toBeUndefined();
  });

  it.each([
    ['the longest of everything', { subject: 's'.repeat(64), id: 'i'.repeat(1024) }],
    ['the shortest', { subject: 's', id: 'i' }],
  ])('but not %s', (_, refresh) => {
    expect(readRefresh(messageOf({ eventId: 'e'.repeat(512), type: 't'.repeat(200) }, refresh).body)).toBeDefined();
    expect(readRefresh(messageOf({ type: '' }, refresh).body)).toBeDefined();
  });
});
