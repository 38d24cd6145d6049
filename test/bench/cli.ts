import Stripe from 'stripe';
import { Webhook } from 'svix';
import { createSecretCache } from '../../functions/core/secrets.ts';
import { createReceive } from '../../functions/handlers/receive.ts';
import { webhookSources } from '../../functions/sources/index.ts';
import { senders } from '../../functions/sources/senders.ts';
import { contextOf, memoryQueue, memoryRejected, silentOutput } from '../support/doubles.ts';
import { person } from '../support/people.ts';

/** Rounds of so many calls each; the median round counts, as other work on the machine only ever makes one slower. */
const ROUNDS = 15;
const CALLS = 400;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Microseconds a call. */
const timeOf = async (call: () => unknown): Promise<number> => {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    for (let index = 0; index < CALLS; index += 1) await call();
    rounds.push(((performance.now() - start) * 1000) / CALLS);
  }
  return median(rounds);
};

interface Row {
  readonly name: string;
  readonly microseconds: number;
}

/** The whole function for one event, less the network: API Gateway's event in, the answer out. */
const receiveRow = async (
  source: (typeof webhookSources)[number],
): Promise<{ readonly row: Row; readonly body: Buffer; readonly verify: Row }> => {
  const sender = senders[source.id];
  const secret = sender.secret(new Uint8Array(24).fill(7));
  const moment = { now: new Date(), eventId: 'bench' };
  const body = Buffer.from(sender.body(sender.types[0], person('bench'), moment));
  const headers = sender.headers(body, secret, moment);
  const event = {
    version: '2.0',
    rawPath: `/webhooks/${source.id}`,
    headers,
    requestContext: { stage: '$default', http: { method: 'POST' } },
    body: body.toString('utf8'),
    isBase64Encoded: false,
  };
  const { log, metrics } = silentOutput();
  const now = () => moment.now;
  const handler = createReceive({
    source,
    settings: { testEvents: 'deliver' },
    secrets: createSecretCache({ read: async () => [secret] as readonly string[], now, onFailure: () => undefined }),
    queue: { ...memoryQueue().queue, send: async () => undefined },
    rejected: memoryRejected().rejected,
    log,
    metrics,
    now,
  });
  const context = contextOf();
  const { statusCode } = await handler(event, context);
  if (statusCode !== 202) throw new Error(`${source.id} answered ${statusCode}`);
  const request = { headers, body, receivedAt: moment.now };
  return {
    row: {
      name: `receive ${source.id}, ${(body.length / 1024).toFixed(1)} KB`,
      microseconds: await timeOf(() => handler(event, context)),
    },
    verify: {
      name: `  verify ${source.id}`,
      microseconds: await timeOf(() => source.verify(request, [secret], { settings: {}, keys: new Map() })),
    },
    body,
  };
};

const rows: Row[] = [];
for (const source of webhookSources) {
  const { row, verify, body } = await receiveRow(source);
  rows.push(row, verify, {
    name: '  JSON.parse of its body',
    microseconds: await timeOf(() => JSON.parse(body.toString('utf8'))),
  });
}

/** The vendors' own libraries over the same bodies. */
const now = new Date();
const text = senders.clerk.body('user.created', person('bench'), { now, eventId: 'bench' });
const webhook = new Webhook(senders.clerk.secret(new Uint8Array(24).fill(7)));
const svixHeaders = {
  'svix-id': 'msg_bench',
  'svix-timestamp': String(Math.floor(now.getTime() / 1000)),
  'svix-signature': webhook.sign('msg_bench', now, text),
};
rows.push({ name: 'svix library: verify', microseconds: await timeOf(() => webhook.verify(text, svixHeaders)) });
const payload = senders.stripe.body('customer.created', person('bench'), { now, eventId: 'bench' });
const header = Stripe.webhooks.generateTestHeaderString({ payload, secret: 'whsec_invented' });
rows.push({
  name: 'stripe library: constructEvent',
  microseconds: await timeOf(() => Stripe.webhooks.constructEvent(payload, header, 'whsec_invented')),
});

const base = rows.find(({ name }) => name.includes('JSON.parse'))?.microseconds ?? 1;
const width = Math.max(...rows.map(({ name }) => name.length));
console.log(`${'one event, warm'.padEnd(width)}     µs   x JSON.parse`);
for (const { name, microseconds } of rows) {
  console.log(`${name.padEnd(width)}  ${microseconds.toFixed(1).padStart(5)}   ${(microseconds / base).toFixed(1).padStart(5)}`);
}
