/** An invented person for sample events: the same number gives the same person. */
export interface Invented {
  readonly id: string;
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly companyId: string;
  readonly companyName: string;
}

export interface Moment {
  /** When the event happened and is sent. */
  readonly now: Date;
  /** Unique per event; the sender gives it the vendor's form. */
  readonly eventId: string;
}

/**
 * The vendor's side of a source: makes invented events and signs them as the vendor does.
 * For `npm run send` and tests; no Lambda bundle contains it.
 */
export interface Sender {
  /** Event types that it can make, the sign-up first. */
  readonly types: readonly [string, ...string[]];
  /** The body as it goes over the wire. Throws a RangeError for a type that is not in `types`. */
  body(type: string, who: Invented, moment: Moment): string;
  /** Headers of one delivery, signature included; lower-case names. */
  headers(body: Uint8Array, secret: string, moment: Moment): Readonly<Record<string, string>>;
  /** An invented secret in the vendor's form, from random bytes. */
  secret(random: Uint8Array): string;
}
