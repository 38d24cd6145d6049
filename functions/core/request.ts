import type { RefusalCode } from './reasons.ts';

/** A webhook as it arrived. `body` is the bytes on the wire: re-print the JSON and no signature holds. */
export interface RawRequest {
  /** Lower-case names. Not the global `Headers`: touching it loads undici, 33 ms of a cold start. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Tolerances count from here, so waiting in a queue never expires a signature. */
  readonly receivedAt: Date;
}

export type Verdict = { readonly ok: true } | { readonly ok: false; readonly code: RefusalCode };
