import { createPublicKey, type KeyObject, verify as verifySignature, X509Certificate } from 'node:crypto';
import * as z from 'zod';
import { parseJson } from '../core/json.ts';
import type { Verdict } from '../core/request.ts';
import { accepted, refused, TOLERANCE_SECONDS, textKeys, verifyHmac } from './signatures.ts';
import type { PublicKeys } from './source.ts';

/** Three parts; a fourth, padding or another alphabet is none. A user's claims are a few KB. */
const COMPACT = /^[\w-]{1,2048}\.[\w-]{1,262144}\.[\w-]{1,2048}$/;

/** An extension that must be understood (`crit`) is none that we understand: RFC 7515, section 4.1.11 */
const Header = z.object({ alg: z.string(), kid: z.string().min(1).max(512).optional(), crit: z.undefined().optional() });

/** A token as it is written, nothing of it proven yet. */
export interface Token {
  readonly header: z.infer<typeof Header>;
  /** The bytes of the claims. */
  readonly claims: Uint8Array;
  /** What the signature covers. */
  readonly signed: string;
  readonly signature: Buffer;
}

const jsonIn = (bytes: Uint8Array): unknown => {
  const json = parseJson(bytes);
  return json.ok ? json.value : undefined;
};

/** Undefined when it is not a compact JWS in its one spelling: a decoder ignores the spare bits of a last character. */
export const readToken = (text: string): Token | undefined => {
  if (!COMPACT.test(text)) return undefined;
  const [header = '', claims = '', signature = ''] = text.split('.');
  const { data: head } = Header.safeParse(jsonIn(Buffer.from(header, 'base64url')));
  const mac = Buffer.from(signature, 'base64url');
  if (head === undefined || mac.toString('base64url') !== signature) return undefined;
  return { header: head, claims: Buffer.from(claims, 'base64url'), signed: `${header}.${claims}`, signature: mac };
};

/** The claims of a token, of those members that `schema` names; undefined when they are not of that form. */
export const claimsOf = <T>({ claims }: Token, schema: z.ZodType<T>): T | undefined => schema.safeParse(jsonIn(claims)).data;

const MACS = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const;

/** Under a shared secret, which is the key as it stands. Symmetric algorithms only: no public key is ever taken for a secret. */
export const verifyMacToken = ({ header, signed, signature }: Token, secrets: readonly string[]): Verdict => {
  if (!Object.hasOwn(MACS, header.alg)) return refused('SIGNATURE_MALFORMED');
  const algorithm = MACS[header.alg as keyof typeof MACS]; // an own key, checked above
  return verifyHmac({
    keys: textKeys(secrets),
    algorithm,
    prefix: '',
    body: Buffer.from(signed),
    signatures: [signature],
  });
};

/** By algorithm: the digest that is signed, and the kind of key that may sign it, with its curve: RFC 7518, section 3.4 */
const SIGNATURES = {
  RS256: { digest: 'sha256', keyType: 'rsa', curve: undefined },
  RS384: { digest: 'sha384', keyType: 'rsa', curve: undefined },
  RS512: { digest: 'sha512', keyType: 'rsa', curve: undefined },
  ES256: { digest: 'sha256', keyType: 'ec', curve: 'prime256v1' },
  ES384: { digest: 'sha384', keyType: 'ec', curve: 'secp384r1' },
  EdDSA: { digest: null, keyType: 'ed25519', curve: undefined },
} as const;
export type SignatureAlgorithm = keyof typeof SIGNATURES;

/**
 * Under a private key of the vendor's. `algorithms` is our list and never the token's choice. The key is the one that the token
 * names; without a name it is the only one there is.
 */
export const verifyKeyToken = (
  { header, signed, signature }: Token,
  { algorithms, keys }: { readonly algorithms: readonly SignatureAlgorithm[]; readonly keys: PublicKeys },
): Verdict => {
  const algorithm = algorithms.find((name) => name === header.alg);
  if (algorithm === undefined) return refused('SIGNATURE_MALFORMED');
  const [only] = keys.size === 1 ? keys.values() : [];
  const key = header.kid === undefined ? only : keys.get(header.kid);
  if (key === undefined) return refused('KEY_UNKNOWN');
  const { digest, keyType, curve } = SIGNATURES[algorithm];
  if (key.asymmetricKeyType !== keyType || key.asymmetricKeyDetails?.namedCurve !== curve) return refused('SIGNATURE_MISMATCH');
  const matches = verifySignature(digest, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }, signature);
  return matches ? accepted : refused('SIGNATURE_MISMATCH');
};

/** Seconds since the epoch, as far as a token has them. */
export const TokenTimes = z.object({
  iat: z.number().optional(),
  exp: z.number().optional(),
  nbf: z.number().optional(),
});

/**
 * Whether a token is good at a moment, with the clocks 300 s apart at most. Written so that a date that is none is outside.
 * With `maxAgeSeconds` it must say when it was made, and only so long ago.
 */
export const isGoodAt = (
  { iat, exp, nbf }: z.infer<typeof TokenTimes>,
  moment: Date,
  { maxAgeSeconds }: { readonly maxAgeSeconds?: number } = {},
): boolean => {
  const seconds = moment.getTime() / 1000;
  if (exp !== undefined && !(seconds <= exp + TOLERANCE_SECONDS)) return false;
  if (nbf !== undefined && !(seconds >= nbf - TOLERANCE_SECONDS)) return false;
  if (maxAgeSeconds === undefined) return true;
  return iat !== undefined && seconds >= iat - TOLERANCE_SECONDS && seconds <= iat + maxAgeSeconds;
};

const Jwks = z.object({ keys: z.array(z.unknown()) });
const SigningJwk = z.looseObject({ kid: z.string().min(1), use: z.literal('sig').nullish() });
/** What such a page has, and none needs: a rotation shows two or three. */
const MAX_KEYS = 32;

const keyOf = (read: () => KeyObject): KeyObject | undefined => {
  try {
    const key = read();
    return key.type === 'public' ? key : undefined;
  } catch {
    return undefined;
  }
};

const keyRingOf = (list: readonly (readonly [kid: string, read: () => KeyObject])[]): PublicKeys =>
  new Map(
    list.slice(0, MAX_KEYS).flatMap(([kid, read]) => {
      const key = keyOf(read);
      return key === undefined ? [] : [[kid, key] as const];
    }),
  );

/** The signing keys of a JWKS page. Throws a ZodError when it is none; a key without a name, or that nobody can read, is left out. */
export const readJwks = (page: unknown): PublicKeys =>
  keyRingOf(
    Jwks.parse(page)
      .keys.flatMap((key) => SigningJwk.safeParse(key).data ?? [])
      .map((jwk) => [jwk.kid, () => createPublicKey({ key: jwk, format: 'jwk' })] as const),
  );

/** The keys of a page with certificates in PEM by key id, as Google has them. Throws a ZodError when it is none. */
export const readCertificates = (page: unknown): PublicKeys =>
  keyRingOf(
    Object.entries(z.record(z.string(), z.string()).parse(page)).map(
      ([kid, pem]) => [kid, () => new X509Certificate(pem).publicKey] as const,
    ),
  );
