import { PurgeQueueCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { digest } from '../../../functions/core/digest.ts';
import type { Invented } from '../../../functions/sources/sender.ts';
import { senders } from '../../../functions/sources/senders.ts';
import { findCanaries, makeCanaries } from '../../support/canaries.ts';
import { type Running, startEndToEnd } from '../../support/end-to-end.ts';
import { until } from '../../support/until.ts';
import { createQueueProbe, ended, type QueueProbe, run, startCommand } from './queues/rig.ts';

/** Where the corrected settings find the id; nothing stands where the local stage looks. */
const CORRECTED = { clerk: {}, auth0: {}, stripe: { userId: ['metadata.account'], testEvents: 'deliver' } } as const;
const canaries = makeCanaries();

let running: Running;
let probe: QueueProbe;
let to: readonly string[];
let events = 0;
let rejectedUrl: string;
beforeAll(async () => {
  running = await startEndToEnd();
  probe = createQueueProbe(running.stack.engines.sqs);
  to = ['--to', running.stack.url];
  rejectedUrl = running.stack.queueUrls.rejected;
});
afterAll(async () => {
  probe.close();
  await running.close();
});
beforeEach(async () => {
  running.userpilot.faults.clear();
  await running.idle();
  await drain();
});

const drain = () => probe.sqs.send(new PurgeQueueCommand({ QueueUrl: rejectedUrl }));
const canary = (id: string): Invented => ({ ...canaries, id, companyId: 'org_1' });
const callsOf = (id: string) =>
  running.userpilot
    .requests()
    .filter(({ body, status }) => status === 202 && (body as { user_id?: string } | undefined)?.user_id === id);
const arrived = (id: string) =>
  until(() => running.userpilot.store.user(id) !== undefined, { description: `${id} at Userpilot`, deadlineMs: 10_000 });

/** A customer without the id that the local stage asks for; `account` is where a corrected stage finds it. */
const sendUnmappable = async (account: string | undefined, type = 'customer.created'): Promise<string> => {
  events += 1;
  const moment = { now: new Date(), eventId: `unmappable${events}` };
  const event = JSON.parse(senders.stripe.body(type, canary('nobody'), moment));
  event.data.object.metadata = account === undefined ? {} : { account };
  const { body } = await running.send('stripe', type, canary('nobody'), { ...moment, body: JSON.stringify(event) });
  expect(body).toEqual({ status: 'parked', code: 'NO_USER_ID' });
  return digest('stripe', `evt_${moment.eventId}`).slice(0, 12);
};

/** A sign-up that Userpilot refuses, once. */
const sendRefused = async (id: string): Promise<void> => {
  const before = await probe.visible(rejectedUrl);
  running.userpilot.faults.forUser(id, { kind: 'status', status: 422 });
  await running.send('clerk', 'user.created', canary(id));
  await until(async () => (await probe.visible(rejectedUrl)) > before, { description: 'the refused event in its queue' });
  running.userpilot.faults.clear();
};

describe('npm run rejected -- list', () => {
  it('says that there is nothing', async () => {
    expect(await run('rejected', ['list', ...to])).toEqual({
      code: 0,
      out: `\n  0 rejected events in the local stack at ${running.stack.url}\n\n`,
    });
  });

  it('groups by source, type and reason with the oldest age, and leaves everything visible', async () => {
    await sendUnmappable(undefined);
    await sendUnmappable(undefined);
    await sendUnmappable(undefined, 'customer.updated');
    await sendRefused('listed');
    const { out, code } = await run('rejected', ['list', ...to], { now: new Date(Date.now() + 3 * 3_600_000) });
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual(
      expect.arrayContaining([
        [`4 rejected events in the local stack at ${running.stack.url}`],
        ['count', 'source', 'type', 'reason', 'oldest'],
        ['2', 'stripe', 'customer.created', 'NO_USER_ID', '3 h'],
        ['1', 'stripe', 'customer.updated', 'NO_USER_ID', '3 h'],
        ['1', 'clerk', 'user.created', 'USERPILOT_REFUSED', '3 h'],
      ]),
    );
    expect([await probe.visible(rejectedUrl), await probe.inHand(rejectedUrl)]).toEqual([4, 0]);
  });

  it('shows single ones by an id of their own, and no person in either form', async () => {
    const id = await sendUnmappable('listed-singly');
    await sendRefused('listed-singly');
    const { out } = await run('rejected', ['list', '--ids', ...to]);
    const row = out.split('\n').find((line) => line.includes(id));
    expect(row?.trim().split(/ {2,}/)).toEqual([id, '0 s', 'stripe', 'customer.created', 'NO_USER_ID']);
    expect(out).toMatch(/clerk +user\.created +USERPILOT_REFUSED +422/);
    const grouped = await run('rejected', ['list', ...to]);
    const child = await ended(startCommand('rejected', ['list', '--ids', ...to]));
    for (const text of [out, grouped.out, child.out, child.err]) expect(findCanaries(text, canaries)).toEqual([]);
    for (const text of [out, grouped.out, child.out]) expect(text).not.toContain('listed-singly');
  });

  it('counts what it cannot read, by no name that a stranger chose', async () => {
    await probe.put(rejectedUrl, { from: 'somebody', type: '\u001b[31mred' });
    await probe.put(rejectedUrl, {
      v: 1,
      source: 'clerk',
      eventId: 'msg_1',
      type: '\u001b[31muser.created',
      receivedAt: new Date(),
      rejectedAt: new Date(),
      reason: 'NO_USER_ID',
    });
    const { out } = await run('rejected', ['list', ...to]);
    expect(out).toMatch(/1 +unknown +unknown +UNREADABLE/);
    expect(out).toMatch(/1 +clerk +\?\[31muser\.created +NO_USER_ID/);
    expect(out).not.toContain('\u001b');
  });
});

describe('npm run rejected -- replay', () => {
  it('maps with the settings of now: whoever had no id arrives, under the times of the event', async () => {
    await sendUnmappable('account-1');
    const before = await run('rejected', ['replay', '--all', ...to]);
    expect(before).toMatchObject({ code: 0, out: expect.stringMatching(/Replayed +0\n +Still rejected +1 {2}NO_USER_ID/) });
    const { out, code } = await run('rejected', ['replay', '--reason', 'NO_USER_ID', ...to], { sources: CORRECTED });
    expect([code, out]).toEqual([0, expect.stringMatching(/1 rejected event selected of 1 .*\n\n +Replayed +1\n/)]);
    await arrived('account-1');
    expect(running.userpilot.store.user('account-1')?.metadata).toMatchObject({ email: canaries.email });
    expect([await probe.visible(rejectedUrl), await probe.inHand(rejectedUrl)]).toEqual([0, 0]);
    expect(findCanaries(out, canaries)).toEqual([]);
  });

  it('sends what Userpilot refused once more, and finds it in the queue again when it is refused again', async () => {
    await sendRefused('refused-twice');
    running.userpilot.faults.forUser('refused-twice', { kind: 'status', status: 400 });
    expect(await run('rejected', ['replay', '--source', 'clerk', ...to])).toMatchObject({
      out: expect.stringMatching(/1 rejected event selected of 1 .*\n\n +Replayed +1\n/),
    });
    await until(async () => (await probe.visible(rejectedUrl)) === 1);
    running.userpilot.faults.clear();
    await run('rejected', ['replay', '--source', 'clerk', ...to]);
    await arrived('refused-twice');
  });

  it('does no harm twice: a message that could not be taken out is dropped by the ledger', async () => {
    await sendRefused('twice');
    const [body = ''] = await probe.bodies(rejectedUrl);
    await run('rejected', ['replay', '--all', ...to]);
    await arrived('twice');
    await probe.put(rejectedUrl, JSON.parse(body));
    const start = running.events.length;
    expect(await run('rejected', ['replay', '--all', ...to])).toMatchObject({ out: expect.stringMatching(/Replayed +1\n/) });
    await until(() => running.events.slice(start).some(({ outcome }) => outcome === 'superseded'));
    expect(callsOf('twice')).toHaveLength(1);
    expect(running.events.slice(start).map(({ code }) => code)).toEqual(['DUPLICATE']);
  });

  it('sends the change as it was recorded when the event was too large to keep', async () => {
    const call = { kind: 'identifyUser', user_id: 'recorded', metadata: { plan: 'gold' } };
    await probe.put(rejectedUrl, {
      v: 1,
      source: 'clerk',
      eventId: 'msg_large',
      type: 'user.updated',
      receivedAt: new Date(),
      rejectedAt: new Date(),
      reason: 'USERPILOT_REFUSED',
      status: 400,
      change: { call, facet: 'profile', occurredAt: new Date() },
    });
    await run('rejected', ['replay', '--all', ...to]);
    await arrived('recorded');
    expect(running.userpilot.store.user('recorded')?.metadata).toEqual({ plan: 'gold' });
  });

  it('keeps what asks for nothing any more, until it is told to drop it', async () => {
    const id = await sendUnmappable(undefined, 'customer.updated');
    const sources = { stripe: { userId: ['metadata.account'] } };
    const event = JSON.parse((await probe.bodies(rejectedUrl))[0] ?? '');
    await drain();
    await probe.put(rejectedUrl, { ...event, event: { ...event.event, livemode: false } });
    const kept = await run('rejected', ['replay', '--id', id, ...to], { sources });
    expect(kept).toMatchObject({ code: 0, out: expect.stringMatching(/Ignored +1 {2}TEST_EVENT, still there: --drop-ignored/) });
    expect(await probe.visible(rejectedUrl)).toBe(1);
    const dropped = await run('rejected', ['replay', '--id', id, '--drop-ignored', ...to], { sources });
    expect(dropped.out).toMatch(/Ignored +1 {2}TEST_EVENT, taken out\n/);
    expect(await probe.visible(rejectedUrl)).toBe(0);
  });

  it('leaves what belongs to a source that the stage has no more', async () => {
    await sendUnmappable('elsewhere');
    const { out } = await run('rejected', ['replay', '--all', ...to], { sources: { clerk: {} } });
    expect(out).toMatch(/Still rejected +1 {2}SOURCE_NOT_IN_STAGE/);
    expect(await probe.visible(rejectedUrl)).toBe(1);
  });

  it('maps an event that no schema let through, and a message that was no envelope, when both have become readable', async () => {
    const moment = { now: new Date(), eventId: 'readable' };
    const event = JSON.parse(senders.auth0.body('user.created', canary('readable-event'), moment));
    const head = { v: 1, receivedAt: moment.now, rejectedAt: moment.now, type: 'unknown' };
    const change = {
      call: { kind: 'identifyUser', user_id: 'readable-envelope' },
      facet: 'membership',
      occurredAt: moment.now,
    };
    const envelope = { v: 1, source: 'auth0', eventId: 'evt_e', type: 'user.created', receivedAt: moment.now, change };
    const malformed = { messageId: 'message-1', body: JSON.stringify(envelope) };
    await probe.put(rejectedUrl, { ...head, source: 'auth0', eventId: 'hash', reason: 'SCHEMA_MISMATCH', event });
    await probe.put(rejectedUrl, { ...head, source: 'unknown', eventId: 'hash', reason: 'ENVELOPE_MALFORMED', event: malformed });
    expect((await run('rejected', ['replay', '--all', ...to])).out).toMatch(/Replayed +2\n/);
    await arrived('readable-event');
    await arrived('readable-envelope');
    const ending = running.events.findLast(({ source, outcome }) => source === 'auth0' && outcome === 'delivered');
    expect(ending).toMatchObject({ type: 'user.created' });
  });

  it('sends what refresh could not read to be fetched, when it has become readable, and keeps it where nothing is fetched', async () => {
    const occurredAt = new Date();
    const refresh = { subject: 'user', id: 'readable-refresh', occurredAt };
    const thin = { v: 1, source: 'clerk', eventId: 'msg_thin', type: 'user.updated', receivedAt: occurredAt, refresh };
    const head = { v: 1, receivedAt: occurredAt, rejectedAt: occurredAt, source: 'clerk', type: 'unknown', eventId: 'hash' };
    await probe.put(rejectedUrl, { ...head, reason: 'ENVELOPE_MALFORMED', event: { body: JSON.stringify(thin) } });
    const sources = { clerk: { api: 'https://api.harbour.example' } };
    const dry = await run('rejected', ['replay', '--all', '--dry-run', ...to], { sources });
    expect(dry.out).toMatch(/clerk +user\.updated +ENVELOPE_MALFORMED .*\n +would be fetched from the vendor once more\n/);
    const { out } = await run('rejected', ['replay', '--all', ...to], { sources });
    expect(out).toMatch(/Still rejected +1 {2}NO_VENDOR_API/);
    expect(await probe.visible(rejectedUrl)).toBe(1);
  });

  it('sends what is selected and leaves the rest visible', async () => {
    const id = await sendUnmappable('selected-1');
    await sendUnmappable('selected-2');
    await sendRefused('selected-3');
    const { out } = await run('rejected', ['replay', '--id', id, ...to], { sources: CORRECTED });
    expect(out).toMatch(/^\n {2}1 rejected event selected of 3 /);
    await arrived('selected-1');
    expect([await probe.visible(rejectedUrl), await probe.inHand(rejectedUrl)]).toEqual([2, 0]);
    const { out: none } = await run('rejected', ['replay', '--younger-than', '1s', ...to], {
      sources: CORRECTED,
      now: new Date(Date.now() + 2000),
    });
    expect(none).toMatch(/^\n {2}0 rejected events selected of 2 /);
  });

  it('sends no more than five a second, with a bar that grows on a terminal', async () => {
    for (let index = 0; index < 12; index += 1) await sendUnmappable(`paced-${index}`);
    const begin = performance.now();
    const { out } = await run('rejected', ['replay', '--all', ...to], { sources: CORRECTED, types: '' });
    expect(out).toMatch(/Replayed +12\n/);
    expect(out).toMatch(/█+░* +\d+\/12 /);
    // The last of twelve goes eleven steps of 200 ms after the first.
    expect(performance.now() - begin).toBeGreaterThanOrEqual(2200);
  });

  it('stops at Ctrl-C, says what was done, and leaves the rest visible', async () => {
    for (let index = 0; index < 15; index += 1) await sendRefused(`stopped-${index}`);
    const child = startCommand('rejected', ['replay', '--all', ...to]);
    const result = ended(child);
    const left = async () => (await probe.visible(rejectedUrl)) + (await probe.inHand(rejectedUrl));
    await until(async () => (await left()) < 14, { deadlineMs: 10_000, description: 'two events taken out' });
    child.kill('SIGINT');
    const { out, err, code } = await result;
    expect([err, code]).toEqual(['', 1]);
    expect(out).toMatch(/Stopped\. What was not sent is still where it was\./);
    const replayed = Number(/Replayed +(\d+)/.exec(out)?.[1]);
    expect([await probe.visible(rejectedUrl), await probe.inHand(rejectedUrl)]).toEqual([15 - replayed, 0]);
  }, 60_000);
});

describe('npm run rejected -- replay --dry-run', () => {
  it('shows names and types of what would be sent, sends nothing, hides nothing', async () => {
    const id = await sendUnmappable('dry-1');
    const start = running.userpilot.requests().length;
    const { out, code } = await run('rejected', ['replay', '--all', '--dry-run', ...to], { sources: CORRECTED });
    expect(code).toBe(0);
    expect(out).toContain(`  ${id}  stripe  customer.created  NO_USER_ID  0 s`);
    expect(out).toMatch(/would send +\{ "kind": "identifyUser", "user_id": "string", "metadata": \{ "email": "string",/);
    expect(out).toContain('"stripe_delinquent": "boolean"');
    expect(out).toMatch(/differs +nothing was made of it before\n/);
    expect(out).toContain('1 rejected event selected of 1');
    expect(findCanaries(out, canaries)).toEqual([]);
    expect([await probe.visible(rejectedUrl), await probe.inHand(rejectedUrl)]).toEqual([1, 0]);
    await running.idle();
    expect(running.userpilot.requests()).toHaveLength(start);
  });

  it('tells how the mapping of now differs, and shows values only when asked', async () => {
    await sendRefused('dry-2');
    const sources = {
      clerk: { userId: ['primary_email_address_id'], omit: ['locale'], properties: { plan: 'public_metadata.plan' } },
    };
    const { out } = await run('rejected', ['replay', '--all', '--dry-run', ...to], { sources });
    expect(out).toMatch(/differs +other id, - locale, \+ plan\n/);
    expect(findCanaries(out, canaries)).toEqual([]);
    const shown = await run('rejected', ['replay', '--all', '--dry-run', '--show-values', ...to], { sources });
    expect(shown.out).toContain(`"email": "${canaries.email}"`);
    const same = await run('rejected', ['replay', '--all', '--dry-run', ...to]);
    expect(same.out).toMatch(/differs +nothing\n/);
  });

  it('says what would stay', async () => {
    await sendUnmappable(undefined);
    const { out } = await run('rejected', ['replay', '--all', '--dry-run', ...to]);
    expect(out).toMatch(/still rejected +NO_USER_ID\n/);
  });
});

describe('npm run rejected -- show', () => {
  it.each([
    ['y', true],
    ['yes', true],
    ['', false],
    ['no', false],
  ])('asks first: after "%s" it shows the event: %s', async (types, shows) => {
    const id = await sendUnmappable('shown');
    const { out, code } = await run('rejected', ['show', id, ...to], { types });
    expect(out).toContain('The rejected event is shown in full, personal data included. Show it here? [y/N]');
    expect(code).toBe(shows ? 0 : 1);
    expect(out.includes(canaries.email)).toBe(shows);
    expect([await probe.visible(rejectedUrl), await probe.inHand(rejectedUrl)]).toEqual([1, 0]);
  });

  it('asks nobody who is not there: without a terminal it wants --yes', async () => {
    const id = await sendUnmappable('shown');
    const refused = await ended(startCommand('rejected', ['show', id, ...to]));
    expect(refused).toEqual({
      out: '',
      err: 'This shows personal data, and there is no terminal to ask on: add --yes.\n',
      code: 1,
    });
    const shown = await ended(startCommand('rejected', ['show', id, '--yes', ...to]));
    expect(JSON.parse(shown.out)).toMatchObject({ reason: 'NO_USER_ID', event: { data: { object: { email: canaries.email } } } });
  });

  it('names an id that is not there', async () => {
    await expect(run('rejected', ['show', '0123456789ab', '--yes', ...to])).rejects.toThrow(
      'No rejected event has the id 0123456789ab: see which there are with list --ids.',
    );
  });
});

describe('what is asked for wrongly', () => {
  it.each<readonly [readonly string[], RegExp]>([
    [['list', 'me'], /^Unexpected argument 'me'\. Usage: npm run rejected -- /],
    [['list', '--idds'], /^Unknown option '--idds'\. Usage: npm run rejected -- /],
    [['list', '--stage', 'nope'], /has no stage "nope"\. Known stages: /],
    [['list', '--to', 'http://127.0.0.1:9'], /^Nothing answers at http:\/\/127\.0\.0\.1:9: start the stack/],
  ])('%j: one line, exit code 1', async (args, expected) => {
    const { out, err, code } = await ended(startCommand('rejected', args));
    expect([out, code, err.trimEnd().split('\n').length]).toEqual(['', 1, 1]);
    expect(err.trimEnd()).toMatch(expected);
  });

  it('names an address where something else answers', async () => {
    await expect(run('rejected', ['list', '--to', running.userpilot.url])).rejects.toThrow(
      `What answers at ${running.userpilot.url} is not a local stack of this version: name its address with --to.`,
    );
  });

  it('shows its options', async () => {
    const child = startCommand('rejected', ['--help']);
    const { out, code } = await ended(child);
    expect(code).toBe(0);
    for (const option of ['--to', '--stage', '--ids', '--yes', '--reason', '--dry-run', '--drop-ignored'])
      expect(out).toContain(option);
  });
});
