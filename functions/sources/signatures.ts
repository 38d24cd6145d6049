import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { RefusalCode } from '../core/reasons.ts';
import type { RawRequest, Verdict } from '../core/request.ts';

/** Both ways, as Svix does; Stripe's own library looks into the past only, and no genuine request comes from the future. */
export const TOLERANCE_SECONDS = 300;
/** A rotation needs two; the rest would only buy a sender our CPU time. */
const MAX_SIGNATURES = 10;
export const MAX_HEADER_LENGTH = 4096;
const MAX_KEYS = 16;

const SECONDS = /^\d{1,12}$/;
const DELIVERY_ID = /^[\w-]{1,128}$/;
/** 32 bytes in one spelling only: the last character carries two spare bits, which a decoder would ignore. */
const SVIX_SIGNATURE = /^v1,([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)$/;
/** SHA-256 as most vendors write it; in upper case it would be a second spelling. */
export const HEX_SHA256 = /^[0-9a-f]{64}$/;
/** `v1a`, an asymmetric signature, and later versions may stand beside it; a repeated header, joined by comma, may not. */
const SVIX_ENTRY = /^v\w{1,8},[\w+/=-]{1,256}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** No comma: two of these headers, joined, are not one. */
const AUTHORIZATION = /^(?:Bearer|Basic) [\x21-\x2b\x2d-\x7e]+$/;

type Refusal = Extract<Verdict, { readonly ok: false }>;

export const accepted: Verdict = { ok: true };
export const refused = (code: RefusalCode): Refusal => ({ ok: false, code });

/** Keys by secret text: Node 24 signs several times faster with a KeyObject than with the bytes of a key. */
export const rememberKeys = (keyOf: (secret: string) => KeyObject | undefined) => {
  const known = new Map<string, KeyObject | undefined>();
  return (secrets: readonly string[]): readonly KeyObject[] =>
    secrets.flatMap((secret) => {
      let key = known.get(secret);
      if (key === undefined && !known.has(secret)) {
        key = keyOf(secret);
        if (known.size >= MAX_KEYS) known.clear();
        known.set(secret, key);
      }
      return key ?? [];
    });
};

const secretKeyOf = (bytes: Uint8Array): KeyObject | undefined => (bytes.length > 0 ? createSecretKey(bytes) : undefined);

/** `whsec_` and standard base64. Anything else opens nothing: junk decoded leniently would make a guessable key. */
const svixKeys = rememberKeys((secret) => {
  const text = secret.replace(/^whsec_/, '');
  return BASE64.test(text) ? secretKeyOf(Buffer.from(text, 'base64')) : undefined;
});

/** The whole text is the key, as it stands: nothing is decoded, and no prefix is cut off. */
export const textKeys = rememberKeys((secret) => (secret.trim() === '' ? undefined : secretKeyOf(Buffer.from(secret, 'utf8'))));

interface Signed {
  readonly keys: readonly KeyObject[];
  /** @default 'sha256' */
  readonly algorithm?: 'sha256' | 'sha384' | 'sha512';
  readonly prefix: string;
  readonly body: Uint8Array;
  readonly signatures: readonly Buffer[];
}

/** Tries every pair, also after a hit, so that the time taken does not tell which secret is the live one. */
export const verifyHmac = ({ keys, algorithm = 'sha256', prefix, body, signatures }: Signed): Verdict => {
  let matched = false;
  for (const key of keys) {
    const expected = createHmac(algorithm, key).update(prefix).update(body).digest();
    for (const signature of signatures.slice(0, MAX_SIGNATURES)) {
      const equal = signature.length === expected.length && timingSafeEqual(signature, expected);
      matched = equal || matched;
    }
  }
  return matched ? accepted : refused('SIGNATURE_MISMATCH');
};

/** Written so that a date that is none (NaN) is outside. */
const isTimely = (seconds: string, receivedAt: Date): boolean =>
  Math.abs(Math.floor(receivedAt.getTime() / 1000) - Number(seconds)) <= TOLERANCE_SECONDS;

/** Svix names its headers after itself, and `webhook-` for senders that pay for it: docs.svix.com/receiving/verifying-payloads/how-manual */
const SVIX_PARTS = ['id', 'timestamp', 'signature'] as const;

const svixFamily = (headers: RawRequest['headers']): 'svix' | 'webhook' =>
  SVIX_PARTS.some((part) => headers[`svix-${part}`] !== undefined) ? 'svix' : 'webhook';

/** The id of a verified Svix message, the same for every attempt. It is signed, unlike other vendors' id headers. */
export const svixId = ({ headers }: RawRequest): string => headers[`${svixFamily(headers)}-id`] ?? '';

/** What a Svix message says of itself, before any key is looked at. */
interface SvixMessage {
  readonly ok: true;
  readonly isTimely: boolean;
  /** What stands before the body in the signed text. */
  readonly prefix: string;
  /** The signatures of one scheme, by its canonical form; what is of another form is none. */
  signaturesLike(form: RegExp): readonly Buffer[];
}

export const readSvix = ({ headers, receivedAt }: RawRequest): SvixMessage | Refusal => {
  for (const part of SVIX_PARTS) {
    const [branded, plain] = [headers[`svix-${part}`], headers[`webhook-${part}`]];
    if (branded !== undefined && plain !== undefined && branded !== plain) return refused('HEADER_CONFLICT');
  }
  const family = svixFamily(headers);
  const [id, timestamp, signature] = SVIX_PARTS.map((part) => headers[`${family}-${part}`]);
  if (!id || !timestamp || !signature) return refused('SIGNATURE_MISSING');
  if (!DELIVERY_ID.test(id) || !SECONDS.test(timestamp) || signature.length > MAX_HEADER_LENGTH)
    return refused('SIGNATURE_MALFORMED');
  const entries = signature.split(' ');
  if (!entries.every((entry) => SVIX_ENTRY.test(entry))) return refused('SIGNATURE_MALFORMED');
  const signaturesLike = (form: RegExp) =>
    entries
      .flatMap((entry) => form.exec(entry)?.[1] ?? [])
      .slice(0, MAX_SIGNATURES)
      .map((text) => Buffer.from(text, 'base64'));
  return { ok: true, isTimely: isTimely(timestamp, receivedAt), prefix: `${id}.${timestamp}.`, signaturesLike };
};

/** HMAC-SHA256 over `id.timestamp.body`, as Svix and Standard Webhooks define it. */
export const verifySvix = (request: RawRequest, secrets: readonly string[]): Verdict => {
  if (secrets.length === 0) return refused('NO_SECRET_CONFIGURED');
  const message = readSvix(request);
  if (!message.ok) return message;
  const signatures = message.signaturesLike(SVIX_SIGNATURE);
  if (signatures.length === 0) return refused('SIGNATURE_MALFORMED');
  if (!message.isTimely) return refused('TIMESTAMP_OUTSIDE_TOLERANCE');
  return verifyHmac({ keys: svixKeys(secrets), prefix: message.prefix, body: request.body, signatures });
};

/**
 * HMAC-SHA256 over `t.body`; the key is the whole secret, `whsec_` included. Only `v1` counts: `v0` is a made-up signature
 * on test events. Stripe sends no spaces and one `t`; a header that came twice has two, and its parts would mix:
 * docs.stripe.com/webhooks#verify-manually
 */
export const verifyStripe = ({ headers, body, receivedAt }: RawRequest, secrets: readonly string[]): Verdict => {
  if (secrets.length === 0) return refused('NO_SECRET_CONFIGURED');
  const header = headers['stripe-signature'];
  if (!header) return refused('SIGNATURE_MISSING');
  if (header.length > MAX_HEADER_LENGTH || /\s/.test(header)) return refused('SIGNATURE_MALFORMED');
  const parts = header.split(',');
  const valuesOf = (name: string) =>
    parts.filter((part) => part.startsWith(`${name}=`)).map((part) => part.slice(name.length + 1));
  const [timestamp, ...others] = valuesOf('t');
  const signatures = valuesOf('v1')
    .filter((text) => HEX_SHA256.test(text))
    .map((text) => Buffer.from(text, 'hex'));
  if (timestamp === undefined || others.length > 0 || !SECONDS.test(timestamp) || signatures.length === 0) {
    return refused('SIGNATURE_MALFORMED');
  }
  if (!isTimely(timestamp, receivedAt)) return refused('TIMESTAMP_OUTSIDE_TOLERANCE');
  return verifyHmac({ keys: textKeys(secrets), prefix: `${timestamp}.`, body, signatures });
};

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** A fixed text against those that pass. By digest, so that neither length nor time tells how much of it was right. */
export const verifyText = (given: string, expected: readonly string[]): Verdict => {
  const digest = sha256(given);
  let matched = false;
  for (const text of expected) matched = timingSafeEqual(digest, sha256(text)) || matched;
  return matched ? accepted : refused('SIGNATURE_MISMATCH');
};

/**
 * A fixed credential in `Authorization`, for vendors that sign nothing: no replay protection, and no proof of the body
 * beyond TLS. A secret is the bearer token, or the whole header value when it begins with `Basic ` or `Bearer `.
 */
export const verifyAuthorization = ({ headers }: RawRequest, secrets: readonly string[]): Verdict => {
  if (secrets.length === 0) return refused('NO_SECRET_CONFIGURED');
  const header = headers.authorization;
  if (!header) return refused('SIGNATURE_MISSING');
  if (header.length > MAX_HEADER_LENGTH || !AUTHORIZATION.test(header)) return refused('SIGNATURE_MALFORMED');
  return verifyText(
    header,
    secrets.map((secret) => (AUTHORIZATION.test(secret) ? secret : `Bearer ${secret}`)),
  );
};
