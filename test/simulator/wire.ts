import type { Judge } from './judge.ts';
import type { Process } from './process.ts';
import type { World } from './world.ts';

/** Whether a call has its effect at Userpilot; later = after our client gave up on it. */
type Lands = 'no' | 'yes' | 'later';

/** How Userpilot, or what stands before it, treats one call. */
export type Reaction =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      /** @default true for 2xx */
      readonly lands?: boolean;
    }
  | { readonly kind: 'silence'; readonly lands: Lands }
  /** The connection ends under the request. */
  | { readonly kind: 'reset'; readonly lands: Lands }
  /** No connection came about; `code` as undici puts it into the cause. */
  | { readonly kind: 'no way'; readonly code: string }
  /** The answer begins well, and then a byte comes now and then. */
  | { readonly kind: 'drip' }
  | { readonly kind: 'flood' };

export const ACCEPTED: Reaction = { kind: 'answer', status: 202, body: '{}' };

/** A call on its way to Userpilot. */
export interface Calling {
  readonly at: number;
  readonly body: string;
  readonly key: string;
}

export interface WireOptions {
  readonly world: World;
  readonly process: Process;
  readonly judge: Judge;
  readonly react: (call: Calling) => Reaction | undefined;
  /** Milliseconds from our socket to Userpilot. */
  readonly wayMs: () => number;
}

/** Lands within this time after the client gave up: below the shortest back-off, so nobody sends the entity meanwhile. */
const LATER_MS = [10_000, 20_000] as const;
const DRIP_MS = 700;
const FLOOD = { chunks: 12, bytes: 16_384 };

const failed = (code: string, message: string): TypeError =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(message), { code }) });

const json = { 'content-type': 'application/json; charset=utf-8', 'x-request-id': 'invented-request' };

/** The runtime's fetch and AbortSignal.timeout in virtual time, for one process. */
export const createWire = ({ world, process, judge, react, wayMs }: WireOptions) => {
  const { random } = world;

  const dripping = (signal: AbortSignal): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start(controller) {
        const drip = () => {
          if (signal.aborted) controller.error(signal.reason);
          else {
            controller.enqueue(Uint8Array.of(0x20));
            process.later(DRIP_MS, drip);
          }
        };
        drip();
      },
    });
  const flood = (): ReadableStream<Uint8Array> => {
    let left = FLOOD.chunks;
    return new ReadableStream({
      pull(controller) {
        left -= 1;
        if (left < 0) controller.close();
        else controller.enqueue(new Uint8Array(FLOOD.bytes).fill(0x20));
      },
    });
  };

  /** Calls that have nothing more to come: their time limit means nothing. */
  const over = new WeakSet<AbortSignal>();

  const fetch = (url: string | URL | Request, init?: RequestInit): Promise<Response> =>
    new Promise((resolve, reject) => {
      if (!process.isAlive()) return;
      const fate = process.fateOf('userpilot');
      const path = new URL(String(url)).pathname;
      const body = String(init?.body);
      const key = String(new Headers(init?.headers).get('authorization')).replace('Token ', '');
      const signal = init?.signal ?? new AbortController().signal;
      world.note(`${process.name} userpilot ${fate}`);
      if (fate === 'die before') return process.die();
      signal.addEventListener('abort', () => process.isAlive() && reject(signal.reason));
      const back = (act: () => void) => {
        if (process.isAlive()) over.add(signal);
        process.later(wayMs(), act);
      };

      world.after(wayMs(), () => {
        const reaction = react({ at: world.now(), body, key }) ?? ACCEPTED;
        const arrives = (lands: boolean, status = 202) => judge.arrives(path, body, { by: process.name, key, lands, status });
        const arrivesBy = (lands: Lands) => {
          if (lands === 'later') world.after(random.between(...LATER_MS), () => arrives(true));
          else arrives(lands === 'yes');
        };
        if (fate === 'die after') {
          arrives(true);
          return process.die();
        }
        switch (reaction.kind) {
          case 'silence':
            return arrivesBy(reaction.lands);
          case 'reset':
            arrivesBy(reaction.lands);
            return back(() => reject(failed('UND_ERR_SOCKET', 'other side closed')));
          case 'no way':
            return back(() => reject(failed(reaction.code, reaction.code)));
          default: {
            const { status, headers, text, lands } = reaction.kind === 'answer' ? answerOf(reaction) : flowing;
            const refusal = arrives(lands, status);
            if (refusal !== undefined)
              return back(() => resolve(new Response('{"errors":[]}', { status: refusal, headers: json })));
            if (reaction.kind === 'drip')
              return process.later(wayMs(), () => resolve(new Response(dripping(signal), { status, headers })));
            return back(() => resolve(new Response(reaction.kind === 'flood' ? flood() : text, { status, headers })));
          }
        }
      });
    });

  const abortAfter = (milliseconds: number): AbortSignal => {
    const controller = new AbortController();
    process.later(milliseconds, () => {
      if (!over.has(controller.signal)) controller.abort(new DOMException('timed out', 'TimeoutError'));
    });
    return controller.signal;
  };
  return { fetch, abortAfter };
};

const flowing = { status: 202, headers: json, text: '', lands: true };
const answerOf = ({ status, headers = json, body = '{}', lands = status < 300 }: Extract<Reaction, { kind: 'answer' }>) => ({
  status,
  headers,
  text: body,
  lands,
});
