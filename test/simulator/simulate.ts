import { mismatchesOf } from './oracle.ts';
import { SIGNED_SOURCES, type SignedSource } from './receive-worker.ts';
import { createStage, type Stage } from './stage.ts';
import { createTraffic, type Happening } from './traffic.ts';
import { type Fault, planOf } from './trouble.ts';
import { startVendor } from './vendor.ts';
import { createWorld, HOUR, START } from './world.ts';

export interface Outcome {
  readonly events: number;
  readonly calls: number;
  /** Receives of a message beyond its first. */
  readonly retries: number;
  readonly mismatches: readonly string[];
  readonly fingerprint: string;
  readonly stage: Stage;
  readonly happenings: readonly Happening[];
}

/** The retention of the events queue. */
const LIMIT_MS = 14 * 24 * HOUR;

/** One run: events, trouble, and what came of it. The same fault and seed give the same run. */
export const simulate = async (fault: Fault, seed: number, onNote?: (line: string) => void): Promise<Outcome> => {
  const world = createWorld(seed, onNote);
  const { plan, traffic, script } = planOf(fault, world);
  const stage = createStage(world, plan);
  const secrets = new Map<SignedSource, string>();
  for (const source of SIGNED_SOURCES) {
    const secret = `whsec_${Buffer.from(`invented signing secret of ${source}`).toString('base64')}`;
    secrets.set(source, secret);
    stage.vault.put(source, { signingSecrets: [secret] });
  }
  const happenings = createTraffic(world.random.fork(), traffic);
  const vendor = startVendor(stage, happenings, { traffic, secretsOf: (source) => [secrets.get(source) ?? ''] });
  script(stage);
  const ended = await world.run(START + LIMIT_MS);
  const { queue, judge } = stage;
  const mismatches = mismatchesOf({ stage, happenings, acknowledged: vendor.acknowledged, ended });
  const refusals = vendor.refusals
    .filter(({ status }) => status < 500)
    .map(({ status }) => `a valid event was answered ${status}`);
  return {
    events: happenings.length,
    calls: judge.log.length,
    retries: queue.figures.receives - new Set(queue.accepted).size,
    mismatches: [...mismatches, ...refusals],
    fingerprint: world.fingerprint(),
    stage,
    happenings,
  };
};
