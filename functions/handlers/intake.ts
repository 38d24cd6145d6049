import * as z from 'zod';
import { Call } from '../core/calls.ts';
import { type Envelope, type QueueMessage, toQueueMessage } from '../core/envelope.ts';
import type { RejectedCode } from '../core/reasons.ts';
import type { MapContext, Mapped, Source } from '../sources/source.ts';

/** What is to be queued for an event, or why nothing is. */
export type Intake =
  | { readonly kind: 'messages'; readonly messages: readonly QueueMessage[] }
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

/** Maps a verified event that its schema let through. What maps to something that could never be sent is rejected as a whole. */
export const intake = (source: Source, envelope: Omit<Envelope, 'change'>, context: MapContext): Intake => {
  const result = mapped(source, envelope.event, context);
  if (result.kind !== 'changes') return result;
  const { changes } = result;
  if (!changes.every(({ call }) => Call.safeParse(call).success)) return { kind: 'rejected', because: 'SCHEMA_MISMATCH' };
  const messages = changes.map((change) => toQueueMessage({ ...envelope, change })).filter((message) => message !== undefined);
  return messages.length < changes.length ? { kind: 'rejected', because: 'EVENT_TOO_LARGE' } : { kind: 'messages', messages };
};
