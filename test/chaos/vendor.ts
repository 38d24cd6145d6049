import { setTimeout as pause } from 'node:timers/promises';
import { createPoster } from '../../infra/tools/send/post.ts';
import { urlFor } from '../../infra/tools/send/run.ts';
import { letterOf } from './letter.ts';
import type { Happening } from './plan.ts';

export interface VendorOptions {
  readonly deliveries: readonly Happening[];
  readonly eventsPerSecond: number;
  /** Resolves with the address when the stack runs. */
  readonly address: () => Promise<string>;
  readonly secretOf: (source: string) => string;
  /** The run is over, however it ended. */
  readonly over: AbortSignal;
}

/** The vendors' side: sends until everything is acknowledged. */
export interface Vendor {
  readonly acknowledged: ReadonlySet<Happening>;
  /** Requests, those without an answer among them. */
  readonly posts: () => number;
  /** Epoch milliseconds of the first attempt. */
  readonly firstPostAt: ReadonlyMap<Happening, number>;
  /** Answers that a vendor takes for a refusal: there should be none. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Resolves when every delivery is acknowledged or refused. */
  readonly done: Promise<void>;
}

const CONCURRENCY = 4;
const RESEND_AFTER_MS = 200;
/** Cognito's function answers in any case, after 1.5 s without having queued; what took so long is sent again. */
const COGNITO_PATIENCE_MS = 1300;

/** How many of a person's deliveries of each stage are still to be acknowledged. */
const createGates = (deliveries: readonly Happening[]) => {
  const open = new Map<string, Map<number, number>>();
  const stagesOf = ({ person }: Happening) => {
    const stages = open.get(person.id) ?? new Map<number, number>();
    open.set(person.id, stages);
    return stages;
  };
  const add = (happening: Happening, count: number) => {
    const stages = stagesOf(happening);
    const left = (stages.get(happening.stage) ?? 0) + count;
    if (left > 0) stages.set(happening.stage, left);
    else stages.delete(happening.stage);
  };
  // A duplicate comes when it comes: only the first delivery of an event opens the next stage.
  for (const happening of new Set(deliveries)) add(happening, 1);
  return {
    isOpen: (happening: Happening) => [...stagesOf(happening).keys()].every((stage) => stage >= happening.stage),
    pass: (happening: Happening) => add(happening, -1),
  };
};

/** Lets so many work at the same time, in the order in which they asked. */
const createTurns = (places: number) => {
  let free = places;
  const waiting: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
};

export const startVendor = ({ deliveries, eventsPerSecond, address, secretOf, over }: VendorOptions): Vendor => {
  const acknowledged = new Set<Happening>();
  const settled = new Set<Happening>();
  const firstPostAt = new Map<Happening, number>();
  const refusals = new Map<string, number>();
  const gates = createGates(deliveries);
  const poster = createPoster(CONCURRENCY);
  const start = performance.now();
  let posts = 0;
  let next = 0;

  /** Answers whether it need not be sent again. */
  const attempt = async (happening: Happening): Promise<boolean> => {
    const to = await address();
    const now = new Date();
    const first = firstPostAt.get(happening) ?? now.getTime();
    firstPostAt.set(happening, first);
    const { source } = happening.repertoire;
    const { body, headers } = letterOf(happening, { secretOf, firstAt: new Date(first), now });
    posts += 1;
    const { kind, reason = '', milliseconds } = await poster.post(urlFor(source, to), body, headers);
    if (kind === 'failed' || (source === 'cognito' && milliseconds > COGNITO_PATIENCE_MS)) return false;
    if (!settled.has(happening)) gates.pass(happening);
    settled.add(happening);
    if (kind === 'refused') refusals.set(`${source} ${reason}`, (refusals.get(`${source} ${reason}`) ?? 0) + 1);
    else acknowledged.add(happening);
    return true;
  };

  const turns = createTurns(CONCURRENCY);
  const deliver = async (happening: Happening): Promise<void> => {
    while (!gates.isOpen(happening) && !over.aborted) await pause(RESEND_AFTER_MS);
    while (!over.aborted && !(await turns(() => attempt(happening)))) await pause(RESEND_AFTER_MS);
  };

  /** Deliveries begin at their time, however long those before them take: what waits must not hold up the rest. */
  const running = new Set<Promise<void>>();
  const send = async (): Promise<void> => {
    for (const happening of deliveries) {
      const wait = start + (next / eventsPerSecond) * 1000 - performance.now();
      next += 1;
      if (wait > 0) await pause(wait);
      await address();
      if (over.aborted) return;
      const delivery = deliver(happening).finally(() => running.delete(delivery));
      running.add(delivery);
    }
    await Promise.all(running);
    poster.close();
  };
  return { acknowledged, posts: () => posts, firstPostAt, refusals, done: send() };
};
