import type * as z from 'zod';
import type { Change } from '../core/calls.ts';
import type { IgnoredCode, RejectedCode } from '../core/reasons.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import type { SourceSettings } from '../core/settings.ts';
import type { SourceId } from '../manifest.ts';

/** What an event asks of Userpilot. One event may ask for several things: a company and its member, say. */
export type Mapped =
  | { readonly kind: 'changes'; readonly changes: readonly Change[] }
  | { readonly kind: 'ignored'; readonly because: IgnoredCode }
  | { readonly kind: 'rejected'; readonly because: RejectedCode };

/** What the event calls itself. From signed data only: an unsigned id header can be forged. */
export interface EventHead {
  /** The same for every delivery of one event; becomes the idempotency key. */
  readonly eventId: string;
  /** The vendor's name for it, e.g. `user.created`. Shown in logs and metrics, so never free text of a person. */
  readonly type: string;
}

export interface MapContext {
  readonly settings: SourceSettings;
  /** For vendors that send no event time. */
  readonly receivedAt: Date;
}

export interface Source<Event = unknown> {
  /** URL segment, file name, fixture folder, secret name, metric dimension: permanent. */
  readonly id: SourceId;
  /** The vendor page this file was written from. */
  readonly docs: string;
  /**
   * Secrets are plural so one can be rotated while both are live. An empty list refuses. API Gateway joins repeated
   * headers by comma: a proof that came twice must not pass.
   */
  verify(request: RawRequest, secrets: readonly string[]): Verdict;
  /**
   * Strips: only what it names gets past. Whatever it lets through may lie in a queue for 14 days,
   * so it names no password hash, token, address or phone number.
   */
  readonly schema: z.ZodType<Event>;
  head(event: Event, request: RawRequest): EventHead;
  /** Pure. Throws a ZodError when an event that we act on lacks what we need. */
  map(event: Event, context: MapContext): Mapped;
}

export const changes = (...list: readonly Change[]): Mapped => ({ kind: 'changes', changes: list });
export const ignored = (because: IgnoredCode): Mapped => ({ kind: 'ignored', because });
export const rejected = (because: RejectedCode): Mapped => ({ kind: 'rejected', because });

/** Keeps the event type between `schema` and `map`; the registry forgets it. */
export const defineSource = <Event>(source: Source<Event>): Source<Event> => source;
