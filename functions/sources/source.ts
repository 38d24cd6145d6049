import type { KeyObject } from 'node:crypto';
import type * as z from 'zod';
import type { Change } from '../core/calls.ts';
import { type Parsed, parseJson } from '../core/json.ts';
import type { IgnoredCode, RejectedCode } from '../core/reasons.ts';
import type { Refresh } from '../core/refresh.ts';
import type { DoorRequest, Hook, PlainAnswer, RawRequest, Verdict } from '../core/request.ts';
import type { SourceSettings } from '../core/settings.ts';
import type { SourceId } from '../manifest.ts';
import type { Directory } from './directory.ts';

/** What an event asks of Userpilot. One event may ask for several things: a company and its member, say. */
export type Mapped =
  | { readonly kind: 'changes'; readonly changes: readonly Change[] }
  /** The event carries no profile: it is to be fetched from the vendor's API. Only where the settings name an `api`. */
  | { readonly kind: 'refresh'; readonly refreshes: readonly Refresh[] }
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
  /** For vendors that send no event time. For what a directory fetched or listed: when it was asked for. */
  readonly receivedAt: Date;
}

/** A vendor's public keys by key id. */
export type PublicKeys = ReadonlyMap<string, KeyObject>;

/** What a source may go by besides its secrets. */
export interface Trust {
  readonly settings: SourceSettings;
  /** Empty for a source without `keys`. */
  readonly keys: PublicKeys;
}

/** A vendor that signs with a private key and publishes the other half. */
export interface KeyRing {
  /** Where the keys stand, by the settings alone: nothing in a request chooses it. Undefined = not set up for keys. */
  url(settings: SourceSettings): string | undefined;
  /** The usable keys of that page. Throws when it is no such page. */
  read(page: unknown): PublicKeys;
}

export interface Source<Event = unknown> {
  /** URL segment, file name, fixture folder, secret name, metric dimension: permanent. */
  readonly id: SourceId;
  /** The vendor page this file was written from. */
  readonly docs: string;
  /**
   * Secrets are plural so one can be rotated while both are live. An empty list refuses. API Gateway joins repeated
   * headers by comma: a proof that came twice must not pass. KEY_UNKNOWN has the keys fetched anew, and asks once more.
   */
  verify(request: RawRequest, secrets: readonly string[], trust: Trust): Verdict;
  /** Left out where shared secrets alone prove the sender. */
  readonly keys?: KeyRing;
  /** The JSON inside a verified body, where that is not JSON itself: the claims of a token. @default parseJson */
  read?(body: Uint8Array): Parsed;
  /** Takes apart a body that may carry several events; each ends by itself. Throws a ZodError. @default one, the body */
  records?(body: unknown): readonly unknown[];
  /** What a vendor asks before it sends anything, and our answer; undefined for everything else. Proves nothing, and changes nothing. */
  handshake?(request: DoorRequest): PlainAnswer | undefined;
  /** For requests that hold up a person's sign-up. They are always answered, and in time; what could not be queued rings an alarm. */
  hook?(request: RawRequest): Hook | undefined;
  /**
   * Strips: only what it names gets past. Whatever it lets through may lie in a queue for 14 days,
   * so it names no password hash, token, address or phone number.
   */
  readonly schema: z.ZodType<Event>;
  /** `settings` absent = the source's defaults. */
  head(event: Event, request: RawRequest, settings?: SourceSettings): EventHead;
  /** Pure. Throws a ZodError when an event that we act on lacks what we need. */
  map(event: Event, context: MapContext): Mapped;
  /** The vendor's API, where there is one to fetch a user from or to list all. */
  readonly directory?: Directory;
}

export const changes = (...list: readonly Change[]): Mapped => ({ kind: 'changes', changes: list });
export const refresh = (...list: readonly Refresh[]): Mapped => ({ kind: 'refresh', refreshes: list });
export const ignored = (because: IgnoredCode): Mapped => ({ kind: 'ignored', because });
export const rejected = (because: RejectedCode): Mapped => ({ kind: 'rejected', because });

/** Keeps the event type between `schema` and `map`; the registry forgets it. */
export const defineSource = <Event>(source: Source<Event>): Source<Event> => source;

/** The events in a verified body, before `schema`; undefined when it is malformed. Throws a ZodError when it cannot be taken apart. */
export const recordsIn = ({ read = parseJson, records }: Source, body: Uint8Array): readonly unknown[] | undefined => {
  const json = read(body);
  if (!json.ok) return undefined;
  return records === undefined ? [json.value] : records(json.value);
};
