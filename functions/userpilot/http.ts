import { type DeliveryCode, DeliveryError } from '../core/errors.ts';

/** The only version Userpilot documents: docs.userpilot.com, Identify User. */
const API_VERSION = '2020-09-22';
/** Over headers and body together; fetch alone would wait 300 s for each. */
export const TIMEOUT_MS = 10_000;
const MAX_BODY_BYTES = 65_536;

const CODES: Readonly<Record<number, DeliveryCode>> = {
  400: 'REFUSED',
  401: 'UNAUTHORIZED',
  403: 'UNAUTHORIZED',
  409: 'JOB_RUNNING',
  413: 'REFUSED',
  422: 'REFUSED',
  429: 'RATE_LIMITED',
};

/** Node's and undici's codes for a connection that ended under the request. */
const LOST = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below the base URL, with its leading slash. */
  readonly path: string;
  readonly apiKey: string;
  /** Sent as JSON; a FormData goes as it is, with its own boundary. */
  readonly body?: unknown;
}

/** Answers JSON, or undefined for an empty body or one that is not JSON. Throws a DeliveryError for everything but 2xx. */
export type Http = (request: HttpRequest) => Promise<unknown>;

/** Seconds: a number, or an HTTP date counted from now. */
const retryAfterSeconds = (value: string | null, now: Date): number | undefined => {
  if (value === null) return undefined;
  const seconds = /^\d{1,6}$/.test(value) ? Number(value) : (Date.parse(value) - now.getTime()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
};

/** Reads what there is, up to the cap, and always ends the body: an unread one keeps its connection. */
const readText = async (response: Response): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) return '';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const causeCode = (error: unknown): string | undefined => {
  const cause = Error.isError(error) ? error.cause : undefined;
  return typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : undefined;
};

export interface HttpOptions {
  /** @default 10,000 */
  readonly timeoutMs?: number;
  readonly now?: () => Date;
  /** @default the runtime's own */
  readonly fetch?: typeof globalThis.fetch;
  /** A signal that aborts after so many milliseconds. @default AbortSignal.timeout */
  readonly abortAfter?: (milliseconds: number) => AbortSignal;
}

/**
 * Userpilot over fetch: every header its pages ask for, 10 s in all, no redirects, a capped body.
 * @param baseUrl without a trailing slash; fixed by configuration, never from a payload
 */
export const createHttp =
  (
    baseUrl: string,
    {
      timeoutMs = TIMEOUT_MS,
      now = () => new Date(),
      fetch = globalThis.fetch,
      abortAfter = (milliseconds) => AbortSignal.timeout(milliseconds),
    }: HttpOptions = {},
  ): Http =>
  async ({ method, path, apiKey, body }) => {
    const multipart = body instanceof FormData;
    const headers = {
      authorization: `Token ${apiKey}`,
      'x-api-version': API_VERSION,
      accept: 'application/json, text/plain, */*',
      ...(body === undefined || multipart ? {} : { 'content-type': 'application/json' }),
    };
    const payload = body === undefined ? {} : { body: multipart ? body : JSON.stringify(body) };
    try {
      const signal = abortAfter(timeoutMs);
      const response = await fetch(`${baseUrl}${path}`, { method, headers, ...payload, redirect: 'manual', signal });
      const text = await readText(response);
      const details = { status: response.status, requestId: response.headers.get('x-request-id') ?? undefined };
      // A web page with 200 is some proxy or site, not Userpilot: taking it for a success would lose every event.
      const page = response.headers.get('content-type')?.startsWith('text/html') === true;
      if (response.ok && !page) return jsonOf(text);
      const code = CODES[response.status] ?? (response.status >= 500 ? 'UNAVAILABLE' : 'UNEXPECTED');
      throw new DeliveryError(page && response.ok ? 'UNEXPECTED' : code, {
        ...details,
        retryAfterSeconds: retryAfterSeconds(response.headers.get('retry-after'), now()),
      });
    } catch (error) {
      if (error instanceof DeliveryError) throw error;
      throw new DeliveryError(LOST.has(causeCode(error) ?? '') ? 'CONNECTION_LOST' : 'UNREACHABLE', { cause: error });
    }
  };
