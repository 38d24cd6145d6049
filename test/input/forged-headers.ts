import { MAX_BODY_BYTES } from '../../functions/handlers/receive.ts';
import type { Mutation } from './case.ts';
import { headerOf, markOf, NOW, provenOnly, signed, type Target, withHeader, withMark } from './target.ts';

const flipped = (text: string, at: number, bit: number): string =>
  text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1);

/** Every bit of every header that carries proof, one bit of each character of the others, and one of each name. */
export const flippedHeaders = (target: Target): readonly Mutation[] => {
  const genuine = provenOnly(signed(target));
  return genuine.headers.flatMap(([name, value]) => {
    const isProof = target.proofs.includes(name);
    const positions = Array.from({ length: value.length * 8 }, (_, index) => ({ at: index >> 3, bit: index & 7 }));
    const values = positions
      .filter(({ at, bit }) => isProof || bit === at % 8)
      .map(
        ({ at, bit }): Mutation => ({
          name: `bit ${bit} of character ${at} of ${name} flipped`,
          request: withHeader(genuine, name, flipped(value, at, bit)),
          expected: isProof ? 401 : 'accepted',
        }),
      );
    if (!isProof) return values;
    // Not bit 5: it makes a capital of a letter, and the name stays the same.
    const names = Array.from(
      name,
      (_, at): Mutation => ({
        name: `character ${at} of the name ${name} flipped`,
        request: withHeader(withHeader(genuine, name), flipped(name, at, at % 5), value),
        expected: 401,
      }),
    );
    return [...values, ...names];
  });
};

/** One bit of each character of a token that stands in the body, where altered-bodies.ts looks at every few only. */
export const flippedTokens = (target: Target): readonly Mutation[] => {
  if (target.proofInBody !== true) return [];
  const genuine = provenOnly(signed(target));
  const mark = markOf(target, genuine);
  return Array.from(
    mark.text,
    (_, at): Mutation => ({
      name: `bit ${at % 7} of character ${at} of the token flipped`,
      request: withMark(genuine, mark, flipped(mark.text, at, at % 7)),
      expected: 401,
    }),
  );
};

/** Every proper beginning and end of every header that carries proof. */
export const truncatedHeaders = (target: Target): readonly Mutation[] => {
  const genuine = provenOnly(signed(target));
  return target.proofs.flatMap((name) => {
    const value = headerOf(genuine, name);
    return Array.from({ length: value.length }, (_, at) => at).flatMap((at): readonly Mutation[] => [
      { name: `${name} cut after ${at} characters`, request: withHeader(genuine, name, value.slice(0, at)), expected: 401 },
      ...(at > 0
        ? [
            {
              name: `${name} without its first ${at} characters`,
              request: withHeader(genuine, name, value.slice(at)),
              expected: 401,
            } as const,
          ]
        : []),
    ]);
  });
};

/** What may stand around or instead of a genuine value, `other` being one that is genuine elsewhere. */
const SPOILED: Readonly<Record<string, (value: string, other: string) => readonly string[]>> = {
  'left out': () => [],
  empty: () => [''],
  blank: () => ['   '],
  'with a space before it': (value) => [` ${value}`],
  'with a space after it': (value) => [`${value} `],
  'with a tab after it': (value) => [`${value}\t`],
  'with a line break and another header after it': (value) => [`${value}\r\nx-invented: 1`],
  'with a NUL after it': (value) => [`${value}\0`],
  'with a zero-width space after it': (value) => [`${value}\u200b`],
  'in full-width characters': (value) => [value.replace(/[!-~]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) + 0xfee0))],
  'in quotes': (value) => [`"${value}"`],
  'percent-encoded': (value) => [Buffer.from(value).toString('hex').replace(/../g, '%$&')],
  'as base64 of itself': (value) => [Buffer.from(value).toString('base64')],
  'as JSON': (value) => [JSON.stringify({ value })],
  'twice, joined by comma': (value) => [`${value},${value}`],
  'twice, joined by comma and space': (value) => [`${value}, ${value}`],
  'before another': (value, other) => [value, other],
  'after another': (value, other) => [other, value],
  'before an almost equal one': (value) => [value, `${value}0`],
  'a megabyte of itself': (value) => [value.repeat(Math.ceil(1_000_000 / value.length))],
  'a megabyte of commas': () => [','.repeat(1_000_000)],
  undefined: () => ['undefined'],
  '[object Object]': () => ['[object Object]'],
};

/** One that is genuine elsewhere. */
const signedElsewhere = (target: Target): Mutation['request'] => {
  const secret = target.sender.secret(new Uint8Array(32).fill(1));
  return provenOnly(signed(target, { secret, at: new Date(NOW.getTime() - 7000), eventId: 'invented2' }));
};

export const spoiledHeaders = (target: Target): readonly Mutation[] => {
  const genuine = provenOnly(signed(target));
  const elsewhere = signedElsewhere(target);
  return target.proofs.flatMap((header) =>
    Object.entries(SPOILED).map(
      ([name, spoil]): Mutation => ({
        name: `${header} ${name}`,
        request: withHeader(genuine, header, ...spoil(headerOf(genuine, header), headerOf(elsewhere, header))),
        expected: 401,
      }),
    ),
  );
};

/** The same of a token in the body, where several can only stand side by side. */
export const spoiledTokens = (target: Target): readonly Mutation[] => {
  if (target.proofInBody !== true) return [];
  const genuine = provenOnly(signed(target));
  const mark = markOf(target, genuine);
  const { text: other } = markOf(target, signedElsewhere(target));
  return Object.entries(SPOILED).map(([name, spoil]): Mutation => {
    const request = withMark(genuine, mark, spoil(mark.text, other).join(','));
    return { name: `the token ${name}`, request, expected: request.body.length > MAX_BODY_BYTES ? 413 : 401 };
  });
};

/** As a list: `__proto__` in an object literal would be its prototype. */
const STRANGE = [
  ['transfer-encoding', 'chunked'],
  ['content-length', '1'],
  ['content-type', 'application/x-www-form-urlencoded'],
  ['content-encoding', 'identity'],
  ['x-http-method-override', 'DELETE'],
  ['x-forwarded-host', 'invented.example'],
  ['date', 'Thu, 01 Jan 1970 00:00:00 GMT'],
  ['__proto__', 'invented'],
  ['constructor', 'invented'],
  ['toString', 'invented'],
  ['with a space', '\0'],
  ['', 'invented'],
] as const;

const respelled = (target: Target, spell: (name: string) => string): Mutation['request'] => {
  const genuine = signed(target);
  return { ...genuine, headers: genuine.headers.map(([name, value]) => [spell(name), value] as const) };
};

/** Header names have no case, and what a vendor does not send makes no difference: none of these is a forgery. */
export const oddHeaders = (target: Target): readonly Mutation[] => [
  { name: 'names in capitals', request: respelled(target, (name) => name.toUpperCase()), expected: 'accepted' },
  {
    name: 'names in title case',
    request: respelled(target, (name) => name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase())),
    expected: 'accepted',
  },
  {
    name: 'names in mixed case',
    request: respelled(target, (name) => Array.from(name, (letter, at) => (at % 2 ? letter.toUpperCase() : letter)).join('')),
    expected: 'accepted',
  },
  ...STRANGE.map(
    ([name, value]): Mutation => ({
      name: `with the header "${name}"`,
      request: withHeader(signed(target), name, value),
      expected: 'accepted',
    }),
  ),
  {
    name: 'with 1,000 other headers',
    request: {
      ...signed(target),
      headers: [...signed(target).headers, ...Array.from({ length: 1000 }, (_, at) => [`x-${at}`, 'y'] as const)],
    },
    expected: 'accepted',
  },
];
