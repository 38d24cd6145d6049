import type { RefusalCode } from './reasons.ts';

/** A webhook as it arrived. `body` is the bytes on the wire: re-print the JSON and no signature holds. */
export interface RawRequest {
  /** Lower-case names. Not the global `Headers`: touching it loads undici, 33 ms of a cold start. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Tolerances count from here, so waiting in a queue never expires a signature. */
  readonly receivedAt: Date;
}

/** A request of which nothing is known yet, with what a vendor's handshake may need besides. */
export interface DoorRequest extends Pick<RawRequest, 'headers' | 'body'> {
  readonly method: string;
  /** Decoded; of a parameter that came twice, both values joined by comma. */
  readonly query: Readonly<Record<string, string>>;
}

/** An answer in a vendor's own words. */
export interface PlainAnswer {
  readonly status: 200 | 204;
  /** @default 'application/json' */
  readonly contentType?: string;
  readonly body: string;
}

/** A request that holds up a person's sign-up until it is answered. */
export interface Hook {
  /** What lets the sign-up go on, whatever became of the event here. */
  readonly answer: PlainAnswer;
  /** Milliseconds after which the answer goes out even if nothing has been queued. */
  readonly withinMs: number;
}

export type Verdict = { readonly ok: true } | { readonly ok: false; readonly code: RefusalCode };
