import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApi } from './api.ts';
import { createClock } from './clock.ts';
import { FaultScript, type Faults } from './faults.ts';
import { openJournal } from './journal.ts';
import { DEFAULT_KNOBS, type Knobs } from './knobs.ts';
import { type LoggedRequest, RequestLog } from './log.ts';
import { createServe } from './serve.ts';
import type { Store } from './store.ts';
import { World } from './world.ts';

export type { Fault, Faults } from './faults.ts';
export type { Knobs } from './knobs.ts';
export type { LoggedRequest } from './log.ts';
export type { Store, StoredCompany, StoredUser } from './store.ts';

export interface FakeUserpilotOptions {
  /** The keys accepted right now; asked on each request, so a key can be rotated while it runs. */
  readonly apiKeys: () => readonly string[];
  /** @default 0, any free port */
  readonly port?: number;
  readonly knobs?: Partial<Knobs>;
  /**
   * A file that keeps users, companies, jobs and pending deletions over a hard kill. Absent: they live in memory.
   * It records what was asked, and is carried out again at start with the knobs of that start.
   */
  readonly dataFile?: string;
  /** Epoch ms. @default Date.now */
  readonly now?: () => number;
}

export interface FakeUserpilot {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly url: string;
  readonly store: Store;
  /** The newest 100,000 requests under `/v1`, oldest first. */
  readonly requests: () => readonly LoggedRequest[];
  readonly faults: Faults;
  /** Moves the fake's clock forward: jobs progress, nightly deletions run. Throws a RangeError unless `ms` is 0 or more. */
  advance(ms: number): void;
  /** Ends open sockets too. */
  close(): Promise<void>;
}

/** Starts a Userpilot on 127.0.0.1. Rejects when the port is taken or the data file is not its own. */
export const startFakeUserpilot = async ({
  apiKeys,
  port = 0,
  dataFile,
  now = Date.now,
  ...options
}: FakeUserpilotOptions): Promise<FakeUserpilot> => {
  const knobs = { ...DEFAULT_KNOBS, ...options.knobs };
  const clock = createClock(now);
  const journal = dataFile === undefined ? undefined : openJournal(dataFile);
  const world = new World(knobs, (command) => journal?.append(command));
  for (const entry of journal?.entries ?? []) {
    clock.notBefore(entry.at);
    if (entry.op === 'advance') clock.advance(entry.ms);
    else world.replay(entry);
  }
  const api = createApi({ apiKeys, knobs, world, hiddenWorld: new World(knobs, () => undefined) });
  const closing = new AbortController();

  const advance = (ms: number): void => {
    if (!(ms >= 0 && Number.isFinite(ms))) throw new RangeError('the clock moves forward only');
    journal?.append({ op: 'advance', ms, at: clock.now() });
    clock.advance(ms);
  };

  const inside = { world, log: new RequestLog(), faults: new FaultScript(), now: clock.now, advance };
  const serve = createServe({ ...inside, api, clock, closing: closing.signal });
  const server = createServer((message, response) => {
    serve(message, response).catch((error: unknown) => {
      // A bug in here must not pass for an outage of Userpilot: it ends the process.
      if (!closing.signal.aborted) throw error;
    });
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');

  const settled = <Found>(find: () => Found): Found => {
    world.settle(clock.now());
    return find();
  };
  return {
    // A TCP server that listens has an address of this shape.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    store: {
      users: () => settled(() => world.profiles.users()),
      user: (id) => settled(() => world.profiles.user(id)),
      companies: () => settled(() => world.profiles.companies()),
      company: (id) => settled(() => world.profiles.company(id)),
    },
    requests: () => inside.log.entries(),
    faults: inside.faults,
    advance,
    close: async () => {
      if (closing.signal.aborted) return;
      closing.abort();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      journal?.close();
    },
  };
};
