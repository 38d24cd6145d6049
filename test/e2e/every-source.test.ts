import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEventQueue } from '../../functions/aws/queue.ts';
import { toRefreshMessage } from '../../functions/core/refresh.ts';
import { REFRESH_SOURCES, type SourceId, type WebhookSourceId } from '../../functions/manifest.ts';
import { sourceById } from '../../functions/sources/index.ts';
import { deliveryOf, type Invented } from '../../functions/sources/sender.ts';
import { senders } from '../../functions/sources/senders.ts';
import { recordsIn } from '../../functions/sources/source.ts';
import { clientOptions } from '../../infra/local/engines/aws.ts';
import { parseStage } from '../../infra/stages.ts';
import { personFrom } from '../../infra/tools/send/all.ts';
import { personOf } from '../../infra/tools/send/person.ts';
import { type Running, startEndToEnd } from '../support/end-to-end.ts';

const SEND = fileURLToPath(new URL('../../infra/tools/send.ts', import.meta.url));

const stage = parseStage('local');
const sources = Object.keys(stage.sources) as SourceId[]; // the stage has no others

/** What a source says of somebody, where it is not e-mail address and name: as its page says. */
const OTHER: Partial<Record<SourceId, (who: Invented) => object>> = {};
const expectedOf = (id: SourceId, who: Invented): object =>
  OTHER[id]?.(who) ?? { email: who.email, name: `${who.firstName} ${who.lastName}` };

let running: Running;
beforeAll(async () => {
  running = await startEndToEnd();
});
afterAll(() => running.close());
const metadataOf = ({ id }: Invented) => running.userpilot.store.user(id)?.metadata;
const setAside = () => running.events.filter(({ outcome }) => outcome === 'rejected' || outcome === 'refused');

describe('npm run send -- all', () => {
  let out: string;
  let code: number;
  beforeAll(async () => {
    const args = [SEND, 'all', '--to', running.stack.url, '--secrets', running.stack.secretsFile];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(child, 'exit');
    out = await text(child.stdout);
    code = Number((await exit)[0]);
    await running.idle(60_000);
  }, 90_000);

  it('has a sign-up from every source of the local stage accepted', () => {
    expect([code, out.match(/ accepted /g)?.length]).toEqual([0, sources.length]);
  });

  it.each(sources)('%s: is one correct user at Userpilot', (id) => {
    const who = personFrom(id);
    expect(metadataOf(who)).toMatchObject(expectedOf(id, who));
    expect(out).toContain(`${running.userpilot.url}/_/users/${who.id}\n`);
  });

  it('brings nobody else, and nothing is set aside', () => {
    const ids = running.userpilot.store.users().map(({ user_id }) => user_id);
    expect(ids.toSorted()).toEqual(sources.map((id) => personFrom(id).id).toSorted());
    expect(setAside()).toEqual([]);
  });
});

/** What goes wrong at a vendor before it answers, late. */
const FAULTS = ['429-retry-after', '500', 'reset', '404', 'slow'] as const;
const SUFFERED = [429, 500, null, 404, 200];

const carriesNoProfile = (id: WebhookSourceId, type: string): boolean => {
  const source = sourceById(id);
  const sender = senders[id];
  const moment = { now: new Date(), eventId: 'evt1' };
  const json = Buffer.from(sender.body(type, personOf(1), moment));
  const { body } = deliveryOf(sender, json, { secret: sender.secret(new Uint8Array(32)), moment });
  const [record] = (source && recordsIn(source, body)) ?? [];
  const event = source?.schema.safeParse(record);
  const context = { settings: stage.sources[id] ?? {}, receivedAt: moment.now };
  return event?.success === true && source?.map(event.data, context).kind === 'refresh';
};

/** As receive queues it, of a source whose sender makes no such event. */
const putRefresh = async (source: WebhookSourceId, id: string): Promise<void> => {
  const sqs = new SQSClient(clientOptions(running.stack.engines.sqs));
  const occurredAt = new Date();
  const refresh = { subject: 'user', id, occurredAt, creates: true };
  const message = toRefreshMessage({ v: 1, source, eventId: `evt_${id}`, type: 'put', receivedAt: occurredAt, refresh });
  await createEventQueue(sqs, running.stack.queueUrls.refresh[source] ?? '').send([message]);
  sqs.destroy();
};

describe('an event that carries no profile', () => {
  it('is completed from the vendor, whatever goes wrong there meanwhile: of every source that has such events', async () => {
    const thin: readonly WebhookSourceId[] = REFRESH_SOURCES;
    const people = thin.map((id, index) => ({ id, who: personOf(1001 + index) }));
    for (const { id, who } of people) {
      const type = senders[id].types.find((name) => carriesNoProfile(id, name));
      running.stack.vendors?.breakNext(id, FAULTS, who.id);
      if (type === undefined) await putRefresh(id, who.id);
      else expect([id, (await running.send(id, type, who)).status < 300]).toEqual([id, true]);
    }
    await running.idle(120_000);
    for (const { id, who } of people) {
      expect([id, metadataOf(who)]).toEqual([id, expect.objectContaining(expectedOf(id, who))]);
      const statuses = running.stack.vendors?.requests.filter((request) => request.id === id).map(({ status }) => status);
      expect([id, statuses]).toEqual([id, expect.arrayContaining(SUFFERED)]);
    }
    expect(setAside()).toEqual([]);
  }, 150_000);
});
