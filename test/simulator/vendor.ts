import type { Context } from 'aws-lambda';
import { toQueueMessage } from '../../functions/core/envelope.ts';
import { senders } from '../../functions/sources/senders.ts';
import { queuesSeenBy } from './deliver-worker.ts';
import { createPool } from './process.ts';
import { createReceiveWorker, type ReceiveWorker, SIGNED_SOURCES, type SignedSource } from './receive-worker.ts';
import type { Stage } from './stage.ts';
import type { Happening, Traffic } from './traffic.ts';
import { HOUR, MINUTE, SECOND } from './world.ts';

/** How long a vendor waits for an answer. */
const PATIENCE_MS = 15 * SECOND;
/** Waits between a vendor's attempts; the last one counts for all that follow. Svix's schedule without its tail. */
const RETRIES_MS = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR];

export interface Vendor {
  /** Events that we answered with 202, accepted. */
  readonly acknowledged: ReadonlySet<Happening>;
  /** Answers other than 202 to signed events. */
  readonly refusals: readonly { readonly source: string; readonly status: number }[];
}

export interface VendorOptions {
  readonly traffic: Traffic;
  /** What the vendor signs with right now; while a secret is being changed it signs with both. */
  readonly secretsOf: (source: SignedSource) => readonly string[];
}

type Headers = Readonly<Record<string, string>>;
/** One delivery with the signatures of several: docs.svix.com and docs.stripe.com show both forms. */
const joined = (signed: readonly Headers[]): Headers => {
  const values = (name: string) => signed.flatMap((headers) => headers[name] ?? []);
  const stripe = values('stripe-signature').map((value, index) => (index === 0 ? value : value.replace(/^t=\d+,/, '')));
  return {
    ...signed[0],
    ...(stripe.length > 0 ? { 'stripe-signature': stripe.join(',') } : { 'svix-signature': values('svix-signature').join(' ') }),
  };
};

/** Sends the events at their times, again until they are acknowledged, and some of them once more. */
export const startVendor = (stage: Stage, happenings: readonly Happening[], { traffic, secretsOf }: VendorOptions): Vendor => {
  const { world } = stage;
  const { random } = world;
  const acknowledged = new Set<Happening>();
  const refusals: { source: string; status: number }[] = [];
  const pools = new Map(SIGNED_SOURCES.map((source) => [source, createPool(() => createReceiveWorker(source, stage))]));
  const direct = createPool(() => stage.createProcess('receive-auth0'));

  /** Calls back with what was answered, or with nothing when nothing was. */
  const post = (happening: Happening, answered: (status: number | undefined) => void): void => {
    const { delivery, source, eventId } = happening;
    if (delivery.kind === 'mapped') {
      const process = direct.take();
      const receivedAt = new Date(world.now());
      const { change, lane } = delivery;
      const envelope = { v: 1, source, eventId, type: 'invented', receivedAt, change } as const;
      const message = toQueueMessage(lane === 'live' ? envelope : { ...envelope, lane });
      if (message === undefined) throw new Error('the traffic holds an event that is too large');
      const end = (status: number) => {
        direct.giveBack(process, process.isAlive());
        answered(status);
      };
      queuesSeenBy(process, stage)
        .queue.send([message])
        .then(
          () => end(202),
          () => end(503),
        );
      return;
    }
    const signer = source as SignedSource; // signed deliveries come from the signed sources only
    const pool = pools.get(signer) as ReturnType<typeof createPool<ReceiveWorker>>; // made above for every one
    const worker = pool.take();
    const { type, who, id, at } = delivery;
    const body = Buffer.from(senders[signer].body(type, who, { now: new Date(at), eventId: id }));
    const moment = { now: new Date(world.now()), eventId: id };
    const headers = joined(secretsOf(signer).map((secret) => senders[signer].headers(body, secret, moment)));
    const event = {
      version: '2.0',
      rawPath: `/webhooks/${source}`,
      headers,
      requestContext: { stage: '$default', http: { method: 'POST' } },
      body: body.toString('utf8'),
      isBase64Encoded: false,
    };
    worker.handler(event, {} as Context).then(({ statusCode }) => {
      pool.giveBack(worker, worker.process.isAlive() && stage.plan.keeps());
      if (statusCode !== 202) refusals.push({ source, status: statusCode });
      answered(statusCode);
    });
  };

  const deliver = (happening: Happening, attempt: number): void => {
    let open = true;
    const end = (status: number | undefined) => {
      if (!open) return;
      open = false;
      world.note(`${happening.source} hears ${status ?? 'nothing'} of ${happening.eventId}`);
      if (status === 202) acknowledged.add(happening);
      else world.after(RETRIES_MS[Math.min(attempt, RETRIES_MS.length - 1)] ?? 0, () => deliver(happening, attempt + 1));
    };
    post(happening, end);
    world.after(PATIENCE_MS, () => end(undefined));
  };

  for (const happening of happenings) {
    const delay = happening.sendAt - world.now();
    world.after(delay, () => deliver(happening, 0));
    if (random.chance(traffic.duplicates))
      world.after(delay + random.between(...traffic.duplicateAfterMs), () => deliver(happening, 0));
  }
  return { acknowledged, refusals };
};
