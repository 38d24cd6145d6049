import { type VendorCode, VendorError } from '../core/errors.ts';
import type { Credential } from '../core/secrets.ts';
import type { SourceSettings } from '../core/settings.ts';
import type { ApiAnswer, ApiRequest, Authorization, Directory, VendorApi } from '../sources/directory.ts';
import { type ExchangeOptions, exchange, jsonOf, NoAnswer, retryAfterSeconds } from './exchange.ts';

const TIMEOUT_MS = 10_000;
/** A page of a thousand users with everything a vendor knows of them. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** A token is renewed a little before it ends. */
const EARLY_MS = 60_000;

const CODES: Readonly<Record<number, VendorCode>> = { 401: 'UNAUTHORIZED', 403: 'UNAUTHORIZED', 429: 'RATE_LIMITED' };
/** Says that what was asked for is not there, any more or yet. */
const GONE = new Set([404, 410]);

export interface VendorApiOptions extends ExchangeOptions {
  readonly directory: Directory;
  readonly settings: SourceSettings;
  /** The credential that counts right now; undefined = none is configured. */
  readonly credential: () => Promise<Credential | undefined>;
  readonly now: () => Date;
  /** Resolves when the call may be made. */
  readonly permit: () => Promise<void>;
  /** The vendor said 429: so many seconds, if it said how many. */
  readonly onRateLimit: (seconds: number | undefined) => Promise<void>;
}

/** A vendor's API over fetch: its own hosts only, 10 s in all, no redirects, a capped body, a permit for every call. */
export const createVendorApi = (options: VendorApiOptions): VendorApi => {
  const { directory, settings, credential, now, permit, onRateLimit } = options;
  const hosts = directory.hosts(settings);
  const [base] = hosts;
  const origins = new Set(hosts.map((host) => new URL(host).origin));
  let authorization: Authorization | undefined;

  /** Throws where a "next" link leads elsewhere: the credential would go with it. */
  const placeOf = (url: string): string => {
    const place = url.startsWith('/') ? `${base}${url}` : url;
    if (!URL.canParse(place) || !origins.has(new URL(place).origin)) throw new VendorError('UNEXPECTED');
    return place;
  };

  const send = async (
    { method = 'GET', url, headers, body }: ApiRequest,
    extra: Authorization['headers'],
  ): Promise<ApiAnswer> => {
    const isForm = body instanceof URLSearchParams;
    const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json';
    const answer = await exchange(
      {
        method,
        url: placeOf(url),
        headers: { accept: 'application/json', ...(body !== undefined && { 'content-type': type }), ...headers, ...extra },
        body: body === undefined ? undefined : isForm ? body.toString() : JSON.stringify(body),
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_BODY_BYTES,
      },
      options,
    ).catch((error: unknown) => {
      throw error instanceof NoAnswer ? new VendorError('UNREACHABLE', { cause: error.cause }) : error;
    });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: jsonOf(answer.text) };
  };

  const authorize = async (): Promise<Authorization['headers']> => {
    const { expiresAt, headers } = authorization ?? {};
    if (headers !== undefined && (expiresAt === undefined || expiresAt.getTime() - EARLY_MS > now().getTime())) return headers;
    const found = await credential();
    if (found === undefined || directory.credential.some((member) => found[member] === undefined))
      throw new VendorError('NO_CREDENTIAL');
    const call: VendorApi = (request) => send(request, {});
    authorization = await directory.authorize({ credential: found, settings, call, now: now() });
    return authorization.headers;
  };

  const attempt = async (request: ApiRequest): Promise<ApiAnswer> => {
    const headers = await authorize();
    await permit();
    const answer = await send(request, headers);
    const { status } = answer;
    if ((status >= 200 && status < 300) || GONE.has(status)) return answer;
    const seconds =
      directory.retryAfterSeconds?.(answer, now()) ?? retryAfterSeconds(answer.headers['retry-after'] ?? null, now());
    if (status === 429) await onRateLimit(seconds);
    const code = CODES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'UNEXPECTED');
    throw new VendorError(code, { status, retryAfterSeconds: seconds });
  };

  return async (request) => {
    const used = authorization;
    try {
      return await attempt(request);
    } catch (error) {
      if (!(error instanceof VendorError) || error.code !== 'UNAUTHORIZED') throw error;
      // What was remembered may have been withdrawn or rotated; what was just obtained has not.
      authorization = undefined;
      if (used === undefined) throw error;
      return attempt(request);
    }
  };
};
