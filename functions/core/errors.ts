/** Whether another try can help. REFUSED is about this payload; everything else heals when somebody mends something. */
const RETRYABLE = {
  /** 429 */
  RATE_LIMITED: true,
  /** 5xx */
  UNAVAILABLE: true,
  /** No answer in time, or no way there. The call may have had its effect. */
  UNREACHABLE: true,
  /** The connection ended under the request: often a socket that died while the function was frozen. */
  CONNECTION_LOST: true,
  /** 401, 403: a wrong key. Nothing heals until a person acts, and then everything does. */
  UNAUTHORIZED: true,
  /** 400, 413, 422: the same payload will never be taken. */
  REFUSED: false,
  /** 409: another bulk job is running. */
  JOB_RUNNING: true,
  /** Any other answer, a redirect or a web page for instance: the base URL is not Userpilot's. */
  UNEXPECTED: true,
} as const;
export type DeliveryCode = keyof typeof RETRYABLE;

export interface DeliveryDetails extends ErrorOptions {
  readonly status?: number | undefined;
  /** Seconds, from Retry-After. */
  readonly retryAfterSeconds?: number | undefined;
  /** Userpilot's `x-request-id`, to quote to their support. */
  readonly requestId?: string | undefined;
}

export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  readonly code: DeliveryCode;
  readonly status: number | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly requestId: string | undefined;
  constructor(code: DeliveryCode, { status, retryAfterSeconds, requestId, ...options }: DeliveryDetails = {}) {
    super(`Userpilot delivery failed: ${code}`, options);
    this.code = code;
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
    this.requestId = requestId;
  }
  get retryable(): boolean {
    return RETRYABLE[this.code];
  }
}

/**
 * A part of ours that could not be reached (the queue, the table, Secrets Manager), a vendor's page of public keys,
 * or another attempt took over. Always worth another try.
 */
export type DependencyName = 'QUEUE' | 'TABLE' | 'SECRETS' | 'KEYS' | 'OVERTAKEN';
export class DependencyError extends Error {
  override readonly name = 'DependencyError';
  readonly code: DependencyName;
  constructor(code: DependencyName, options?: ErrorOptions) {
    super(`${code} did not answer`, options);
    this.code = code;
  }
}

/** Userpilot is down or takes no key of ours: not tried. */
export class BreakerOpen extends Error {
  override readonly name = 'BreakerOpen';
  readonly code = 'BREAKER_OPEN';
}

/** Sent, and to be sent once more when a bulk job that holds the entity is over: its row may be older, and may come later. */
export class HeldByJob extends Error {
  override readonly name = 'HeldByJob';
  readonly code = 'BULK_JOB';
  /** Until the job is probably over. */
  readonly seconds: number;
  constructor(seconds: number) {
    super('a bulk job holds the entity');
    this.seconds = seconds;
  }
}

/** To be created again at Userpilot, which was just told to delete it and has not done so yet: not tried. */
export class BeingErased extends Error {
  override readonly name = 'BeingErased';
  readonly code = 'BEING_ERASED';
  /** Until the deletion has surely been carried out. */
  readonly seconds: number;
  constructor(seconds: number) {
    super('a deletion is under way');
    this.seconds = seconds;
  }
}

/** Another run has taken the source meanwhile: this one must do nothing more. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
  constructor() {
    super('another run has taken over');
  }
}

/** What a vendor's API answered instead of what was asked for. All worth another try: a user waits, and nothing is lost meanwhile. */
export type VendorCode = 'RATE_LIMITED' | 'UNAVAILABLE' | 'UNREACHABLE' | 'UNAUTHORIZED' | 'NO_CREDENTIAL' | 'UNEXPECTED';

export interface VendorDetails extends ErrorOptions {
  readonly status?: number | undefined;
  /** Seconds, from Retry-After or the vendor's own header. */
  readonly retryAfterSeconds?: number | undefined;
}

export class VendorError extends Error {
  override readonly name = 'VendorError';
  readonly code: VendorCode;
  readonly status: number | undefined;
  readonly retryAfterSeconds: number | undefined;
  constructor(code: VendorCode, { status, retryAfterSeconds, ...options }: VendorDetails = {}) {
    super(`the vendor's API failed: ${code}`, options);
    this.code = code;
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
