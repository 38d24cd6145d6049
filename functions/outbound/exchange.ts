/** Node's and undici's codes for a connection that ended under the request. */
const LOST = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** No whole answer came. `CONNECTION_LOST`: the socket ended, often one that died while the function was frozen. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  readonly code: 'CONNECTION_LOST' | 'UNREACHABLE';
  constructor(code: NoAnswer['code'], options?: ErrorOptions) {
    super(`no answer: ${code}`, options);
    this.code = code;
  }
}

export interface Exchange {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Fixed by configuration, never from a payload. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | FormData | undefined;
  /** Over headers and body together; fetch alone would wait 300 s for each. */
  readonly timeoutMs: number;
  /** Of the answer; a longer one counts as empty, and `isWhole` says so. */
  readonly maxBytes: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** False where the body was longer than `maxBytes`. */
  readonly isWhole: boolean;
}

export interface ExchangeOptions {
  /** @default the runtime's own */
  readonly fetch?: typeof globalThis.fetch;
  /** A signal that aborts after so many milliseconds. @default AbortSignal.timeout */
  readonly abortAfter?: (milliseconds: number) => AbortSignal;
}

/** Reads what there is, up to the cap, and always ends the body: an unread one keeps its connection. */
const readBody = async (response: Response, maxBytes: number): Promise<Pick<Answer, 'text' | 'isWhole'>> => {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) return { text: '', isWhole: false };
    chunks.push(chunk);
  }
  return { text: Buffer.concat(chunks).toString('utf8'), isWhole: true };
};

const causeCode = (error: unknown): string | undefined => {
  const cause = Error.isError(error) ? error.cause : undefined;
  return typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : undefined;
};

/** One request over fetch: a time limit, no redirects, a capped body. Any status is an answer. Throws a NoAnswer. */
export const exchange = async (
  { method, url, headers, body, timeoutMs, maxBytes }: Exchange,
  { fetch = globalThis.fetch, abortAfter = (milliseconds) => AbortSignal.timeout(milliseconds) }: ExchangeOptions = {},
): Promise<Answer> => {
  try {
    const payload = body === undefined ? {} : { body };
    const response = await fetch(url, { method, headers, ...payload, redirect: 'manual', signal: abortAfter(timeoutMs) });
    return { status: response.status, headers: response.headers, ...(await readBody(response, maxBytes)) };
  } catch (error) {
    throw new NoAnswer(LOST.has(causeCode(error) ?? '') ? 'CONNECTION_LOST' : 'UNREACHABLE', { cause: error });
  }
};

/** Undefined for what is not JSON. */
export const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const NUMBER = /^\d{1,6}(?:\.\d{1,6})?$/;
/** Date.parse reads much that is no HTTP date, "-5" for instance. */
const HTTP_DATE = /^[A-Z][a-z]{2}, .* GMT$/;

/** Whole seconds: of a number, or of an HTTP date counted from now. Undefined for what is neither. */
export const retryAfterSeconds = (value: string | null, now: Date): number | undefined => {
  if (value === null || !(NUMBER.test(value) || HTTP_DATE.test(value))) return undefined;
  const seconds = NUMBER.test(value) ? Number(value) : (Date.parse(value) - now.getTime()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
};
