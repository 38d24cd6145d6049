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
  /** Of the answer; a longer one counts as empty. */
  readonly maxBytes: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface ExchangeOptions {
  /** @default the runtime's own */
  readonly fetch?: typeof globalThis.fetch;
  /** A signal that aborts after so many milliseconds. @default AbortSignal.timeout */
  readonly abortAfter?: (milliseconds: number) => AbortSignal;
}

/** Reads what there is, up to the cap, and always ends the body: an unread one keeps its connection. */
const readText = async (response: Response, maxBytes: number): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) return '';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
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
    const text = await readText(response, maxBytes);
    return { status: response.status, headers: response.headers, text };
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

/** Seconds: a number, or an HTTP date counted from now. */
export const retryAfterSeconds = (value: string | null, now: Date): number | undefined => {
  if (value === null) return undefined;
  const seconds = /^\d{1,6}$/.test(value) ? Number(value) : (Date.parse(value) - now.getTime()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
};
