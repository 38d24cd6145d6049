/** Takes one line of JSON without its line end. In Lambda: standard output, which CloudWatch collects. */
export type Output = (line: string) => void;

export type Outcome =
  | 'accepted'
  | 'ignored'
  | 'rejected'
  | 'refused'
  | 'delivered'
  | 'superseded'
  | 'tombstone'
  | 'retrying'
  | 'unavailable';

/** Everything that may be logged. A closed list: there is no field that an e-mail address, a body or a secret fits into. */
export interface LogFields {
  readonly source?: string;
  readonly type?: string;
  readonly eventId?: string;
  readonly outcome?: Outcome;
  /** A reason code of ours. */
  readonly code?: string;
  /** From receipt of the webhook to this outcome. */
  readonly milliseconds?: number;
  /** HTTP status that Userpilot or we answered. */
  readonly status?: number;
  /** `x-request-id` of Userpilot's answer. */
  readonly requestId?: string;
  readonly attempt?: number;
  readonly count?: number;
  readonly seconds?: number;
  /** Name of one of our secrets, never its value. */
  readonly secret?: string;
  /** Keeps the class, code and stack frames; drops the message, which may quote input. */
  readonly error?: unknown;
}

export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Vendors choose event types and ids; a line stays a line whatever they choose. */
const MAX_TEXT = 200;

const cut = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);

/** Messages of foreign errors quote their input (JSON.parse does), so only the frames below the message are kept. */
const describe = (error: unknown): Record<string, unknown> => {
  if (!Error.isError(error)) return { name: typeof error };
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line));
  const cause = error.cause === undefined ? {} : { cause: describe(error.cause) };
  return { name: error.name, ...code, ...cause, frames: frames?.slice(0, 8).map((line) => line.trim()) };
};

/** One JSON object a line: `at`, `level`, `function`, `message` and the fields. */
export const createLog = (output: Output, name: string, now: () => Date): Log => {
  const write =
    (level: string) =>
    (message: string, { error, ...fields }: LogFields = {}) => {
      const shown = Object.fromEntries(
        Object.entries(fields).map(([key, value]) => [key, typeof value === 'string' ? cut(value) : value]),
      );
      const failure = error === undefined ? {} : { error: describe(error) };
      output(JSON.stringify({ at: now().toISOString(), level, function: name, message, ...shown, ...failure }));
    };
  return { info: write('INFO'), warn: write('WARN'), error: write('ERROR') };
};
