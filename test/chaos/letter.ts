import * as z from 'zod';
import { WEBHOOK_SOURCES } from '../../functions/manifest.ts';
import { sourceById } from '../../functions/sources/index.ts';
import { type Delivery, deliveryOf, type Invented } from '../../functions/sources/sender.ts';
import { senderById, senders } from '../../functions/sources/senders.ts';
import { recordsIn } from '../../functions/sources/source.ts';
import type { Secrets } from '../../infra/local/secrets-file.ts';
import { emailOf, type Happening } from './plan.ts';

const whoOf = (happening: Happening): Invented => ({
  id: happening.person.id,
  email: emailOf(happening),
  firstName: happening.state,
  lastName: 'Invented',
  companyId: happening.companyId,
  companyName: happening.companyName,
});

const Data = z.looseObject({ data: z.looseObject({}) });
const StripeData = z.looseObject({ data: z.looseObject({ object: z.looseObject({}) }) });

/** Puts the state where only this source writes, so that two sources of one user can be told apart at Userpilot. */
const marked = (body: string, { repertoire: { source }, type, state, isUnmappable }: Happening): string => {
  if (source === 'clerk' && type.startsWith('user.')) {
    const event = Data.parse(JSON.parse(body));
    return JSON.stringify({ ...event, data: { ...event.data, locale: state } });
  }
  if (source !== 'stripe') return body;
  const event = StripeData.parse(JSON.parse(body));
  const object = { ...event.data.object, currency: state, ...(isUnmappable && { metadata: {} }) };
  return JSON.stringify({ ...event, data: { ...event.data, object } });
};

export interface Posting {
  readonly secretOf: (source: string) => string;
  /** When it was first posted: the time in the body where order of arrival counts. */
  readonly firstAt: Date;
  /** When it is signed. */
  readonly now: Date;
}

/** What the vendor puts on the wire: the same body at every attempt, signed anew. */
export const letterOf = (happening: Happening, { secretOf, firstAt, now }: Posting): Delivery => {
  const { repertoire, type, id, at } = happening;
  const sender = senders[repertoire.source];
  const moment = { now: repertoire.tellsTime ? new Date(at) : firstAt, eventId: id };
  const json = Buffer.from(marked(sender.body(type, whoOf(happening), moment), happening));
  return deliveryOf(sender, json, { secret: secretOf(repertoire.source), moment: { now, eventId: id } });
};

export const secretsIn =
  (secrets: Secrets) =>
  (source: string): string => {
    const webhook = WEBHOOK_SOURCES.find((id) => id === source);
    return webhook === undefined ? '' : (secrets[webhook]?.signingSecrets?.[0] ?? '');
  };

/** A secret in the vendor's form; which one does not show in the name of an event. */
const anySecret = (source: string): string => senderById(source)?.secret(new Uint8Array(24)) ?? '';

/** As our envelope, and so queues and log, name an event; undefined where the time of receipt is part of it. */
export const eventIdOf = (happening: Happening): string | undefined => {
  const { repertoire, at } = happening;
  const rules = sourceById(repertoire.source);
  if (!repertoire.tellsTime || rules === undefined) return undefined;
  const receivedAt = new Date(at);
  const { body, headers } = letterOf(happening, { secretOf: anySecret, firstAt: receivedAt, now: receivedAt });
  const [record] = recordsIn(rules, body) ?? [];
  return rules.head(rules.schema.parse(record), { headers, body, receivedAt }).eventId;
};
