import * as z from 'zod';
import { digest } from './digest.ts';
import type { QueueMessage } from './envelope.ts';
import { toAsciiJson } from './json.ts';

/** Asks for the present state of a user or another thing at the vendor, whose event did not carry it. */
export const Refresh = z.strictObject({
  /** The vendor's word for what it is: `user`, `organization`, `customer`. */
  subject: z.string().min(1).max(64),
  /** The vendor's own id of it. */
  id: z.string().min(1).max(1024),
  /** When it changed. What is fetched is at least as new. */
  occurredAt: z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
  /** The event says that it came to be. */
  creates: z.boolean().optional(),
});
export type Refresh = z.infer<typeof Refresh>;

/** A refresh on its way from receive to the function that fetches. Strict, like `Envelope`. */
export const RefreshEnvelope = z.strictObject({
  v: z.literal(1),
  source: z.string().min(1).max(64),
  eventId: z.string().min(1).max(512),
  type: z.string().max(200),
  receivedAt: z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
  refresh: Refresh,
});
export type RefreshEnvelope = z.infer<typeof RefreshEnvelope>;

/** One worker per subject at a time, so that what was fetched later is also queued later. */
export const toRefreshMessage = (envelope: RefreshEnvelope): QueueMessage => {
  const { source, eventId, refresh } = envelope;
  const groupId = digest('refresh', source, refresh.subject, refresh.id);
  return { body: toAsciiJson(envelope), groupId, deduplicationId: digest(groupId, eventId) };
};

/** The refresh in a queue message; undefined when it is not one of ours. */
export const readRefresh = (body: string): RefreshEnvelope | undefined => {
  try {
    return RefreshEnvelope.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
};
