import { setTimeout as pause } from 'node:timers/promises';
import type { Fault } from '../../infra/local/fake-userpilot/server.ts';
import type { Random } from '../simulator/random.ts';

/** What goes wrong at Userpilot: for a while, or for so many calls. */
interface Trouble {
  readonly name: string;
  readonly fault: Fault;
  readonly calls?: number;
}
const TROUBLES: readonly [Trouble, ...Trouble[]] = [
  { name: '500', fault: { kind: 'status', status: 500 } },
  { name: '503 as a web page', fault: { kind: 'status', status: 503, body: 'html' } },
  { name: '429', fault: { kind: 'status', status: 429 } },
  { name: '429 with Retry-After', fault: { kind: 'status', status: 429, retryAfterSeconds: 2 } },
  { name: 'reset before', fault: { kind: 'reset-before' } },
  { name: 'reset after', fault: { kind: 'reset-after' } },
  { name: 'late answers', fault: { kind: 'delay', ms: 800, late: true } },
  { name: 'malformed answers', fault: { kind: 'ok-but-malformed' } },
  { name: 'hangs', fault: { kind: 'hang' }, calls: 2 },
];

const QUIET_MS = [1000, 12_000] as const;
const TROUBLE_MS = [300, 2500] as const;

export interface TroubleMaker {
  /** How often, by name. */
  readonly troubles: ReadonlyMap<string, number>;
  /** Makes no more, and ends what there is. */
  heal(): Promise<void>;
}

const script = (userpilotUrl: string, body: object): Promise<unknown> =>
  fetch(`${userpilotUrl}/_/faults`, { method: 'POST', body: JSON.stringify(body) });

/** Refuses every call for these users, from the moment that it is told so: after a restart a call may come first. */
export const refuseUsers = async (userpilotUrl: string, users: readonly string[]): Promise<void> => {
  for (const user of users) await script(userpilotUrl, { fault: { kind: 'status', status: 400 }, user });
};

/** Breaks the fake Userpilot now and then, until it is healed. A kill ends the trouble with the process. */
export const makeTrouble = (
  userpilotUrl: () => string | undefined,
  { random, refused }: { readonly random: Random; readonly refused: readonly string[] },
): TroubleMaker => {
  const troubles = new Map<string, number>();
  const over = new AbortController();
  const wait = (milliseconds: number) => pause(milliseconds, undefined, { signal: over.signal }).catch(() => undefined);

  const once = async (): Promise<void> => {
    const trouble = random.pick(TROUBLES);
    const url = userpilotUrl();
    if (url === undefined) return;
    await script(url, { fault: trouble.fault, ...(trouble.calls !== undefined && { next: trouble.calls }) });
    troubles.set(trouble.name, (troubles.get(trouble.name) ?? 0) + 1);
    await wait(random.between(...TROUBLE_MS));
    await fetch(`${url}/_/faults`, { method: 'DELETE' });
    await refuseUsers(url, refused);
  };
  const run = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await wait(random.between(...QUIET_MS));
      // The stack may be killed between any two of these requests.
      if (!over.signal.aborted) await once().catch(() => undefined);
    }
  };
  const ended = run();
  return {
    troubles,
    async heal() {
      over.abort();
      await ended;
    },
  };
};
