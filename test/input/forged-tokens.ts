import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  sign as signBytes,
} from 'node:crypto';
import { publicJwkOf } from '../../functions/sources/token.sender.ts';
import type { Mutation } from './case.ts';
import { markOf, NOW, signed, type Target, withMark } from './target.ts';

type Sign = (input: Buffer) => Buffer;

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const token = (head: object, claims: string, sign: Sign): string => {
  const input = `${part(head)}.${claims}`;
  return `${input}.${sign(Buffer.from(input)).toString('base64url')}`;
};

const rsa =
  (key: KeyObject, digest = 'sha256'): Sign =>
  (input) =>
    signBytes(digest, input, key);
const pss =
  (key: KeyObject, digest: string): Sign =>
  (input) =>
    signBytes(digest, input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
const mac =
  (secret: string | Buffer): Sign =>
  (input) =>
    createHmac('sha256', secret).update(input).digest();

/** What an RSA key can sign by. */
const RSA: Readonly<Record<string, (key: KeyObject) => Sign>> = {
  RS256: (key) => rsa(key),
  RS384: (key) => rsa(key, 'sha384'),
  RS512: (key) => rsa(key, 'sha512'),
  PS256: (key) => pss(key, 'sha256'),
  PS384: (key) => pss(key, 'sha384'),
  PS512: (key) => pss(key, 'sha512'),
};

const keyIn = (secret: string): KeyObject => createPrivateKey({ key: JSON.parse(secret) as JsonWebKey, format: 'jwk' });

const seconds = Math.floor(NOW.getTime() / 1000);
/** Claims of what the same keys sign for anybody who logs in: RFC 9068, OpenID Connect Core and what vendors put besides. */
const PERSONAL: Readonly<Record<string, object>> = {
  'an access token': { sub: 'user_invented1', aud: ['https://api.example.com'], azp: 'app', scp: ['openid'], jti: 'invented' },
  'an ID token': {
    sub: 'user_invented1',
    aud: 'app',
    nonce: 'invented',
    email: 'ada@example.com',
    name: 'Ada',
    updated_at: seconds,
  },
  'a session token': { sub: 'user_invented1', session_id: 'invented', email: { address: 'ada@example.com', is_primary: true } },
  'a token of a machine': { sub: 'app', azp: 'app', gty: ['client_credentials'], aud: [] },
  'a token with claims of its own': {
    sub: 'user_invented1',
    properties: {
      type: 'user.created',
      event_id: 'event_invented',
      evt: 'user.create',
      data: { user: { id: 'user_invented1' } },
    },
  },
};
/** Whom a genuine token is made for; a user's token may be made for the same. */
const audienceIn = (claims: string): unknown =>
  (JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as { readonly aud?: unknown }).aud ?? 'app';

const TIMES = { iss: 'https://tenant.example', iat: seconds, nbf: seconds, exp: seconds + 300 };

/** Signed by nobody who has the key, whatever the token says of one. */
const withoutKey = (target: Target, kid: string, claims: string): Readonly<Record<string, string>> => {
  const other = target.sender.secret(new Uint8Array(32).fill(1));
  const [otherKey, otherJwk] = [keyIn(other), publicJwkOf(other)];
  const publicKey = createPublicKey(keyIn(target.secret));
  const head = { alg: 'RS256', kid, typ: 'JWT' };
  const publicTexts = {
    'in PEM': publicKey.export({ type: 'spki', format: 'pem' }),
    'in PEM of its own form': publicKey.export({ type: 'pkcs1', format: 'pem' }),
    'in DER': publicKey.export({ type: 'spki', format: 'der' }),
    'as JSON': JSON.stringify(publicJwkOf(target.secret)),
    'by its modulus': publicJwkOf(target.secret)?.n ?? '',
  };
  return {
    'of another key under the same name': token(head, claims, rsa(otherKey)),
    'of another key under its own name': token({ ...head, kid: otherJwk?.kid }, claims, rsa(otherKey)),
    'of another key without a name': token({ alg: 'RS256' }, claims, rsa(otherKey)),
    'of a key that it brings along': token({ ...head, jwk: otherJwk }, claims, rsa(otherKey)),
    'of a key that it says where to find': token({ ...head, jku: 'https://invented.example/jwks' }, claims, rsa(otherKey)),
    'of a certificate that it says where to find': token({ ...head, x5u: 'https://invented.example/x' }, claims, rsa(otherKey)),
    ...Object.fromEntries(
      Object.entries(publicTexts).map(([name, text]) => [
        `of the public key ${name} as a secret`,
        token({ ...head, alg: 'HS256' }, claims, mac(text)),
      ]),
    ),
    'of an empty secret': token({ ...head, alg: 'HS256' }, claims, mac('')),
    'of the name of the key as a secret': token({ ...head, alg: 'HS256' }, claims, mac(kid)),
    'of no algorithm at all, and of no signature': token({ ...head, alg: 'none' }, claims, () => Buffer.alloc(0)),
    'of a signature of zeros': token(head, claims, () => Buffer.alloc(256)),
    'of a signature of one': token(head, claims, () => Buffer.concat([Buffer.alloc(255), Buffer.from([1])])),
    'of a signature that is too long': token(head, claims, (input) =>
      Buffer.concat([Buffer.alloc(1), rsa(keyIn(target.secret))(input)]),
    ),
  };
};

/** Signed by the vendor's own key, and not as or for what a webhook is. */
const misused = (target: Target, kid: string, claims: string): Readonly<Record<string, string>> => {
  const key = keyIn(target.secret);
  const head = { alg: 'RS256', kid, typ: 'JWT' };
  const { algorithms = ['RS256'] } = target;
  const others = Object.entries(RSA).filter(([name]) => !algorithms.some((algorithm) => algorithm === name));
  return {
    ...Object.fromEntries(others.map(([alg, by]) => [`by ${alg}`, token({ ...head, alg }, claims, by(key))])),
    ...Object.fromEntries(others.map(([alg, by]) => [`by ${alg}, said to be RS256`, token(head, claims, by(key))])),
    'of an algorithm in a list': token({ ...head, alg: ['RS256'] }, claims, rsa(key)),
    'of a key without letters': token({ ...head, kid: '' }, claims, rsa(key)),
    'of a key named by a number': token({ ...head, kid: 7 }, claims, rsa(key)),
    'of a key in other letters': token({ ...head, kid: `${kid} ` }, claims, rsa(key)),
    'of a key like a prototype': token({ ...head, kid: '__proto__' }, claims, rsa(key)),
    'of a key as far as a file': token({ ...head, kid: '../../../../dev/null' }, claims, rsa(key)),
    'with an extension that must be understood': token({ ...head, crit: ['b64'], b64: false }, claims, rsa(key)),
    'with an empty list of extensions': token({ ...head, crit: [] }, claims, rsa(key)),
    ...Object.fromEntries(
      Object.entries(PERSONAL).map(([name, personal]) => [
        `that is ${name}`,
        token(head, part({ ...TIMES, ...personal }), rsa(key)),
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(PERSONAL).map(([name, personal]) => [
        `that is ${name} for the same audience`,
        token(head, part({ ...TIMES, ...personal, aud: audienceIn(claims) }), rsa(key)),
      ]),
    ),
    'of no claims': token(head, part({}), rsa(key)),
    'of claims that are no JSON': token(head, part('invented'), rsa(key)),
    'of claims in a list': token(head, part(`[${Buffer.from(claims, 'base64url').toString('utf8')}]`), rsa(key)),
    'of claims in JSON': token(head, part(JSON.stringify(claims)), rsa(key)),
  };
};

/** Tokens in the place of the genuine one, of a vendor that signs by a key pair: whoever logs in owns genuine tokens of such a vendor. */
export const forgedTokens = (target: Target): readonly Mutation[] => {
  if (target.publishesKeys !== true) return [];
  const genuine = signed(target);
  const mark = markOf(target, genuine);
  const kid = publicJwkOf(target.secret)?.kid ?? '';
  const claims = mark.text.split('.')[1] ?? '';
  const refused = { ...withoutKey(target, kid, claims), ...misused(target, kid, claims) };
  const anew = token({ typ: 'anything', kid, alg: 'RS256', jku: 'https://invented.example' }, claims, rsa(keyIn(target.secret)));
  return [
    ...Object.entries(refused).map(
      ([name, forged]): Mutation => ({ name: `a token ${name}`, request: withMark(genuine, mark, forged), expected: 401 }),
    ),
    // Or none of the others would prove anything.
    { name: 'a genuine token with another head', request: withMark(genuine, mark, anew), expected: 'accepted' },
  ];
};
