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
  /** What goes over the wire where the proof is not in the headers: a body that is a token, or holds one. @default the body itself */
  seal?(body: Uint8Array, secret: string, moment: Moment): Uint8Array;
  /** Headers of one delivery, signature included; lower-case names. `body` is what goes over the wire. */
  headers(body: Uint8Array, secret: string, moment: Moment): Readonly<Record<string, string>>;
  /**
   * An invented secret in the vendor's form, from random bytes; the same bytes give the same one. Of a vendor that signs with
   * a private key it is that key, and the functions under test are given its public half only.
   */
  secret(random: Uint8Array): string;
}

export interface Delivery {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** One delivery as it goes over the wire. */
export const deliveryOf = (
  sender: Sender,
  json: Uint8Array,
  { secret, moment }: { readonly secret: string; readonly moment: Moment },
): Delivery => {
  const body = sender.seal?.(json, secret, moment) ?? json;
  return { body, headers: sender.headers(body, secret, moment) };
};
