import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, sign } from 'node:crypto';

/** A key pair takes a tenth of a second to make, and the same random bytes must give the same one. */
const made = new Map<string, string>();

/** A private RSA key, as JSON of a JWK: the "secret" of a vendor that signs with one. */
export const privateKeySecret = (random: Uint8Array): string => {
  const seed = Buffer.from(random).toString('hex');
  const known = made.get(seed);
  if (known !== undefined) return known;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const secret = JSON.stringify(privateKey.export({ format: 'jwk' }));
  made.set(seed, secret);
  return secret;
};

/** RFC 7638: the same for the private key and its public half. */
const thumbprint = ({ e, kty, n }: JsonWebKey): string =>
  createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url');

/** The public half of a key, as a member of a JWKS page, under its own `kid` if it has one; undefined when the text is no RSA key. */
export const publicJwkOf = (secret: string): (JsonWebKey & { readonly kid: string }) | undefined => {
  try {
    const key: JsonWebKey & { readonly kid?: string } = JSON.parse(secret);
    const { e, kty, n } = createPublicKey({ key, format: 'jwk' }).export({ format: 'jwk' });
    if (kty !== 'RSA') return undefined;
    const kid = key.kid ?? thumbprint({ e: e ?? '', kty, n: n ?? '' });
    return { kty, n: n ?? '', e: e ?? '', use: 'sig', alg: 'RS256', kid };
  } catch {
    return undefined;
  }
};

/** The page of public keys of a vendor that signs with these. */
export const jwksOf = (secrets: readonly string[]): { readonly keys: readonly JsonWebKey[] } => ({
  keys: secrets.flatMap((secret) => publicJwkOf(secret) ?? []),
});

const part = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64url');

/** Claims under RS256, with the key's id in the header. What is no private key signs nothing: its signature fits nowhere. */
export const signToken = (claims: Uint8Array, secret: string, typ = 'JWT'): string => {
  const kid = publicJwkOf(secret)?.kid ?? 'none';
  const signed = `${part(JSON.stringify({ alg: 'RS256', kid, typ }))}.${part(claims)}`;
  try {
    const key = createPrivateKey({ key: JSON.parse(secret), format: 'jwk' });
    return `${signed}.${part(sign('sha256', Buffer.from(signed), key))}`;
  } catch {
    return `${signed}.${part('no key signed this')}`;
  }
};
