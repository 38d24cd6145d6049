import { expect } from '@jest/globals';
import {
  type FakeUserpilot,
  type FakeUserpilotOptions,
  startFakeUserpilot,
} from '../../../../infra/local/fake-userpilot/server.ts';

export const KEY = 'invented-key-1';
export const NOON = Date.UTC(2031, 3, 9, 12);
export const VERSION = { 'x-api-version': '2020-09-22' } as const;

type Options = Partial<Omit<FakeUserpilotOptions, 'now'>>;
const running: FakeUserpilot[] = [];

/** A fake whose clock stands at noon until `pass` moves it. */
export const start = async (options: Options = {}) => {
  let now = NOON;
  const fake = await startFakeUserpilot({ apiKeys: () => [KEY], now: () => now, ...options });
  running.push(fake);
  const pass = (ms: number) => {
    now += ms;
  };
  return { fake, pass, call: callerOf(fake.url) };
};

export const stopAll = async (): Promise<void> => {
  await Promise.all(running.splice(0).map((fake) => fake.close()));
};

interface CallOptions {
  /** @default KEY */
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Sends JSON (text and bytes go as they are) with all headers that Userpilot's pages ask for; `headers` overrides them. */
export const callerOf =
  (url: string) =>
  (method: string, path: string, body?: unknown, { key = KEY, headers, signal }: CallOptions = {}): Promise<Response> =>
    fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Token ${key}`, 'content-type': 'application/json', ...VERSION, ...headers },
      redirect: 'manual',
      ...(body !== undefined && { body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) }),
      ...(signal && { signal }),
    });

/** The documented error shape, whatever it says. */
export const ERRORS = {
  errors: [
    { details: expect.any(String), error: expect.any(String), error_code: expect.any(String), message: expect.any(String) },
  ],
};

/** Polls until it holds. Throws after five seconds. */
export const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + 5000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it did not come true in five seconds');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

/** The JSON of an answer, in the shape that the test expects it to have. */
export const jsonOf = async <Shape = Record<string, unknown>>(answer: Response | Promise<Response>): Promise<Shape> =>
  (await (await answer).json()) as Shape;
