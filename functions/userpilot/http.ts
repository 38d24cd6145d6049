import { type DeliveryCode, DeliveryError } from '../core/errors.ts';
import { type ExchangeOptions, exchange, jsonOf, NoAnswer, retryAfterSeconds } from '../outbound/exchange.ts';

/** The only version Userpilot documents: docs.userpilot.com, Identify User. */
const API_VERSION = '2020-09-22';
export const TIMEOUT_MS = 10_000;
const MAX_BODY_BYTES = 65_536;
/** A list of jobs has no pages. */
const MAX_LIST_BYTES = 1_048_576;

const CODES: Readonly<Record<number, DeliveryCode>> = {
  400: 'REFUSED',
  401: 'UNAUTHORIZED',
  403: 'UNAUTHORIZED',
  409: 'JOB_RUNNING',
  413: 'REFUSED',
  422: 'REFUSED',
  429: 'RATE_LIMITED',
};

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below the base URL, with its leading slash. */
  readonly path: string;
  readonly apiKey: string;
  /** Sent as JSON; a FormData goes as it is, with its own boundary. */
  readonly body?: unknown;
  /** @default that of the options */
  readonly timeoutMs?: number;
}

/** Answers JSON, or undefined for an empty body or one that is not JSON. Throws a DeliveryError for everything but 2xx. */
export type Http = (request: HttpRequest) => Promise<unknown>;

export interface HttpOptions extends ExchangeOptions {
  /** @default 10,000 */
  readonly timeoutMs?: number;
  readonly now?: () => Date;
}

const payloadOf = (body: unknown): string | FormData | undefined =>
  body === undefined || body instanceof FormData ? body : JSON.stringify(body);

/**
 * Userpilot over fetch: every header its pages ask for, 10 s in all, no redirects, a capped body.
 * @param baseUrl without a trailing slash; fixed by configuration, never from a payload
 */
export const createHttp =
  (baseUrl: string, { timeoutMs: usualMs = TIMEOUT_MS, now = () => new Date(), ...options }: HttpOptions = {}): Http =>
  async ({ method, path, apiKey, body, timeoutMs = usualMs }) => {
    const headers = {
      authorization: `Token ${apiKey}`,
      'x-api-version': API_VERSION,
      accept: 'application/json, text/plain, */*',
      ...(body === undefined || body instanceof FormData ? {} : { 'content-type': 'application/json' }),
    };
    const request = {
      method,
      url: `${baseUrl}${path}`,
      headers,
      body: payloadOf(body),
      timeoutMs,
      maxBytes: method === 'GET' ? MAX_LIST_BYTES : MAX_BODY_BYTES,
    };
    const answer = await exchange(request, options).catch((error: unknown) => {
      throw error instanceof NoAnswer ? new DeliveryError(error.code, { cause: error.cause }) : error;
    });
    const { status, text } = answer;
    const ok = status >= 200 && status < 300;
    // A web page with 200 is some proxy or site, not Userpilot: taking it for a success would lose every event.
    const page = answer.headers.get('content-type')?.startsWith('text/html') === true;
    if (ok && !page) return jsonOf(text);
    const code = CODES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'UNEXPECTED');
    throw new DeliveryError(page && ok ? 'UNEXPECTED' : code, {
      status,
      requestId: answer.headers.get('x-request-id') ?? undefined,
      retryAfterSeconds: retryAfterSeconds(answer.headers.get('retry-after'), now()),
    });
  };
