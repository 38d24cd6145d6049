import { type VendorCode, VendorError } from '../core/errors.ts';
import type { Credential } from '../core/secrets.ts';
import type { SourceSettings } from '../core/settings.ts';
import type { ApiAnswer, ApiRequest, Authorization, Directory, VendorApi } from '../sources/directory.ts';
import { type Answer, type ExchangeOptions, exchange, jsonOf, NoAnswer, retryAfterSeconds } from './exchange.ts';

const TIMEOUT_MS = 10_000;
/** A page of a thousand users with everything a vendor knows of them. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** A token is renewed a little before it ends. */
const EARLY_MS = 60_000;

const CODES: Readonly<Record<number, VendorCode>> = { 401: 'UNAUTHORIZED', 403: 'UNAUTHORIZED', 429: 'RATE_LIMITED' };
/** Says that what was asked for is not there, any more or yet. */
const GONE = new Set([404, 410]);

/** What the vendor let us in with, and the request for it that is under way. */
export interface Session {
  authorization?: Authorization | undefined;
  flight?: Promise<Authorization> | undefined;
}

export interface VendorApiOptions extends ExchangeOptions {
  readonly directory: Directory;
  readonly settings: SourceSettings;
  /** The credential that counts right now; undefined = none is configured. */
  readonly credential: () => Promise<Credential | undefined>;
  /** Of one source; kept between its VendorApis, so that a token serves for as long as it is good. @default a new one */
  readonly session?: Session;
  readonly now: () => Date;
  /** Resolves when the call may be made. */
  readonly permit: () => Promise<void>;
  /** The vendor said 429: so many seconds, if it said how many. */
  readonly onRateLimit: (seconds: number | undefined) => Promise<void>;
}

const isOk = (status: number): boolean => status >= 200 && status < 300;

/** A web page, or what was cut off, is no answer of an API: taken for one, a mistyped base URL would make every user "gone". */
const isAnswer = ({ text, isWhole, headers }: Answer, body: unknown): boolean => {
  const isPage = headers.get('content-type')?.startsWith('text/html') === true;
  return isWhole && !isPage && (text === '' || body !== undefined);
};

/** A vendor's API over fetch: its own hosts only, 10 s in all, no redirects, a capped body, a permit for every call. */
export const createVendorApi = (options: VendorApiOptions): VendorApi => {
  const { directory, settings, credential, session = {}, now, permit, onRateLimit } = options;
  const hosts = directory.hosts(settings);
  const [base] = hosts;
  const origins = new Set(hosts.map((host) => new URL(host).origin));

  /** Throws where a "next" link leads elsewhere: the credential would go with it. */
  const placeOf = (url: string): string => {
    const place = url.startsWith('/') ? `${base}${url}` : url;
    if (!URL.canParse(place) || !origins.has(new URL(place).origin)) throw new VendorError('UNEXPECTED');
    return place;
  };

  const send = async (
    { method = 'GET', url, headers, body }: ApiRequest,
    extra: Authorization['headers'],
  ): Promise<ApiAnswer & { readonly isAnswer: boolean }> => {
    const isForm = body instanceof URLSearchParams;
    const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json';
    const request = {
      method,
      url: placeOf(url),
      headers: { accept: 'application/json', ...(body !== undefined && { 'content-type': type }), ...headers, ...extra },
      body: body === undefined ? undefined : isForm ? body.toString() : JSON.stringify(body),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BODY_BYTES,
    };
    await permit();
    const answer = await exchange(request, options)
      // A socket that died while the function was frozen. Nothing that we send changes anything, so it may be sent again.
      .catch((error: unknown) => {
        if (error instanceof NoAnswer && error.code === 'CONNECTION_LOST') return exchange(request, options);
        throw error;
      })
      .catch((error: unknown) => {
        throw error instanceof NoAnswer ? new VendorError('UNREACHABLE', { cause: error.cause }) : error;
      });
    const { status } = answer;
    const json = jsonOf(answer.text);
    return { status, headers: Object.fromEntries(answer.headers), body: json, isAnswer: isAnswer(answer, json) };
  };

  const login: VendorApi = async (request) => {
    const { isAnswer: _, ...answer } = await send(request, {});
    if (answer.status >= 300 && answer.status < 400) throw new VendorError('UNEXPECTED', { status: answer.status });
    return answer;
  };

  const obtain = async (): Promise<Authorization> => {
    const found = await credential();
    if (found === undefined || directory.credential.some((member) => found[member] === undefined))
      throw new VendorError('NO_CREDENTIAL');
    session.authorization = await directory.authorize({ credential: found, settings, call: login, now: now() });
    return session.authorization;
  };

  /** One token for all who wait for it. */
  const authorize = async (): Promise<Authorization> => {
    const { authorization } = session;
    const until = authorization?.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
    if (authorization !== undefined && until - EARLY_MS > now().getTime()) return authorization;
    session.flight ??= obtain().finally(() => {
      session.flight = undefined;
    });
    return session.flight;
  };

  const attempt = async (request: ApiRequest, used: Authorization): Promise<ApiAnswer> => {
    const { isAnswer: isMeant, ...answer } = await send(request, used.headers);
    const { status } = answer;
    if (isMeant && (isOk(status) || GONE.has(status))) return answer;
    const seconds =
      directory.retryAfterSeconds?.(answer, now()) ?? retryAfterSeconds(answer.headers['retry-after'] ?? null, now());
    if (status === 429) await onRateLimit(seconds);
    const code = CODES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'UNEXPECTED');
    if (code === 'UNAUTHORIZED' && session.authorization === used) session.authorization = undefined;
    throw new VendorError(code, { status, retryAfterSeconds: seconds });
  };

  return async (request) => {
    const remembered = session.authorization;
    const used = await authorize();
    try {
      return await attempt(request, used);
    } catch (error) {
      // What was remembered may have been withdrawn or rotated; what was just obtained has not.
      const isOutdated = error instanceof VendorError && error.code === 'UNAUTHORIZED' && used === remembered;
      if (!isOutdated) throw error;
      return attempt(request, await authorize());
    }
  };
};
