import * as z from 'zod';
import { Call, type Change } from '../core/calls.ts';
import { type Envelope, type QueueMessage, toQueueMessage } from '../core/envelope.ts';
import type { RejectedCode } from '../core/reasons.ts';
import { readRefresh, toRefreshMessage } from '../core/refresh.ts';
import type { MapContext, Mapped, Source } from '../sources/source.ts';

/** What is to be queued for an event, or why nothing is. */
export type Intake =
  | { readonly kind: 'messages'; readonly messages: readonly QueueMessage[] }
  /** For the queue of what is to be fetched from the vendor. */
  | { readonly kind: 'refresh'; readonly messages: readonly QueueMessage[] }
  | Extract<Mapped, { readonly kind: 'ignored' }>
  | { readonly kind: 'rejected'; readonly because: RejectedCode };

const mapped = (source: Source, event: unknown, context: MapContext): Mapped => {
  try {
    return source.map(event, context);
  } catch (error) {
    if (error instanceof z.ZodError) return { kind: 'rejected', because: 'SCHEMA_MISMATCH' };
    throw error;
  }
};

/** Years outside 0 to 9999 have an ISO form of their own, which `Envelope` would not read back. */
const ISO_LENGTH = 24;

/** Whether deliver could read it: what it cannot would be acknowledged and then lost to nobody's use. */
const isSendable = ({ call, occurredAt }: Change): boolean =>
  !Number.isNaN(occurredAt.getTime()) && occurredAt.toISOString().length === ISO_LENGTH && Call.safeParse(call).success;

/** Maps a verified event that its schema let through. What maps to something that could never be sent is rejected as a whole. */
export const intake = (source: Source, envelope: Omit<Envelope, 'change'>, context: MapContext): Intake => {
  const result = mapped(source, envelope.event, context);
  if (result.kind === 'refresh') {
    const { event: _, lane: __, ...head } = envelope;
    const messages = result.refreshes.map((refresh) => toRefreshMessage({ ...head, refresh }));
    return messages.every(({ body }) => readRefresh(body) !== undefined)
      ? { kind: 'refresh', messages }
      : { kind: 'rejected', because: 'SCHEMA_MISMATCH' };
  }
  if (result.kind !== 'changes') return result;
  const { changes } = result;
  if (!changes.every(isSendable)) return { kind: 'rejected', because: 'SCHEMA_MISMATCH' };
  const messages = changes.map((change) => toQueueMessage({ ...envelope, change })).filter((message) => message !== undefined);
  return messages.length < changes.length ? { kind: 'rejected', because: 'EVENT_TOO_LARGE' } : { kind: 'messages', messages };
};
