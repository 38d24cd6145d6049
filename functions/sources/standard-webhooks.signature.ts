import { createPublicKey, verify } from 'node:crypto';
import type { RawRequest, Verdict } from '../core/request.ts';
import { accepted, readSvix, refused, rememberKeys, verifySvix } from './signatures.ts';

/** A public key, with or without the scheme in front under which some senders print it. */
const PUBLIC = /^(?:v1a,)?whpk_([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)$/;
const LOOKS_PUBLIC = /^(?:v1a,)?wh[ps]k_/;
const PRINTED = /^v1,/;
/** 64 bytes in one spelling only. */
const SIGNATURE = /^v1a,([A-Za-z0-9+/]{85}[AQgw]==)$/;

/** What stands before the 32 bytes of an Ed25519 key: RFC 8410, section 4 */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

const publicKeys = rememberKeys((secret) => {
  const text = PUBLIC.exec(secret)?.[1];
  if (text === undefined) return undefined;
  return createPublicKey({ key: Buffer.concat([SPKI, Buffer.from(text, 'base64')]), format: 'der', type: 'spki' });
});

/**
 * By shared secret (`v1`, HMAC-SHA256) or by the sender's public key (`v1a`, Ed25519), whichever kind a secret is. A public key
 * is never a shared one: anybody could sign with it.
 */
export const verifyStandard = (request: RawRequest, secrets: readonly string[]): Verdict => {
  // An empty text opens nothing, and is a mismatch instead of no secret at all.
  const shared = secrets.map((secret) => (LOOKS_PUBLIC.test(secret) ? '' : secret.replace(PRINTED, '')));
  const verdict = verifySvix(request, shared);
  const keys = publicKeys(secrets);
  if (verdict.ok || keys.length === 0) return verdict;
  const message = readSvix(request);
  const signatures = message.ok ? message.signaturesLike(SIGNATURE) : [];
  if (!message.ok || signatures.length === 0) return verdict;
  if (!message.isTimely) return refused('TIMESTAMP_OUTSIDE_TOLERANCE');
  const text = Buffer.concat([Buffer.from(message.prefix), request.body]);
  const matched = keys.some((key) => signatures.some((signature) => verify(null, text, key, signature)));
  return matched ? accepted : refused('SIGNATURE_MISMATCH');
};
