import { randomBytes } from 'node:crypto';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { senders } from '../../functions/sources/senders.ts';
import { clientOptions } from '../../infra/local/engines/aws.ts';
import type { Fault } from '../../infra/local/fake-userpilot/server.ts';
import { type Running, startEndToEnd } from '../support/end-to-end.ts';
import { person } from '../support/people.ts';
import { until } from '../support/until.ts';

let running: Running;
let sqs: SQSClient;
let start: number;
beforeAll(async () => {
  running = await startEndToEnd();
  sqs = new SQSClient(clientOptions(running.stack.engines.sqs));
});
afterAll(async () => {
  sqs.destroy();
  await running.close();
});
beforeEach(async () => {
  running.userpilot.faults.clear();
  await running.idle(60_000);
  start = running.events.length;
}, 90_000);
const outcomes = () =>
  running.events.slice(start).map(({ outcome, code }) => (code === undefined ? outcome : `${outcome} ${code}`));
const stateOf = (id: string) => running.userpilot.store.user(id);
const nameIs = (id: string, part: string) =>
  until(() => String(stateOf(id)?.metadata.name ?? '').includes(part), {
    deadlineMs: 20_000,
    description: `${id} is called ${part}`,
  });

describe('Userpilot in trouble', () => {
  it.each<readonly [string, Fault]>([
    ['answers 500', { kind: 'status', status: 500 }],
    ['answers 429', { kind: 'status', status: 429 }],
    ['answers 429 and names a time', { kind: 'status', status: 429, retryAfterSeconds: 1 }],
    ['resets the connection', { kind: 'reset-before' }],
    ['resets the connection after the effect', { kind: 'reset-after' }],
    ['answers a web page', { kind: 'ok-but-html' }],
  ])('%s: nothing is lost, and order is kept when it recovers', async (name, fault) => {
    const id = `trouble-${name.replaceAll(' ', '-')}`;
    running.userpilot.faults.always(fault);
    await running.send('clerk', 'user.created', { ...person(id), firstName: 'First' }, { now: new Date(1_790_000_000_000) });
    await until(() => outcomes().some((outcome) => outcome.startsWith('retrying')), { deadlineMs: 10_000 });
    await running.send('clerk', 'user.updated', { ...person(id), firstName: 'Second' }, { now: new Date(1_790_000_001_000) });
    running.userpilot.faults.clear();
    await nameIs(id, 'Second');
    const names = running.userpilot
      .requests()
      .filter(({ status, body }) => status === 202 && (body as { user_id?: string } | undefined)?.user_id === id)
      .map(({ body }) => String((body as { metadata: { name: string } }).metadata.name).split(' ')[0]);
    expect(names).toEqual([...names].sort());
  });

  it('hangs: the call is given up after its time and made again', async () => {
    running.userpilot.faults.next(1, { kind: 'hang' });
    await running.send('clerk', 'user.created', { ...person('hang'), firstName: 'Patient' });
    await nameIs('hang', 'Patient');
    expect(outcomes()).toContain('retrying UNREACHABLE');
  }, 40_000);

  it('refuses one user: that event is set aside with its reason, and everyone else is served', async () => {
    running.userpilot.faults.forUser('refused-1', { kind: 'status', status: 400 });
    await Promise.all(['refused-1', 'served-1', 'served-2'].map((id) => running.send('clerk', 'user.created', person(id))));
    await until(() => stateOf('served-1') !== undefined && stateOf('served-2') !== undefined);
    await until(() => outcomes().includes('rejected USERPILOT_REFUSED'));
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: running.stack.queueUrls.rejected,
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ['All'],
      }),
    );
    expect(Messages).toHaveLength(1);
    expect(JSON.parse(Messages[0]?.Body ?? '')).toMatchObject({
      reason: 'USERPILOT_REFUSED',
      status: 400,
      source: 'clerk',
      type: 'user.created',
      change: { call: { user_id: 'refused-1' } },
      event: { data: { id: 'refused-1' } },
    });
    expect(Messages[0]?.MessageAttributes).toMatchObject({
      reason: { StringValue: 'USERPILOT_REFUSED' },
      source: { StringValue: 'clerk' },
    });
  });

  it('takes another key: one refresh, then delivery waits, and goes on without a restart when the secret is changed', async () => {
    const old = running.secrets();
    // The key is remembered by now; Userpilot knows another one from here on.
    running.userpilot.faults.always({ kind: 'status', status: 401 });
    await running.send('clerk', 'user.created', { ...person('key'), firstName: 'Keyed' });
    await until(() => outcomes().includes('retrying UNAUTHORIZED'), { deadlineMs: 10_000 });
    running.userpilot.faults.clear();
    running.changeSecrets({ ...old, userpilot: { apiKey: `renewed-${randomBytes(8).toString('hex')}` } });
    // Asked for at most every 30 s, so that a wrong key cannot hammer Secrets Manager.
    await until(() => stateOf('key') !== undefined, { deadlineMs: 60_000, description: 'delivered under the new key' });
    expect(outcomes().some((outcome) => outcome.startsWith('rejected'))).toBe(false);
  }, 90_000);
});

describe('signing secrets', () => {
  it('are rotated without a refusal: the old one stays good while senders change over', async () => {
    const old = running.secretOf('stripe');
    const renewed = senders.stripe.secret(randomBytes(24));
    const signed = (secret: string, id: string) => {
      const moment = { now: new Date(), eventId: id };
      const body = Buffer.from(senders.stripe.body('customer.created', person(id), moment));
      return running.post('stripe', body, senders.stripe.headers(body, secret, moment));
    };
    expect(await signed(old, 'rotation-1')).toMatchObject({ status: 202 });
    running.changeSecrets({ ...running.secrets(), stripe: { signingSecrets: [renewed] } });
    expect(await signed(old, 'rotation-2')).toMatchObject({ status: 202 });
    await until(async () => (await signed(renewed, 'rotation-3')).status === 202, {
      deadlineMs: 45_000,
      description: 'the new secret counts',
    });
    expect(await signed(old, 'rotation-4')).toMatchObject({ status: 202 });
  }, 60_000);
});
