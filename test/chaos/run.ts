import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseSecrets, readText } from '../../infra/local/secrets-file.ts';
import { createRandom } from '../simulator/random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { mismatchesOf, mostInAMinute } from './judge.ts';
import { secretsIn } from './letter.ts';
import { createLives, type Lives } from './lives.ts';
import { readOutputs, waitingIn } from './outputs.ts';
import { planOf } from './plan.ts';
import { repertoires } from './repertoire.ts';
import { makeTrouble, refuseUsers } from './trouble.ts';
import { startVendor, type Vendor } from './vendor.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly events: number;
  readonly users: number;
  readonly kills: number;
  readonly eventsPerSecond: number;
  /** How long the queue may take to run empty after the last kill. */
  readonly drainMs: number;
  readonly onProgress: (line: string) => void;
}

export interface ChaosReport {
  readonly sources: readonly string[];
  readonly events: number;
  readonly requests: number;
  readonly acknowledged: number;
  readonly kills: number;
  /** How often, by name. */
  readonly troubles: ReadonlyMap<string, number>;
  readonly calls: number;
  readonly maxCallsPerMinute: number;
  readonly maxCallsPerMinuteOfALife: number;
  readonly superseded: number;
  readonly rejected: number;
  readonly deadLetters: number;
  readonly seconds: number;
  readonly mismatches: readonly string[];
}

const clock = (milliseconds: number): string => {
  const seconds = Math.floor(milliseconds / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
};

const POLL_MS = 500;
const TELL_EVERY_MS = 10_000;

type Tell = (what: string) => void;

/** Kills and restarts at random moments, so that the last kill comes about when the last event is due. */
const killAll = async (
  lives: Lives,
  {
    kills,
    meanMs,
    tell,
    between,
  }: {
    readonly kills: number;
    readonly meanMs: number;
    readonly tell: Tell;
    readonly between: (least: number, most: number) => number;
  },
): Promise<void> => {
  for (let kill = 1; kill <= kills; kill += 1) {
    const livedMs = await lives.kill(between(0.05, 1.95) * meanMs);
    tell(`kill ${kill} of ${kills}, ${(livedMs / 1000).toFixed(1)} s after its start`);
    await lives.begin();
  }
};

/** Until all is sent and the queue of events is empty, or time is over. Answers how many messages it still holds. */
const drain = async (
  lives: Lives,
  vendor: Vendor,
  { drainMs, tell }: { readonly drainMs: number; readonly tell: Tell },
): Promise<number> => {
  const deadline = performance.now() + drainMs;
  let isSent = false;
  void vendor.done.then(() => {
    isSent = true;
  });
  let told = 0;
  for (;;) {
    const waiting = await waitingIn(lives.running());
    if ((isSent && waiting === 0) || performance.now() > deadline) return waiting;
    if (performance.now() - told > TELL_EVERY_MS) {
      told = performance.now();
      tell(`${isSent ? 'all sent' : 'sending'}, ${waiting} waiting`);
    }
    await pause(POLL_MS);
  }
};

/** Sends, kills, breaks and restarts as planned, and compares what came out with what was acknowledged. */
export const runChaos = async (options: ChaosOptions): Promise<ChaosReport> => {
  const { seed, kills, eventsPerSecond, drainMs, onProgress } = options;
  const start = performance.now();
  const plan = planOf({ ...options, endsAt: Date.now() }, repertoires());
  const random = createRandom(seed).fork();
  const refused = plan.cast.filter(({ isRefused }) => isRefused).map(({ id }) => id);
  const folder = temporaryFolder();
  const dataDir = join(folder.path, 'data');
  const lives = createLives(dataDir, ({ runner }) => refuseUsers(runner.userpilotUrl, refused));
  const over = new AbortController();
  /** Where the process exits in the middle. The signal is sent before `end` waits for anything. */
  const clear = () => {
    void lives.end();
    folder.remove();
  };
  process.once('exit', clear);
  try {
    await lives.begin();
    const path = join(dataDir, 'secrets.json');
    const secretOf = secretsIn(parseSecrets(readText(path), path));
    const vendor = startVendor({ deliveries: plan.deliveries, eventsPerSecond, address: lives.url, secretOf, over: over.signal });
    const trouble = makeTrouble(() => lives.current()?.runner.userpilotUrl, { random: random.fork(), refused });
    const tell: Tell = (what) =>
      onProgress(`${clock(performance.now() - start)}  ${what}; ${vendor.acknowledged.size} of ${options.events} acknowledged`);

    const meanMs = (plan.deliveries.length / eventsPerSecond / kills) * 1000;
    await killAll(lives, { kills, meanMs, tell, between: random.between }).finally(trouble.heal);
    const waiting = await drain(lives, vendor, { drainMs, tell });
    await lives.close();

    const outputs = await readOutputs(lives.running(), dataDir);
    const calls = lives.calls(outputs.effects);
    const { acknowledged, firstPostAt, refusals } = vendor;
    return {
      sources: [...new Set(plan.happenings.map(({ repertoire }) => repertoire.source))].sort(),
      events: plan.happenings.length,
      requests: vendor.posts(),
      acknowledged: acknowledged.size,
      kills,
      troubles: trouble.troubles,
      calls: calls.length,
      maxCallsPerMinute: mostInAMinute(calls),
      maxCallsPerMinuteOfALife: lives.mostCallsPerMinute(),
      superseded: outputs.endings.filter(({ outcome }) => outcome === 'superseded').length,
      rejected: outputs.rejected.length,
      deadLetters: outputs.deadLetters.length,
      seconds: (performance.now() - start) / 1000,
      mismatches: [
        ...[...refusals].map(([reason, count]) => `${count} authentic events were refused: ${reason}`),
        ...mismatchesOf({ plan, acknowledged, firstPostAt, calls, waiting }, outputs),
      ],
    };
  } finally {
    over.abort();
    await lives.end();
    folder.remove();
    process.off('exit', clear);
  }
};
