import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type SourceId, TRIGGER_SOURCES, webhookPath } from '../../../functions/manifest.ts';
import { deliveryOf, type Invented } from '../../../functions/sources/sender.ts';
import { senders } from '../../../functions/sources/senders.ts';
import type { SendOptions } from './options.ts';
import { personOf } from './person.ts';
import type { Fate, Poster } from './post.ts';
import type { Tally } from './tally.ts';

/** Where a source's events go at an address. */
export const urlFor = (source: SourceId, to: string): string =>
  TRIGGER_SOURCES.some((id) => id === source) ? `${to}/triggers/${source}` : `${to}${webhookPath(source)}`;

/** Makes, signs and posts one event; signed as late as possible. */
export const sendOne = async (
  { source, type, to }: Pick<SendOptions, 'source' | 'type' | 'to'>,
  who: Invented,
  { secret, poster }: { readonly secret: string; readonly poster: Poster },
): Promise<Fate> => {
  const moment = { now: new Date(), eventId: randomUUID().replaceAll('-', '') };
  const json = Buffer.from(senders[source].body(type, who, moment));
  const { body, headers } = deliveryOf(senders[source], json, { secret, moment });
  return poster.post(urlFor(source, to), body, headers);
};

/** Makes, signs and posts the events, `concurrency` at a time and no sooner than `rate` allows. */
export const sendMany = async (
  options: SendOptions,
  secret: string,
  { poster, tally }: { readonly poster: Poster; readonly tally: Tally },
): Promise<void> => {
  const { count, users, rate, concurrency } = options;
  const start = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const wait = rate === undefined ? 0 : start + (index / rate) * 1000 - performance.now();
      if (wait > 0) await pause(wait);
      tally.add(await sendOne(options, personOf(1 + (index % users)), { secret, poster }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
};
