/** JSON.stringify overflows the stack near 10,000 levels while JSON.parse takes millions: measured on Node 24. */
export const MAX_DEPTH = 64;

const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);
/**
 * Members and items in all. A user event has some hundreds; a schema looks at each of tens of thousands, and takes a second
 * of processor time over what a sender may put into 256 KiB: measured with lists of empty objects.
 */
export const MAX_COMMAS = 5000;

const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether it nests deeper than `maxDepth` or holds more than `MAX_COMMAS`, outside strings. Works on the bytes, before anything is parsed. */
export const isTooComplex = (body: Uint8Array, maxDepth = MAX_DEPTH): boolean => {
  let depth = 0;
  let commas = 0;
  let inString = false;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at] as number; // at < length
    if (inString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (OPEN.has(byte)) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (CLOSE.has(byte)) depth -= 1;
    else if (byte === COMMA) {
      commas += 1;
      if (commas > MAX_COMMAS) return true;
    }
  }
  return false;
};

const decoder = new TextDecoder('utf-8', { fatal: true });

export type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false };

/** Bytes to JSON; not ok when they are not UTF-8, not JSON, or too complex. */
export const parseJson = (body: Uint8Array): Parsed => {
  if (isTooComplex(body)) return { ok: false };
  try {
    return { ok: true, value: JSON.parse(decoder.decode(body)) };
  } catch {
    return { ok: false };
  }
};

/**
 * JSON in ASCII alone. SQS refuses some characters that JSON.stringify leaves as they are (U+FFFE, U+FFFF),
 * and one such name must not block a queue.
 */
export const toAsciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** In snake, kebab or camel case: the long words wherever they stand in a key, the short ones by themselves only. */
const PRIVATE =
  /password|passwd|passcode|passphrase|secret|token|recovery|phone|address|(?:^|[^a-z])(?:pwd|hash(?:es)?|salts?|t?otps?|mfa|ip(?:s|v[46])?|private|unsafe)(?:[^a-z]|$)/;

/** Whether what stands under this key is a credential or a private detail, whoever wrote it. */
export const isPrivateKey = (key: string): boolean => PRIVATE.test(key.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase());

/** A copy without private keys, for an event that we keep although no schema can name what stays of it. */
export const scrub = (value: unknown, isPrivate = isPrivateKey): unknown => {
  if (Array.isArray(value)) return value.map((item) => scrub(item, isPrivate));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !isPrivate(key));
  return Object.fromEntries(kept.map(([key, inner]) => [key, scrub(inner, isPrivate)]));
};
