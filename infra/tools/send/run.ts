import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type SourceId, TRIGGER_SOURCES, webhookPath } from '../../../functions/manifest.ts';
import { deliveryOf } from '../../../functions/sources/sender.ts';
import { senders } from '../../../functions/sources/senders.ts';
import type { SendOptions } from './options.ts';
import { personOf } from './person.ts';
import type { Poster } from './post.ts';
import type { Tally } from './tally.ts';

/** Where a source's events go at an address. */
export const urlFor = (source: SourceId, to: string): string =>
  TRIGGER_SOURCES.some((id) => id === source) ? `${to}/triggers/${source}` : `${to}${webhookPath(source)}`;

/** Makes, signs and posts the events, `concurrency` at a time and no sooner than `rate` allows; signed as late as possible. */
export const sendAll = async (
  options: SendOptions,
  secret: string,
  { poster, tally }: { readonly poster: Poster; readonly tally: Tally },
): Promise<void> => {
  const { source, type, count, users, rate, concurrency, to } = options;
  const url = urlFor(source, to);
  const start = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const wait = rate === undefined ? 0 : start + (index / rate) * 1000 - performance.now();
      if (wait > 0) await pause(wait);
      const moment = { now: new Date(), eventId: randomUUID().replaceAll('-', '') };
      const json = Buffer.from(senders[source].body(type, personOf(1 + (index % users)), moment));
      const { body, headers } = deliveryOf(senders[source], json, { secret, moment });
      tally.add(await poster.post(url, body, headers));
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
};
