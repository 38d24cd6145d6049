import { beforeEach, describe, expect, it } from '@jest/globals';
import { readEnvelope } from '../../functions/core/envelope.ts';
import type { EventQueue } from '../../functions/core/ports.ts';
import { createReceiveCognito } from '../../functions/handlers/receive-cognito.ts';
import { cognito } from '../../functions/sources/cognito.ts';
import { capturedOutput, contextOf, memoryQueue, memoryRejected } from '../support/doubles.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const trigger = (triggerSource = 'PostConfirmation_ConfirmSignUp', attributes: object = {}) => ({
  version: '1',
  region: 'eu-west-1',
  userPoolId: 'eu-west-1_Invented1',
  triggerSource,
  userName: 'noor',
  callerContext: { awsSdkVersion: 'x', clientId: 'invented' },
  request: { userAttributes: { sub: 'sub-1', email: 'noor@harbour.example', phone_number: '+15555550142', ...attributes } },
  response: {},
});

let queue: ReturnType<typeof memoryQueue>;
let rejected: ReturnType<typeof memoryRejected>;
let written: ReturnType<typeof capturedOutput>;
const invoke = (event: unknown, port: EventQueue = queue.queue) =>
  createReceiveCognito({
    source: cognito,
    settings: {},
    queue: port,
    rejected: rejected.rejected,
    log: written.log,
    metrics: written.metrics,
    now: () => NOW,
  })(event, contextOf());
beforeEach(() => {
  queue = memoryQueue();
  rejected = memoryRejected();
  written = capturedOutput();
});

describe('the Cognito trigger', () => {
  it('queues a confirmed sign-up and returns the very event', async () => {
    const event = trigger();
    expect(await invoke(event)).toBe(event);
    expect(event).toEqual(trigger());
    expect(queue.sent.map(({ body }) => readEnvelope(body)?.change.call)).toMatchObject([
      { kind: 'identifyUser', user_id: 'sub-1' },
    ]);
  });
  it('queues one message for the repeated attempt of one trigger, and another when the user has changed', async () => {
    await invoke(trigger());
    await invoke(trigger());
    await invoke(trigger('PostConfirmation_ConfirmSignUp', { email: 'new@harbour.example' }));
    expect(new Set(queue.sent.map(({ deduplicationId }) => deduplicationId)).size).toBe(2);
  });
  it('keeps private attributes out of the queue', async () => {
    await invoke(trigger());
    expect(queue.sent[0]?.body).not.toContain('5555550142');
  });
  it('ignores a forgotten password', async () => {
    const event = trigger('PostConfirmation_ConfirmForgotPassword');
    expect(await invoke(event)).toBe(event);
    expect(queue.sent).toEqual([]);
  });
  it('parks a sign-up without a user id', async () => {
    const event = trigger('PostConfirmation_ConfirmSignUp', { sub: '' });
    expect(await invoke(event)).toBe(event);
    expect(rejected.parked).toMatchObject([{ source: 'cognito', reason: 'NO_USER_ID' }]);
  });
  it.each([undefined, null, 'x', {}, { userPoolId: 1 }, { request: { userAttributes: [] } }])(
    'returns %j as it came',
    async (event) => {
      expect(await invoke(event)).toEqual(event === undefined ? {} : event);
      expect(queue.sent).toEqual([]);
    },
  );
  it('never fails the sign-up when the queue is down, and says so in a metric', async () => {
    queue.state.down = true;
    const event = trigger();
    expect(await invoke(event)).toBe(event);
    expect(written.parsed()).toContainEqual(expect.objectContaining({ SignUpNotQueued: [1] }));
    expect(written.lines.join('\n')).not.toContain('noor');
  });
  it('never makes the sign-up wait for a queue that hangs', async () => {
    const hangs: EventQueue = { ...queue.queue, send: () => new Promise(() => undefined) };
    const event = trigger();
    const before = performance.now();
    expect(await invoke(event, hangs)).toBe(event);
    expect(performance.now() - before).toBeLessThan(4000);
    expect(written.parsed()).toContainEqual(expect.objectContaining({ SignUpNotQueued: [1] }));
  });
});
