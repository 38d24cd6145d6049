import { randomBytes } from 'node:crypto';

/** Invented private values by the name of what they stand for, each so unlikely that finding one anywhere is a leak. */
export type Canaries = Readonly<Record<string, string>>;

export interface CanaryHit {
  readonly canary: string;
  /** How it was written, e.g. `base64` or `plain in JSON escapes`. */
  readonly form: string;
}

/** Shorter ones turn up by chance, above all in base64, where up to three characters at the ends cannot be compared. */
const MIN_LENGTH = 12;

/** One canary of each kind. Names and markers hold letters outside ASCII and signs that JSON, URLs and base64 write differently. */
export const makeCanaries = (tag = randomBytes(6).toString('hex')) => ({
  email: `email+${tag}@canary.example`,
  firstName: `Zoë-${tag}-first`,
  lastName: `Ångström "${tag}" last`,
  companyName: `Søn & Co/${tag}?company`,
  secret: `secret-${tag}-invented`,
  apiKey: `key-${tag}-invented`,
  header: `header ${tag}; <invented>`,
  body: `body ${tag} 🦊 marker`,
});

/** One character per byte, so that text and binary files are searched alike. */
const byteString = (value: string | Buffer): string => Buffer.from(value).toString('latin1');

/** Also `\\u0040`, as in JSON inside a JSON string. */
const withoutJsonEscapes = (bytes: string): string =>
  bytes
    .replace(/\\+u([0-9a-f]{4})(?:\\+u(d[c-f][0-9a-f]{2}))?/gi, (_, first: string, second?: string) =>
      byteString(String.fromCharCode(...[first, ...(second ? [second] : [])].map((unit) => Number.parseInt(unit, 16)))),
    )
    .replace(/\\+(["/])/g, '$1');

const withoutPercent = (bytes: string): string =>
  bytes.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** A view that shows nothing new is left out. In a form a plus is a space, elsewhere in a URL it is a plus. */
const viewsOf = (raw: string): readonly (readonly [suffix: string, bytes: string])[] => {
  const unescaped = raw.includes('\\') ? withoutJsonEscapes(raw) : raw;
  const decoded = unescaped.includes('%') ? withoutPercent(unescaped) : unescaped;
  const form = unescaped.includes('+') ? withoutPercent(unescaped.replaceAll('+', ' ')) : decoded;
  const views = [
    ['', raw],
    [' in JSON escapes', unescaped],
    [' in URL encoding', decoded],
    [' in form encoding', form],
  ] as const;
  return views.filter(([, bytes], index) => index === 0 || bytes !== views[index - 1]?.[1]);
};

/** What can be told of `value` inside a base64 text, whichever of the three positions of a group it begins at. */
const base64Needles = (value: string): readonly string[] =>
  [0, 1, 2].map((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(value)]);
    return bytes.toString('base64').slice(Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6));
  });

interface Needles {
  readonly plain: string;
  readonly hex: string;
  readonly base64: readonly string[];
}

const needlesOf = (value: string): Needles => ({
  plain: byteString(value).toLowerCase(),
  hex: Buffer.from(value).toString('hex'),
  base64: base64Needles(value),
});

/**
 * Every canary that stands in `haystack`, and how: plain or hex in any case, base64 or base64url at any alignment, and
 * each of them also inside JSON escapes or URL encoding. Throws a RangeError for a canary too short to be told from chance.
 */
export const findCanaries = (haystack: string | Buffer, canaries: Canaries): readonly CanaryHit[] => {
  const wanted = Object.entries(canaries).map(([canary, value]) => {
    if (value.length < MIN_LENGTH) throw new RangeError(`the canary "${canary}" is shorter than ${MIN_LENGTH} characters`);
    return { canary, ...needlesOf(value) };
  });
  return viewsOf(byteString(haystack)).flatMap(([suffix, bytes]) => {
    const small = bytes.toLowerCase();
    const standard = bytes.replaceAll('-', '+').replaceAll('_', '/');
    return wanted.flatMap(({ canary, plain, hex, base64 }) => [
      ...(small.includes(plain) ? [{ canary, form: `plain${suffix}` }] : []),
      ...(small.includes(hex) ? [{ canary, form: `hex${suffix}` }] : []),
      ...(base64.some((needle) => standard.includes(needle)) ? [{ canary, form: `base64${suffix}` }] : []),
    ]);
  });
};
