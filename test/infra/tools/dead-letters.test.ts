import { createServer } from 'node:http';
import { CreateQueueCommand, PurgeQueueCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { digest } from '../../../functions/core/digest.ts';
import { type Envelope, readEnvelope, toQueueMessage } from '../../../functions/core/envelope.ts';
import { type RefreshEnvelope, readRefresh, toRefreshMessage } from '../../../functions/core/refresh.ts';
import { clerk } from '../../../functions/sources/clerk.ts';
import { senders } from '../../../functions/sources/senders.ts';
import { closeServer, listenOnLoopback, sendJson } from '../../../infra/local/http.ts';
import { queuesOfStack } from '../../../infra/tools/queues/stack-outputs.ts';
import { findCanaries, makeCanaries } from '../../support/canaries.ts';
import { type Running, startEndToEnd } from '../../support/end-to-end.ts';
import { until } from '../../support/until.ts';
import { startCloudFormation } from './queues/cloudformation.ts';
import { createQueueProbe, ended, type QueueProbe, run, startCommand } from './queues/rig.ts';

const canaries = makeCanaries();
const START = Date.parse('2026-11-23T12:00:00Z');

let running: Running;
let probe: QueueProbe;
let to: readonly string[];
let deadUrl: string;
/** A FIFO queue that nobody reads but the test. */
let unreadUrl: string;
beforeAll(async () => {
  running = await startEndToEnd();
  probe = createQueueProbe(running.stack.engines.sqs);
  to = ['--to', running.stack.url];
  deadUrl = running.stack.queueUrls.deadLetters;
  const unread = new CreateQueueCommand({ QueueName: 'unread.fifo', Attributes: { FifoQueue: 'true' } });
  unreadUrl = (await probe.sqs.send(unread)).QueueUrl ?? '';
});
afterAll(async () => {
  probe.close();
  await running.close();
});
beforeEach(async () => {
  await running.idle();
  for (const QueueUrl of [deadUrl, unreadUrl]) await probe.sqs.send(new PurgeQueueCommand({ QueueUrl }));
});

/** The message of one state of a user, as the queue of events held it until it was given up. */
const dead = async (user: string, state = 0, withEvent = true): Promise<void> => {
  const moment = { now: new Date(START + state * 1000), eventId: `${user}-${state}` };
  const who = { ...canaries, id: user, firstName: `State${state}`, companyId: 'org_1' };
  const event = clerk.schema.parse(JSON.parse(senders.clerk.body('user.updated', who, moment)));
  const mapped = clerk.map(event, { settings: {}, receivedAt: moment.now });
  const change = mapped.kind === 'changes' ? mapped.changes[0] : undefined;
  if (change === undefined) throw new Error('the sample maps to nothing');
  const head = { v: 1, source: 'clerk', eventId: `msg_${moment.eventId}`, type: 'user.updated', receivedAt: moment.now } as const;
  const envelope: Envelope = { ...head, change, ...(withEvent && { event }) };
  const message = toQueueMessage(envelope);
  if (message === undefined) throw new Error('the sample is too large');
  const { body, groupId, deduplicationId } = message;
  await probe.put(deadUrl, JSON.parse(body), { MessageGroupId: groupId, MessageDeduplicationId: deduplicationId });
};
const nameOf = (user: string) => running.userpilot.store.user(user)?.metadata.name;
const arrives = (user: string, state: number) =>
  until(() => String(nameOf(user) ?? '').startsWith(`State${state} `), { description: `${user} in state ${state}` });

describe('npm run dead-letters -- list', () => {
  it('groups them, and tells how many SQS does not hand out: ten of a user at a time', async () => {
    for (let state = 0; state < 13; state += 1) await dead('grouped', state);
    await dead('single');
    const { out, code } = await run('dead-letters', ['list', ...to], { now: new Date(START + 5 * 86_400_000) });
    expect(code).toBe(0);
    expect(out).toContain(`11 dead letters in the local stack at ${running.stack.url}`);
    expect(out).toMatch(/count +source +type +reason +oldest\n +11 +clerk +user\.updated +GIVEN_UP +5 d\n/);
    expect(out).toMatch(/And about 3 more that the queue does not hand out before these are gone\./);
    const single = await run('dead-letters', ['list', '--ids', ...to]);
    expect(single.out).toContain(digest('clerk', 'msg_single-0').slice(0, 12));
    for (const { out: text } of [{ out }, single]) expect(findCanaries(text, canaries)).toEqual([]);
    expect([await probe.visible(deadUrl), await probe.inHand(deadUrl)]).toEqual([14, 0]);
  });
});

describe('npm run dead-letters -- replay', () => {
  it('brings every user to the newest state', async () => {
    for (let state = 0; state < 4; state += 1) await dead('replayed', state);
    await dead('without-event', 2, false);
    expect(await run('dead-letters', ['replay', '--all', ...to])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/5 dead letters selected of 5 .*\n\n +Replayed +5\n/),
    });
    await arrives('replayed', 3);
    await arrives('without-event', 2);
    expect(await probe.visible(deadUrl)).toBe(0);
  });

  it('twice, and after a newer state: nothing goes back', async () => {
    await running.send('clerk', 'user.updated', { ...canaries, id: 'newer', firstName: 'State9', companyId: 'org_1' });
    await arrives('newer', 9);
    for (let round = 0; round < 2; round += 1) {
      await probe.sqs.send(new PurgeQueueCommand({ QueueUrl: deadUrl }));
      await dead('newer', 1);
      await run('dead-letters', ['replay', '--all', ...to]);
      await running.idle();
    }
    expect(nameOf('newer')).toMatch(/^State9 /);
    expect(running.events.filter(({ code }) => code === 'STALE').length).toBeGreaterThanOrEqual(1);
  });

  it('with --dry-run sends nothing and hides nothing', async () => {
    await dead('dry');
    const { out } = await run('dead-letters', ['replay', '--all', '--dry-run', ...to], {
      sources: { clerk: { omit: ['email'] } },
    });
    expect(out).toMatch(/differs +- email\n/);
    expect(out).toContain('1 dead letter selected of 1');
    expect(findCanaries(out, canaries)).toEqual([]);
    expect([await probe.visible(deadUrl), await probe.inHand(deadUrl)]).toEqual([1, 0]);
    await running.idle();
    expect(running.userpilot.store.user('dry')).toBeUndefined();
  });
});

describe('what was to be fetched from a vendor, and was given up', () => {
  /** The settings of a stage that says where the vendor's API is. */
  const sources = { clerk: { api: 'https://api.harbour.example' } } as const;
  const refreshOf = (user: string, eventId = `msg_${user}`): RefreshEnvelope => ({
    v: 1,
    source: 'clerk',
    eventId,
    type: 'user.created',
    receivedAt: new Date(START),
    refresh: { subject: 'user', id: user, occurredAt: new Date(START), creates: true },
  });
  const putRefresh = async (user: string): Promise<void> => {
    const { body, groupId, deduplicationId } = toRefreshMessage(refreshOf(user));
    await probe.put(deadUrl, JSON.parse(body), { MessageGroupId: groupId, MessageDeduplicationId: deduplicationId });
  };
  /** A local stack whose Clerk has a refresh queue, as far as the tools can see. */
  const withRefreshQueue = async (use: (to: readonly string[]) => Promise<void>): Promise<void> => {
    const { engines, queueUrls } = running.stack;
    const queues = { ...queueUrls, refresh: { clerk: unreadUrl } };
    const server = createServer((_, response) => sendJson(response, 200, { stage: 'local', sqs: engines.sqs, queues }));
    const url = await listenOnLoopback(server);
    await use(['--to', url]).finally(() => closeServer(server));
  };

  it('is listed like any other, without whom it is about', async () => {
    await putRefresh('thin-listed');
    const { out } = await run('dead-letters', ['list', '--ids', ...to]);
    expect(out).toMatch(/clerk +user\.created +GIVEN_UP/);
    expect(out).toContain(digest('clerk', 'msg_thin-listed').slice(0, 12));
    expect(out).not.toContain('thin-listed');
  });

  it('goes back to the queue of its source, as it was', async () => {
    await putRefresh('thin-1');
    await putRefresh('thin-2');
    await withRefreshQueue(async (there) => {
      const dry = await run('dead-letters', ['replay', '--all', '--dry-run', ...there], { sources });
      expect(dry.out.match(/would be fetched from the vendor once more/g)).toHaveLength(2);
      const { out, code } = await run('dead-letters', ['replay', '--all', ...there], { sources });
      expect([code, out]).toEqual([0, expect.stringMatching(/Replayed +2\n/)]);
    });
    const bodies = await probe.bodies(unreadUrl);
    expect(bodies.map(readRefresh)).toEqual([refreshOf('thin-1'), refreshOf('thin-2')]);
    expect(await probe.visible(deadUrl)).toBe(0);
  });

  it('stays where it is while the stage names no API, or the stack has no such queue', async () => {
    await putRefresh('thin-3');
    await withRefreshQueue(async (there) => {
      const { out } = await run('dead-letters', ['replay', '--all', ...there], { sources: { clerk: {} } });
      expect(out).toMatch(/Still rejected +1 {2}NO_VENDOR_API/);
    });
    const { out } = await run('dead-letters', ['replay', '--all', ...to], { sources });
    expect(out).toMatch(/Still rejected +1 {2}NO_VENDOR_API/);
    expect([await probe.visible(deadUrl), await probe.visible(unreadUrl)]).toEqual([1, 0]);
  });
});

describe('a deployed stage', () => {
  const deployed = async (
    args: readonly string[],
    { events = unreadUrl, forbidden = false }: { readonly events?: string; readonly forbidden?: boolean } = {},
  ) => {
    const { rejected, deadLetters } = running.stack.queueUrls;
    const cloudFormation = await startCloudFormation('UserpilotWebhooks-production', () =>
      forbidden ? 'forbidden' : { EventsQueueUrl: events, RejectedQueueUrl: rejected, DeadLettersQueueUrl: deadLetters },
    );
    const env = {
      AWS_ENDPOINT_URL_CLOUDFORMATION: cloudFormation.url,
      AWS_ENDPOINT_URL_SQS: running.stack.engines.sqs,
      AWS_ACCESS_KEY_ID: 'invented',
      AWS_SECRET_ACCESS_KEY: 'invented',
      AWS_REGION: 'us-west-2',
    };
    try {
      return { ...(await ended(startCommand('dead-letters', args, env))), regions: cloudFormation.regions };
    } finally {
      await cloudFormation.close();
    }
  };
  const production = ['--stage', 'production'] as const;

  it('tells where its queues are, in its own region, and gets its events in order', async () => {
    for (let state = 0; state < 12; state += 1) await dead('ordered', state);
    const { out, err, code, regions } = await deployed(['replay', '--all', ...production]);
    expect([code, err, regions]).toEqual([0, '', ['eu-central-1']]);
    expect(out).toMatch(/12 dead letters selected of 12 in stage production\n\n +Replayed +12\n/);
    const receive = new ReceiveMessageCommand({ QueueUrl: unreadUrl, MaxNumberOfMessages: 10 });
    const { Messages = [] } = await probe.sqs.send(receive);
    const envelopes = Messages.map(({ Body = '' }) => readEnvelope(Body));
    expect(envelopes.map((envelope) => envelope?.eventId)).toEqual(
      Array.from({ length: 10 }, (_, state) => `msg_ordered-${state}`),
    );
    // After what vendors send now.
    expect(new Set(envelopes.map((envelope) => envelope?.lane))).toEqual(new Set(['backfill']));
    expect(await probe.visible(unreadUrl)).toBe(2);
  });

  it('tells which of its sources fetch from their vendor', async () => {
    const urls = {
      EventsQueueUrl: 'https://q.example/e',
      RejectedQueueUrl: 'https://q.example/r',
      DeadLettersQueueUrl: 'https://q.example/d',
    };
    const cloudFormation = await startCloudFormation('UserpilotWebhooks-production', () => ({
      ...urls,
      WorkosRefreshQueueUrl: 'https://q.example/w',
      WorkosWebhookUrl: 'https://hooks.example/webhooks/workos',
    }));
    Object.assign(process.env, { AWS_ENDPOINT_URL_CLOUDFORMATION: cloudFormation.url });
    try {
      expect(await queuesOfStack('production', 'eu-central-1')).toEqual({
        events: 'https://q.example/e',
        rejected: 'https://q.example/r',
        deadLetters: 'https://q.example/d',
        refresh: { workos: 'https://q.example/w' },
      });
    } finally {
      delete process.env.AWS_ENDPOINT_URL_CLOUDFORMATION;
      await cloudFormation.close();
    }
  });

  it('whose queue of events takes nothing: everything stays where it was, and the run stops', async () => {
    for (let state = 0; state < 3; state += 1) await dead('stuck', state);
    for (let user = 0; user < 6; user += 1) await dead(`stuck-${user}`);
    const { out, code } = await deployed(['replay', '--all', ...production], { events: `${unreadUrl}-gone.fifo` });
    expect(code).toBe(1);
    expect(out).toMatch(/Failed +7 {2}not sent × 5, behind one that failed × 2\n/);
    expect(out).toContain('Stopped: the queue of events takes nothing. What was not sent is still where it was.');
    expect([await probe.visible(deadUrl), await probe.inHand(deadUrl)]).toEqual([9, 0]);
  });

  it.each<readonly [readonly string[], boolean, RegExp]>([
    [
      ['list', '--stage', 'staging'],
      false,
      /^There is no stack UserpilotWebhooks-staging in this AWS account and region: deploy it/,
    ],
    [['list', ...production], true, /^No answer from CloudFormation \(AccessDenied\): use AWS credentials that may do this\.$/],
  ])('%j, forbidden: %s is refused in one line', async (args, forbidden, message) => {
    const { out, err, code } = await deployed(args, { forbidden });
    expect([out, code, err.trimEnd().split('\n').length]).toEqual(['', 1, 1]);
    expect(err.trimEnd()).toMatch(message);
  });
});
