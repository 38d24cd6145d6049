/** What a route decided. The server turns it into bytes. */
export interface Answer {
  readonly status: number;
  /** Sent as JSON. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the request log only: what the caller should not have sent, though it was accepted. */
  readonly warnings?: readonly string[];
}

/** Userpilot's error body has this shape; it publishes no value of `error_code`, so these are invented and no test may read them. */
const LABELS: Readonly<Record<number, string>> = {
  400: 'bad_request',
  401: 'unauthorized',
  404: 'not_found',
  409: 'conflict',
  413: 'payload_too_large',
  429: 'too_many_requests',
};

export const refuse = (status: number, details: string, headers: Readonly<Record<string, string>> = {}): Answer => {
  const error = LABELS[status] ?? 'error';
  return { status, headers, body: { errors: [{ error, error_code: `fake_${error}`, message: details, details }] } };
};
