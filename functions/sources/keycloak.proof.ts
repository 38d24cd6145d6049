import { createHash } from 'node:crypto';
import * as z from 'zod';
import { parseJson } from '../core/json.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import type { SourceSettings } from '../core/settings.ts';
import { claimsOf, isGoodAt, readToken, type SignatureAlgorithm, TokenTimes, verifyKeyToken } from './jwt.ts';
import { HEX_SHA256, MAX_HEADER_LENGTH, refused, TOLERANCE_SECONDS, textKeys, verifyHmac, verifyText } from './signatures.ts';
import type { Trust } from './source.ts';

/**
 * The HMAC covers no time of delivery. The body's own bounds a replay: as wide as with Logto, so that an operator can have the
 * extension send again what it stored. The ledger drops what is older than what it knows.
 */
const MAX_AGE_MS = 3 * 86_400_000;
const Dated = z.object({ time: z.number() });

const isTimely = ({ body, receivedAt }: RawRequest): boolean => {
  const json = parseJson(body);
  const dated = Dated.safeParse(json.ok ? json.value : undefined);
  // Signed and not to be read: whatever is wrong with it comes to light further on, and is kept.
  if (!dated.success) return true;
  const age = receivedAt.getTime() - dated.data.time;
  return age <= MAX_AGE_MS && age >= -TOLERANCE_SECONDS * 1000;
};

/** HMAC-SHA256 alone, by its length: the extension's legacy HmacSHA1 is refused. */
const verifyShared = (request: RawRequest, secrets: readonly string[]): Verdict => {
  if (secrets.length === 0) return refused('NO_SECRET_CONFIGURED');
  const header = request.headers['x-keycloak-signature'];
  if (!header) return refused('SIGNATURE_MISSING');
  if (!HEX_SHA256.test(header)) return refused('SIGNATURE_MALFORMED');
  const signatures = [Buffer.from(header, 'hex')];
  const verdict = verifyHmac({ keys: textKeys(secrets), prefix: '', body: request.body, signatures });
  return verdict.ok && !isTimely(request) ? refused('TIMESTAMP_OUTSIDE_TOLERANCE') : verdict;
};

/** What a webhook's `algorithm` may name; RS256 unless it does. Never the token's choice. */
const ALGORITHMS: readonly SignatureAlgorithm[] = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'EdDSA'];
const BEARER = /^Bearer ([\w.-]+)$/;
const Claims = TokenTimes.extend({
  iss: z.string(),
  aud: z.union([z.string(), z.array(z.string())]).transform((one) => [one].flat()),
  exp: z.number(),
  request_body_sha256: z.string(),
});

/** The realm's keys sign its users' access tokens as well: those have another audience, and no claim about a body. */
const verifyBearer = ({ headers, body, receivedAt }: RawRequest, { settings, keys }: Trust): Verdict => {
  const header = headers.authorization;
  if (!header) return refused('SIGNATURE_MISSING');
  const [, jwt] = header.length > MAX_HEADER_LENGTH ? [] : (BEARER.exec(header) ?? []);
  const token = jwt === undefined ? undefined : readToken(jwt);
  if (token === undefined) return refused('SIGNATURE_MALFORMED');
  const verdict = verifyKeyToken(token, { algorithms: ALGORITHMS, keys });
  if (!verdict.ok) return verdict;
  const claims = claimsOf(token, Claims);
  if (claims === undefined || claims.iss !== settings.issuer) return refused('TOKEN_NOT_FOR_US');
  if (!claims.aud.some((one) => settings.audience?.includes(one))) return refused('TOKEN_NOT_FOR_US');
  if (!isGoodAt(claims, receivedAt)) return refused('TIMESTAMP_OUTSIDE_TOLERANCE');
  return verifyText(claims.request_body_sha256, [createHash('sha256').update(body).digest('hex')]);
};

/** Undefined where shared secrets prove the sender. */
export const keycloakKeys = ({ issuer, keys }: SourceSettings): string | undefined =>
  issuer === undefined ? undefined : (keys ?? `${issuer}/protocol/openid-connect/certs`);

/** `issuer` in the settings says that a token proves the sender, and no secret does; nothing in a request chooses. */
export const verifyKeycloak = (request: RawRequest, secrets: readonly string[], trust: Trust): Verdict =>
  trust.settings.issuer === undefined ? verifyShared(request, secrets) : verifyBearer(request, trust);
