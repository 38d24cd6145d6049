import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { SourceId } from '../../../functions/manifest.ts';
import { closeServer, listenOnLoopback, readBody, sendJson } from '../http.ts';
import { SLOW_MS, type VendorFault } from './faults.ts';
import type { FakeAnswer, FakeRequest, FakeUser, FakeVendor } from './vendor.ts';
import { FakePeople } from './world.ts';

export type { VendorFault } from './faults.ts';

const MAX_BODY_BYTES = 1024 * 1024;
/** The journal of a stack that runs for days must not grow for days. */
const KEPT_REQUESTS = 100_000;

export interface FakeVendorServerOptions {
  readonly vendors: readonly FakeVendor[];
  /** @default nobody but the people whom `npm run send` invents, and they are known by id only */
  readonly users?: readonly FakeUser[];
  /** What `GET /<id>/jwks` answers, asked each time; undefined = 404. @default no keys */
  readonly keysOf?: (id: string) => unknown;
  /** The clock that vendors see. Rate limits count real time. @default the system clock */
  readonly now?: () => Date;
  /** @default 0, any free port */
  readonly port?: number;
}

export interface VendorRequest {
  readonly id: string;
  readonly method: string;
  /** Below the vendor's base URL, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Null when the connection was reset instead. */
  readonly status: number | null;
}

export interface FakeVendorServer {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly origin: string;
  baseOf(id: string): string;
  /** The newest 100,000 requests, oldest first. */
  readonly requests: readonly VendorRequest[];
  /**
   * The vendor's next requests suffer these, one each; later scripts queue up behind. `mentioning`: only those with this text in
   * path, query or body, a user's id for instance. Public keys are always served.
   */
  breakNext(id: SourceId, faults: readonly VendorFault[], mentioning?: string): void;
  /** From now on no vendor has this user. */
  remove(userId: string): void;
  add(user: FakeUser): void;
  /** Ends open sockets too. */
  close(): Promise<void>;
}

/** Whole seconds until another call may pass; 0 = it may, and is counted. */
const createLimit = ({ limit }: FakeVendor): (() => number) => {
  const moments: number[] = [];
  return () => {
    const now = performance.now();
    while (moments[0] !== undefined && moments[0] <= now - limit.perMs) moments.shift();
    const [oldest] = moments;
    if (oldest !== undefined && moments.length >= limit.calls) return Math.max(1, Math.ceil((oldest + limit.perMs - now) / 1000));
    moments.push(now);
    return 0;
  };
};

const bodyOf = (bytes: Buffer, contentType = ''): unknown => {
  if (contentType.startsWith('application/x-www-form-urlencoded')) return new URLSearchParams(bytes.toString('utf8'));
  if (!contentType.includes('json')) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
};

/** Like what Node's headers say, but with repeated ones joined. */
const headersOf = ({ headers }: IncomingMessage): FakeRequest['headers'] =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]));

interface Scripted {
  readonly fault: VendorFault;
  readonly mentioning: string;
}

interface Vendor {
  readonly fake: FakeVendor;
  readonly secondsToWait: () => number;
  readonly script: Scripted[];
}

/** The fault that this request suffers, used up. */
const takeFault = (script: Scripted[], { path, query, body }: FakeRequest): VendorFault | undefined => {
  if (script.length === 0) return undefined;
  const form = body instanceof URLSearchParams ? [...body] : body;
  const text = JSON.stringify([decodeURIComponent(path), [...query], form]);
  const index = script.findIndex(({ mentioning }) => text.includes(mentioning));
  return index < 0 ? undefined : script.splice(index, 1)[0]?.fault;
};

const UNKNOWN: FakeAnswer = { status: 404, body: { error: 'not_found' } };
const FAULTY = {
  '429': { status: 429, body: { error: 'too_many_requests' } },
  '404': UNKNOWN,
  '500': { status: 500, body: { error: 'internal_error' } },
} as const satisfies Partial<Record<VendorFault, FakeAnswer>>;

const tooMany = (vendor: FakeVendor, seconds: number, now: Date): FakeAnswer =>
  vendor.tooMany?.(seconds, now) ?? { ...FAULTY['429'], headers: { 'retry-after': String(seconds) } };

/** Starts one server for the APIs of all vendors, each below `/<id>`. Rejects when the port is taken. */
export const startFakeVendors = async ({
  vendors,
  users = [],
  keysOf = () => undefined,
  now = () => new Date(),
  port = 0,
}: FakeVendorServerOptions): Promise<FakeVendorServer> => {
  const people = new FakePeople(users, now());
  const known = new Map<string, Vendor>(vendors.map((fake) => [fake.id, { fake, secondsToWait: createLimit(fake), script: [] }]));
  const requests: VendorRequest[] = [];
  const closing = new AbortController();
  let origin = '';
  const baseOf = (id: string): string => `${origin}/${id}`;

  const answerTo = async (id: string, request: FakeRequest): Promise<FakeAnswer | 'reset'> => {
    if (request.method === 'GET' && request.path === '/jwks') {
      const keys = await keysOf(id);
      return keys === undefined ? UNKNOWN : { status: 200, body: keys };
    }
    const found = known.get(id);
    if (found === undefined) return UNKNOWN;
    const { fake, secondsToWait, script } = found;
    const fault = takeFault(script, request);
    if (fault === 'reset') return 'reset';
    if (fault === '429-retry-after') return tooMany(fake, 1, now());
    if (fault !== undefined && fault !== 'slow') return FAULTY[fault];
    if (fault === 'slow') await pause(SLOW_MS, undefined, { signal: closing.signal });
    const seconds = secondsToWait();
    if (seconds > 0) return tooMany(fake, seconds, now());
    return fake.answer(request, { users: people.users, user: (userId) => people.user(userId), now, base: baseOf(id) });
  };

  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [place = '/', ...rest] = (message.url ?? '/').split('?');
    const [, id = '', path = ''] = /^\/([^/]*)(.*)$/.exec(place) ?? [];
    // Whoever looks whether the server is up asks no vendor.
    if (id === '') return sendJson(response, 404, UNKNOWN.body);
    const query = new URLSearchParams(rest.join('?'));
    const method = message.method ?? 'GET';
    const bytes = await readBody(message, MAX_BODY_BYTES);
    if (bytes === undefined) return sendJson(response, 413, { error: 'too_large' });
    const body = bytes.byteLength === 0 ? undefined : bodyOf(bytes, message.headers['content-type']);
    const answer = await answerTo(id, { method, path: path || '/', query, headers: headersOf(message), body });
    if (requests.length === KEPT_REQUESTS) requests.shift();
    requests.push({ id, method, path: path || '/', query, status: answer === 'reset' ? null : answer.status });
    if (answer === 'reset') response.destroy();
    else if (answer.body === undefined) response.writeHead(answer.status, { 'content-length': 0, ...answer.headers }).end();
    else sendJson(response, answer.status, answer.body, answer.headers);
  };

  const server = createServer((message, response) => {
    serve(message, response).catch((error: unknown) => {
      if (closing.signal.aborted || !message.complete) return;
      // A bug in a fake must not pass for an outage of the vendor: nobody tries a 400 again, and the process hears of it.
      sendJson(response, 400, { error: 'a bug in the fake vendor', message: String(error) });
      throw error;
    });
  });
  origin = await listenOnLoopback(server, port);

  return {
    origin,
    baseOf,
    requests,
    breakNext: (id, faults, mentioning = '') => {
      const found = known.get(id);
      if (found === undefined) throw new Error(`no fake vendor is called ${id}`);
      found.script.push(...faults.map((fault) => ({ fault, mentioning })));
    },
    remove: (userId) => people.remove(userId),
    add: (user) => people.add(user),
    close: async () => {
      closing.abort();
      await closeServer(server);
    },
  };
};
