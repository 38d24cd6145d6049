import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { MAX_BODY_BYTES } from '../../functions/handlers/receive.ts';
import type { WireRequest } from '../support/http-events.ts';
import type { Expected, Mutation } from './case.ts';
import { canaries, contentOf, expectedOf, isLeftIn, padded, roomOf, signed, type Target, withHeader } from './target.ts';

/** `room` is the length up to which it would be taken. */
type Alter = (body: Buffer, room: number) => string | Buffer;

const swapped = (bytes: Buffer): Buffer => Buffer.from(bytes).swap16();
const utf16 = (body: Buffer): Buffer => Buffer.from(body.toString('utf8'), 'utf16le');
/** A bare token has no other way to be printed than with spaces. */
const reprinted = (body: Buffer, indent: number): string => {
  const text = body.toString('utf8');
  return text.startsWith('{') ? JSON.stringify(JSON.parse(text), null, indent) : ' '.repeat(indent) + text;
};
/** An astral character as two surrogates of three bytes each, as CESU-8 and some databases write it. */
const CESU = Buffer.from([0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]);
const LONG_NUL = Buffer.from([0xc0, 0x80]);
const beforeFirst = (body: Buffer, sign: string, bytes: Buffer): Buffer => {
  const at = body.indexOf(sign);
  return Buffer.concat([body.subarray(0, at), bytes, body.subarray(at)]);
};

/** Bodies that a signature may stand over, and what the function makes of them when it does. */
const ALTERED: Readonly<Record<string, readonly [Expected, Alter]>> = {
  empty: [400, () => ''],
  'of one space': [400, () => ' '],
  'of one NUL': [400, () => '\0'],
  'of 1,000 NULs': [400, () => Buffer.alloc(1000)],
  'with a NUL at its end': [400, (body) => `${body.toString('utf8')}\0`],
  'with spaces around it': ['accepted', (body) => ` \r\n\t${body.toString('utf8')}\n `],
  'with a no-break space at its end': [400, (body) => `${body.toString('utf8')}\u00a0`],
  'after a byte order mark': ['accepted', (body) => `\ufeff${body.toString('utf8')}`],
  'after two byte order marks': [400, (body) => `\ufeff\ufeff${body.toString('utf8')}`],
  'of a byte order mark': [400, () => '\ufeff'],
  'in UTF-16 LE': [400, utf16],
  'in UTF-16 BE': [400, (body) => swapped(utf16(body))],
  'in UTF-16 LE with its mark': [400, (body) => Buffer.concat([Buffer.from([0xff, 0xfe]), utf16(body)])],
  'in UTF-16 BE with its mark': [400, (body) => Buffer.concat([Buffer.from([0xfe, 0xff]), swapped(utf16(body))])],
  'in Latin-1': [
    400,
    (body) =>
      Buffer.from(
        body
          .toString('utf8')
          .replace('@', 'é@')
          .replace(/[^\0-\xff]/g, '?'),
        'latin1',
      ),
  ],
  'with surrogates in UTF-8': [400, (body) => beforeFirst(body, '@', CESU)],
  'with an overlong NUL': [400, (body) => beforeFirst(body, '@', LONG_NUL)],
  'with a continuation byte alone': [400, (body) => beforeFirst(body, '@', Buffer.from([0x80]))],
  'with a five-byte sequence': [400, (body) => beforeFirst(body, '@', Buffer.from([0xf8, 0x88, 0x80, 0x80, 0x80]))],
  'with a character above U+10FFFF': [400, (body) => beforeFirst(body, '@', Buffer.from([0xf4, 0x90, 0x80, 0x80]))],
  'with a raw NUL in a string': [400, (body) => beforeFirst(body, '@', Buffer.from([0]))],
  'with a raw line break in a string': [400, (body) => beforeFirst(body, '@', Buffer.from('\n'))],
  'with a raw DEL in a string': ['accepted', (body) => beforeFirst(body, '@', Buffer.from([0x7f]))],
  'compressed with gzip': [400, (body) => gzipSync(body)],
  'compressed with deflate': [400, (body) => deflateSync(body)],
  'compressed with brotli': [400, (body) => brotliCompressSync(body)],
  'with chunk sizes left in': [400, (body) => `${body.length.toString(16)}\r\n${body.toString('utf8')}\r\n0\r\n\r\n`],
  'with a last chunk left in': [400, (body) => `${body.toString('utf8')}\r\n0\r\n\r\n`],
  'in base64': [400, (body) => body.toString('base64')],
  'in hex': [400, (body) => body.toString('hex')],
  'percent-encoded': [400, (body) => encodeURIComponent(body.toString('utf8'))],
  'as a form': [400, (body) => `payload=${encodeURIComponent(body.toString('utf8'))}`],
  'as multipart': [400, (body) => `--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n${body.toString('utf8')}\r\n--x--`],
  'as XML': [400, () => `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///dev/null">]><a>&b;${canaries.body}</a>`],
  'as YAML': [400, () => `type: user.created\nnote: ${canaries.body}`],
  'in a JSON string': ['parked', (body) => JSON.stringify(body.toString('utf8'))],
  'in a JSON list': ['parked', (body) => `[${body.toString('utf8')}]`],
  twice: [400, (body) => body.toString('utf8').repeat(2)],
  'on two lines': [400, (body) => `${body.toString('utf8')}\n${body.toString('utf8')}`],
  'with a comment': [400, (body) => `${body.toString('utf8')}// ${canaries.body}`],
  'with a comma at its end': [400, (body) => body.toString('utf8').replace(/(?=[\]}]\s*$)/, ',')],
  'in single quotes': [400, (body) => body.toString('utf8').replaceAll('"', "'")],
  'with names unquoted': [400, (body) => body.toString('utf8').replace(/"(\w+)"\s*:/g, '$1:')],
  'after the usual guard against scripts': [400, (body) => `)]}',\n${body.toString('utf8')}`],
  'printed in another way': ['accepted', (body) => reprinted(body, 3)],
  'with escaped slashes': ['accepted', (body) => reprinted(body, 1).replaceAll('/', '\\/')],
  'with escaped letters': ['accepted', (body) => reprinted(body, 1).replaceAll('@', '\\u0040')],
  'of null': ['parked', () => 'null'],
  'of true': ['parked', () => 'true'],
  'of a number': ['parked', () => '-0'],
  'of a number out of range': ['parked', () => '1e400'],
  'of a string': ['parked', () => '""'],
  'of an object': ['parked', () => '{}'],
  'of NaN': [400, () => 'NaN'],
  'of undefined': [400, () => 'undefined'],
  'of a number with a leading zero': [400, () => '01'],
  'of a hex number': [400, () => '0x1f'],
  'of an unfinished string': [400, () => `"${canaries.body}`],
  'of an unfinished escape': [400, () => '"\\u12"'],
  'as long as may be': ['accepted', padded],
  'one byte longer than may be': [413, (body, room) => padded(body, room + 1)],
  'of a megabyte': [413, (body) => padded(body, 1_000_000)],
  'as long as may be, without meaning': [400, (_, room) => Buffer.alloc(room, 0x41)],
  'as long as may be, of quotes': [400, (_, room) => Buffer.alloc(room, 0x22)],
  'as long as may be, of backslashes': [400, (_, room) => Buffer.alloc(room, 0x5c)],
  'as long as may be, of one number': ['parked', (_, room) => '9'.repeat(room)],
  'of 64 levels': ['parked', () => `${'['.repeat(64)}${']'.repeat(64)}`],
  'of 65 levels': [400, () => `${'['.repeat(65)}${']'.repeat(65)}`],
  'of 65 levels of objects': [400, () => `${'{"a":'.repeat(65)}0${'}'.repeat(65)}`],
  'of 10,000 levels': [400, () => `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
  'of 10,000 open levels': [400, () => '[{"a":'.repeat(5000)],
  'of as many levels as may be': [400, (_, room) => '['.repeat(room >> 1) + ']'.repeat(room >> 1)],
  'of a million levels': [413, () => '['.repeat(1_000_000)],
  'of more ends than beginnings': [400, () => ']'.repeat(1000) + '['.repeat(1000)],
};

/** Ends of the body that a cut connection leaves behind, around every sign that means something to JSON and in between. */
const truncations = (body: Buffer): Readonly<Record<string, readonly [Expected, Alter]>> => {
  const signs = Array.from(body.keys()).filter((at) => at > 0 && (at % 37 === 0 || at === body.length - 1 || body[at] === 0x7b));
  return Object.fromEntries(signs.map((at) => [`cut after ${at} bytes`, [400, (whole: Buffer) => whole.subarray(0, at)]]));
};

/** One bit in every few bytes. Where the body is under no signature, what is left of JSON decides. */
const flips = (body: Buffer): Readonly<Record<string, readonly [Expected, Alter]>> => {
  const positions = Array.from(body.keys()).filter((at) => at % 11 === 0);
  return Object.fromEntries(
    positions.map((at) => [
      `with bit ${at % 8} of byte ${at} flipped`,
      [
        'authentic',
        (whole: Buffer) => {
          const copy = Buffer.from(whole);
          copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8));
          return copy;
        },
      ],
    ]),
  );
};

/** An empty list is no event, or none of the events that a vendor sends in a list. */
const emptyList = (body: Buffer): Readonly<Record<string, readonly [Expected, Alter]>> => ({
  'of an empty list': [body.toString('latin1', 0, 1) === '[' ? 'ignored' : 'parked', () => '[]'],
});

const allOf = (body: Buffer) => Object.entries({ ...ALTERED, ...emptyList(body), ...truncations(body), ...flips(body) });

/** Under a signature of their own. */
const signedAnew = (target: Target): readonly Mutation[] => {
  const content = contentOf(target);
  return allOf(content).map(([name, [authentic, alter]]): Mutation => {
    const request = signed(target, { body: Buffer.from(alter(content, roomOf(target))) });
    return { name: `a signed body ${name}`, request, expected: expectedOf(target, request, authentic) };
  });
};

/** What comes of a body that was altered on its way when `authentic` comes of it under a signature of its own. */
const expectedAfter = (target: Target, genuine: WireRequest, request: WireRequest, authentic: Expected): Expected => {
  if (request.body.length > MAX_BODY_BYTES) return 413;
  if (!isLeftIn(target, genuine.body, request.body)) return 401;
  return target.proves.body ? 'accepted' : expectedOf(target, request, authentic);
};

/** On their way, under the signature of the genuine one. */
const alteredAfter = (target: Target): readonly Mutation[] => {
  const genuine = signed(target);
  return allOf(genuine.body).map(([name, [authentic, alter]]): Mutation => {
    const request = { ...genuine, body: Buffer.from(alter(genuine.body, MAX_BODY_BYTES)) };
    return {
      name: `a body ${name} under another's signature`,
      request,
      expected: expectedAfter(target, genuine, request, authentic),
    };
  });
};

export const alteredBodies = (target: Target): readonly Mutation[] => [
  ...(target.proves.body ? signedAnew(target) : []),
  ...alteredAfter(target),
];

/** What the header says about the body, whatever the body is. */
export const contentEncodings = (target: Target): readonly Mutation[] => {
  const genuine = signed(target);
  const zipped = signed(target, { body: gzipSync(contentOf(target)) });
  return [
    ...[
      'gzip',
      'GZIP',
      'x-gzip',
      'deflate',
      'br',
      'zstd',
      'compress',
      'aws-chunked',
      'gzip, identity',
      'identity, gzip',
      ',',
      'null',
    ].map(
      (value): Mutation => ({
        name: `content-encoding ${value}`,
        request: withHeader(value.includes('zip') ? zipped : genuine, 'content-encoding', value),
        expected: 415,
      }),
    ),
    ...['', ' ', 'identity', ' IDENTITY '].map(
      (value): Mutation => ({
        name: `content-encoding "${value}"`,
        request: withHeader(genuine, 'content-encoding', value),
        expected: 'accepted',
      }),
    ),
    { name: 'content-encoding twice', request: withHeader(genuine, 'content-encoding', 'identity', 'gzip'), expected: 415 },
  ];
};
