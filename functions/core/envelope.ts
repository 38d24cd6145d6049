import * as z from 'zod';
import { Change, entityOf } from './calls.ts';
import { digest } from './digest.ts';
import { toAsciiJson } from './json.ts';

/** SQS takes 1 MiB; a user is a few KB. What is larger is not a profile. */
export const MAX_ENVELOPE_BYTES = 65_536;

const EventId = z.string().min(1).max(512);
const Moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

/** One change of one entity on its way from receive to deliver. Strict: a field that nobody knows is a version mix-up. */
export const Envelope = z.strictObject({
  v: z.literal(1),
  source: z.string().min(1).max(64),
  eventId: EventId,
  type: z.string().max(200),
  receivedAt: Moment,
  change: Change,
  /** Sent by an operator or a resync, not by a vendor just now: goes after live traffic. @default 'live' */
  lane: z.literal('backfill').optional(),
  /** The event as its schema left it, so that it can be mapped again after a refusal. Left out when the envelope would be too large. */
  event: z.unknown().optional(),
});
export type Envelope = z.infer<typeof Envelope>;

/** A verified event that could not be mapped or that Userpilot refused. Kept 14 days, replayed through the current mapping. */
export const RejectedEvent = z.strictObject({
  v: z.literal(1),
  source: z.string().min(1).max(64),
  eventId: z.string().max(512),
  type: z.string().max(200),
  receivedAt: Moment,
  rejectedAt: Moment,
  reason: z.string(),
  /** What Userpilot answered, for USERPILOT_REFUSED. */
  status: z.int().optional(),
  change: Change.optional(),
  event: z.unknown().optional(),
});
export type RejectedEvent = z.infer<typeof RejectedEvent>;

/** What a queue message needs besides its body. Hashes only: queue attributes show up in consoles and traces. */
export interface QueueMessage {
  readonly body: string;
  readonly groupId: string;
  readonly deduplicationId: string;
}

/** What keys of companies begin with. Those of users are hashes alone. */
export const COMPANY_KEY = 'company-';

/** The ledger key and FIFO group of an entity. */
export const entityKey = ({ call }: Change): string => {
  const hash = digest(entityOf(call));
  return 'company_id' in call ? `${COMPANY_KEY}${hash}` : hash;
};

/** The same for every delivery of one event, and different for each entity that the event speaks of. */
export const idempotencyKey = ({ source, eventId, change }: Pick<Envelope, 'source' | 'eventId' | 'change'>): string =>
  digest(source, eventId, entityOf(change.call), change.facet);

/** The message for an envelope; undefined when even without the event it is larger than `MAX_ENVELOPE_BYTES`. */
export const toQueueMessage = (envelope: Envelope): QueueMessage | undefined => {
  const { event: _, ...lean } = envelope;
  const body = [envelope, lean].map(toAsciiJson).find((text) => text.length <= MAX_ENVELOPE_BYTES);
  if (body === undefined) return undefined;
  return { body, groupId: entityKey(envelope.change), deduplicationId: idempotencyKey(envelope) };
};

/** The envelope in a queue message; undefined when it is not one of ours. */
export const readEnvelope = (body: string): Envelope | undefined => {
  try {
    return Envelope.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
};
