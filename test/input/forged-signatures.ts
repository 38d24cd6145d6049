import type { WireRequest } from '../support/http-events.ts';
import type { Mutation } from './case.ts';
import {
  headerOf,
  type Mark,
  markOf,
  NOW,
  othersThan,
  provenOnly,
  signed,
  type Target,
  targets,
  withHeader,
  withText,
} from './target.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

type Spellings = Readonly<Record<string, (text: string) => string>>;

const altered = (text: string, encoding: 'hex' | 'base64', change: (bytes: Buffer) => void): string => {
  const bytes = Buffer.from(text, encoding);
  change(bytes);
  return bytes.toString(encoding);
};
const flippedByte = (encoding: 'hex' | 'base64', at: number) => (text: string) =>
  altered(text, encoding, (bytes) => {
    const index = at < 0 ? bytes.length + at : at;
    bytes[index] = (bytes[index] ?? 0) ^ 1;
  });

/** The right bytes in a wrong spelling, and wrong bytes in the right one. */
const ANY: Spellings = {
  empty: () => '',
  doubled: (text) => text + text,
  reversed: (text) => Array.from(text).reverse().join(''),
  'percent-encoded in part': (text) => `%${Buffer.from(text.slice(0, 1)).toString('hex')}${text.slice(1)}`,
  'with a space in the middle': (text) => `${text.slice(0, 20)} ${text.slice(20)}`,
  'with a line break in the middle': (text) => `${text.slice(0, 20)}\n${text.slice(20)}`,
  'with a percent sign in the middle': (text) => `${text.slice(0, 20)}%${text.slice(20)}`,
  'with a letter outside ASCII': (text) => `${text.slice(0, 20)}é${text.slice(21)}`,
  'with a look-alike letter': (text) => text.replace(/[aceopxAEOPX]/, '\u0430'),
  'one character longer': (text) => `${text}0`,
  'one character shorter': (text) => text.slice(0, -1),
  'of zeros only': (text) => '0'.repeat(text.length),
};

const HEX: Spellings = {
  'in capitals': (text) => text.toUpperCase(),
  'in mixed case': (text) => text.replace(/[a-f]/, (digit) => digit.toUpperCase()),
  'in base64': (text) => Buffer.from(text, 'hex').toString('base64'),
  'in base64url': (text) => Buffer.from(text, 'hex').toString('base64url'),
  'with 0x before it': (text) => `0x${text}`,
  'with colons': (text) => text.replace(/..(?=.)/g, '$&:'),
  'with its first byte flipped': flippedByte('hex', 0),
  'with its last byte flipped': flippedByte('hex', -1),
  'of half the length': (text) => text.slice(0, 32),
  'one byte longer': (text) => `${text}00`,
};

const BASE64: Spellings = {
  'in hex': (text) => Buffer.from(text, 'base64').toString('hex'),
  'in the URL alphabet': (text) => Buffer.from(text, 'base64').toString('base64url').concat('='),
  'without padding': (text) => text.replace(/=+$/, ''),
  'with more padding': (text) => `${text}=`,
  'in lower case': (text) => text.toLowerCase(),
  'with its first byte flipped': flippedByte('base64', 0),
  'with its last byte flipped': flippedByte('base64', -1),
  'one byte longer': (text) => Buffer.concat([Buffer.from(text, 'base64'), Buffer.alloc(1)]).toString('base64'),
  ...Object.fromEntries(
    // 32 bytes leave two bits of the last character unused, which a lenient decoder drops.
    [1, 2, 3].map((spare) => [
      `with spare bits ${spare}`,
      (text: string) => `${text.slice(0, 42)}${ALPHABET[ALPHABET.indexOf(text[42] ?? '') + spare]}=`,
    ]),
  ),
};

const TOKEN: Spellings = {
  'in capitals': (text) => text.toUpperCase(),
  'in lower case': (text) => text.toLowerCase(),
  'in base64': (text) => Buffer.from(text).toString('base64'),
  'in hex': (text) => Buffer.from(text).toString('hex'),
  'twice, with a space': (text) => `${text} ${text}`,
};

const withHead = (head: object) => (token: string) =>
  token.replace(/^[^.]+/, Buffer.from(JSON.stringify(head)).toString('base64url'));

const JWT: Spellings = {
  'of algorithm none': (text) => withHead({ alg: 'none', typ: 'JWT' })(text).replace(/[^.]+$/, ''),
  'of algorithm none, signed': withHead({ alg: 'none', typ: 'JWT' }),
  'of algorithm NONE': (text) => withHead({ alg: 'NONE' })(text).replace(/[^.]+$/, ''),
  'of an algorithm in lower case': withHead({ alg: 'hs256', typ: 'JWT' }),
  'of another algorithm': withHead({ alg: 'HS512', typ: 'JWT' }),
  'of an asymmetric algorithm': withHead({ alg: 'RS256', typ: 'JWT' }),
  'of no algorithm': withHead({ typ: 'JWT' }),
  'with a key of its own': withHead({ alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } }),
  'with another claim': (text) => text.replace(/\.[^.]+\./, `.${Buffer.from('{"admin":true}').toString('base64url')}.`),
  'without its signature': (text) => text.replace(/[^.]+$/, ''),
  'without its last dot': (text) => text.replace(/\.[^.]+$/, ''),
  'with a fourth part': (text) => `${text}.AAAA`,
  'with padding': (text) => `${text}=`,
  'in the alphabet of base64': (text) => text.replaceAll('-', '+').replaceAll('_', '/').concat('='),
  'as a bearer token': (text) => `Bearer ${text}`,
};

const SPELLINGS: Readonly<Record<Mark['kind'], Spellings>> = { jwt: JWT, hex: HEX, base64: BASE64, token: TOKEN };

/** What stands before the signature: version, scheme, separator. */
const BEFORE: Spellings = {
  'without its prefix': () => '',
  'after a prefix in capitals': (before) => before.toUpperCase(),
  'after a doubled prefix': (before) => before.replace(/(?:v1[,=]|Bearer )$/, '$&$&'),
  'after a prefix and a space': (before) => `${before} `,
  'after a prefix of another version': (before) => before.replace('v1', 'v2'),
  'after a prefix of version 10': (before) => before.replace('v1', 'v10'),
  'after the made-up version': (before) => before.replace('v1', 'v0'),
  'after a semicolon': (before) => before.replaceAll(',', ';'),
  'after a colon': (before) => before.replaceAll(/[=, ](?!.*[=, ])/g, ':'),
  'after another scheme': (before) => before.replace('Bearer', 'Basic'),
  'after a scheme in lower case': (before) => before.toLowerCase(),
};

/** Of a signature in base64 one with both letters that base64url writes in another way, so that each spelling differs. */
const genuineFor = (target: Target): readonly [WireRequest, Mark] => {
  for (let index = 0; index < 1000; index += 1) {
    const genuine = provenOnly(signed(target, { eventId: `spelled${index}` }));
    const mark = markOf(target, genuine);
    if (mark.kind !== 'base64' || /(?=.*\+).*\//.test(mark.text)) return [genuine, mark];
  }
  throw new Error('no delivery has a signature with both + and /');
};

const spelled = (target: Target): readonly Mutation[] => {
  const [genuine, mark] = genuineFor(target);
  const { kind, before, text, after } = mark;
  const forged = (name: string, value: string) => ({ name: `signature ${name}`, value });
  return [
    ...Object.entries({ ...ANY, ...SPELLINGS[kind] }).map(([name, spell]) => forged(name, before + spell(text) + after)),
    ...Object.entries(BEFORE).map(([name, spell]) => forged(name, spell(before) + text + after)),
  ]
    .filter(({ value }) => value !== before + text + after)
    .map(({ name, value }): Mutation => ({ name, request: withText(genuine, mark, value), expected: 401 }));
};

/** Entries beside the genuine one, in the form in which the vendor puts several into one header. */
const crowded = (target: Target): readonly Mutation[] => {
  const genuine = provenOnly(signed(target));
  const { header, kind, before, text } = markOf(target, genuine);
  if (header === undefined || !/v1[,=]$/.test(before)) return [];
  const wrong = (index: number): string => {
    const bytes = Buffer.alloc(32);
    bytes.writeUInt32BE(index);
    return bytes.toString(kind === 'hex' ? 'hex' : 'base64');
  };
  const [first, entry, separator] = kind === 'hex' ? [before.replace(/v1=$/, ''), 'v1=', ','] : ['', before, ' '];
  const crowd = (wrongs: number) =>
    first + [...Array.from({ length: wrongs }, (_, index) => entry + wrong(index)), entry + text].join(separator);
  return [
    { name: 'the genuine signature after nine wrong ones', request: withHeader(genuine, header, crowd(9)), expected: 'accepted' },
    { name: 'the genuine signature after ten wrong ones', request: withHeader(genuine, header, crowd(10)), expected: 401 },
    { name: 'the genuine signature after 10,000 wrong ones', request: withHeader(genuine, header, crowd(10_000)), expected: 401 },
  ];
};

/** Other genuine deliveries than the first. */
const othersOf = (target: Target): Readonly<Record<string, WireRequest>> => ({
  'another body': provenOnly(signed(target, { body: '{}' })),
  'another type': provenOnly(signed(target, { type: target.sender.types.at(-1) ?? '' })),
  'another time': provenOnly(signed(target, { at: new Date(NOW.getTime() - 7000) })),
  'another delivery': provenOnly(signed(target, { eventId: 'invented2' })),
});

/**
 * Proof headers of two genuine deliveries, mixed. A proof that says nothing of the body stands as well beside any other; a delivery
 * that comes another way may have none to give.
 */
const mixed = (target: Target): readonly Mutation[] => {
  const first = provenOnly(signed(target));
  return Object.entries(othersOf(target)).flatMap(([name, other]) =>
    target.proofs
      .filter((header) => headerOf(other, header) !== headerOf(first, header))
      .map(
        (header): Mutation => ({
          name: `${header} of ${name}`,
          request: withHeader(first, header, headerOf(other, header)),
          expected: target.proves.body || headerOf(other, header) === '' ? 401 : 'accepted',
        }),
      ),
  );
};

/** Parts of the tokens of two genuine deliveries, mixed, and what stands around one with the other inside. */
const crossed = (target: Target): readonly Mutation[] => {
  const first = provenOnly(signed(target));
  const mark = markOf(target, first);
  if (mark.kind !== 'jwt') return [];
  const [head = '', claims = '', signature = ''] = mark.text.split('.');
  return Object.entries(othersOf(target)).flatMap(([name, other]) => {
    const { before, text, after } = markOf(target, other);
    if (text === mark.text) return [];
    const [, otherClaims = '', otherSignature = ''] = text.split('.');
    return [
      { name: `the claims of ${name}`, value: mark.before + [head, otherClaims, signature].join('.') + mark.after },
      { name: `the token's signature of ${name}`, value: mark.before + [head, claims, otherSignature].join('.') + mark.after },
      { name: `what stands around the token of ${name}`, value: before + mark.text + after },
    ]
      .filter(({ value }) => value !== mark.before + mark.text + mark.after)
      .map(({ name: part, value }): Mutation => ({ name: part, request: withText(first, mark, value), expected: 401 }));
  });
};

/** Signed the right way with what is not the secret. Left out where a vendor's sender reads the same key from it. */
const withOtherSecrets = (target: Target): readonly Mutation[] => {
  const { secret, sender } = target;
  const secrets: Readonly<Record<string, string>> = {
    ...Object.fromEntries(
      targets.filter((other) => other !== target).map((other) => [`the secret of ${other.name}`, other.secret]),
    ),
    'a secret of its own': sender.secret(new Uint8Array(32).fill(1)),
    'an empty secret': '',
    'a secret of its prefix only': 'whsec_',
    'a blank secret': ' ',
    undefined: 'undefined',
    'the secret and a line break': `${secret}\n`,
    'the secret in lower case': secret.toLowerCase(),
    'the secret without its last character': secret.slice(0, -1),
    'the secret twice': `${secret},${secret}`,
    'the list of secrets': JSON.stringify([secret]),
  };
  const proofOf = (request: WireRequest) =>
    [...target.proofs.map((header) => headerOf(request, header)), target.proofInBody === true ? request.body : ''].join('\n');
  return Object.entries(secrets)
    .map(
      ([name, other]): Mutation => ({ name: `signed with ${name}`, request: signed(target, { secret: other }), expected: 401 }),
    )
    .filter(({ request }) => proofOf(request) !== proofOf(signed(target)));
};

/** Standard Webhooks is Svix under other names, and whoever takes one takes the other. */
const schemeOf = ({ proofs, publishesKeys = false }: Target): string =>
  [publishesKeys, ...proofs.map((name) => name.replace(/^svix-/, 'webhook-'))].join();

/** Whether two vendors carry their proof alike. In a body each has a place and a content of its own. */
const provesAlike = (one: Target, other: Target): boolean =>
  schemeOf(one) === schemeOf(other) && ![one, other].some(({ proofInBody, provesContent }) => proofInBody || provesContent);

/** Whether a vendor knows the prefix of our secret, and so reads the same key from it. */
const readsOurKey = ({ secret }: Target, other: Target): boolean =>
  other.secret.includes(/^(?:v1,)?(?:whsec_)?/.exec(secret)?.[0] ?? '');

/** Of a fixed text: whether two vendors make the same one of a secret. */
const haveSameProofs = ({ proofs }: Target, one: WireRequest, other: WireRequest): boolean =>
  proofs.every((name) => headerOf(one, name) === headerOf(other, name));

/** Deliveries that are genuine somewhere else. */
const misdirected = (target: Target): readonly Mutation[] => {
  const ours = signed(target);
  return othersThan(target).flatMap((other): readonly Mutation[] => {
    const theirs = { ...signed(other), path: ours.path };
    const withOurSecret = { ...signed(other, { secret: target.secret }), path: ours.path };
    const isSame = target.proves.body ? readsOurKey(target, other) : haveSameProofs(target, withOurSecret, ours);
    return [
      { name: `a delivery of ${other.name}`, request: theirs, expected: 401 },
      // Of two vendors that prove alike it is our secret that counts.
      {
        name: `a delivery of ${other.name} signed with our secret`,
        request: withOurSecret,
        expected: provesAlike(target, other) && isSame ? 'taken' : 401,
      },
      { name: `our delivery at the path of ${other.name}`, request: { ...ours, path: signed(other).path }, expected: 404 },
    ];
  });
};

export const forgedSignatures = (target: Target): readonly Mutation[] => [
  ...spelled(target),
  ...crowded(target),
  ...mixed(target),
  ...crossed(target),
  ...withOtherSecrets(target),
  ...misdirected(target),
];
