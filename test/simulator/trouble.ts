import type { Crossing, Fate, Port } from './process.ts';
import type { Random } from './random.ts';
import type { Plan, Stage } from './stage.ts';
import { POISON, type Traffic, USUAL } from './traffic.ts';
import type { Calling, Reaction } from './wire.ts';
import { MINUTE, SECOND, START, type World } from './world.ts';

/** What one fault does in one run; what it leaves open goes well. */
export interface Trouble {
  readonly fateOf?: (crossing: Crossing) => Fate | undefined;
  readonly react?: (call: Calling) => Reaction | undefined;
  readonly deletes?: () => boolean;
  readonly skewMs?: (process: string) => number;
  readonly traffic?: Partial<Traffic>;
  readonly maxReceiveCount?: number;
  /** Sets things going at moments of their own. */
  readonly script?: (stage: Stage) => void;
}
/** A new trouble for each run: when, how long and how often is up to chance. */
export type MakeTrouble = (random: Random) => Trouble;

export interface Fault {
  readonly name: string;
  readonly make: (random: Random) => readonly Trouble[];
}

/** A while within the run, and how often a fault strikes in it. */
export const storm = (random: Random, longestMs = 12 * MINUTE) => {
  const from = START + random.pick([0, random.between(0, 3 * MINUTE)]);
  const until = from + random.between(MINUTE, longestMs);
  const share = random.pick([0.1, 0.4, 0.8, 1]);
  return (at: number) => at >= from && at < until && random.chance(share);
};

/** Userpilot treats calls in this way for a while. */
export const reacting =
  (reaction: Reaction | ((random: Random, at: number) => Reaction)): MakeTrouble =>
  (random) => {
    const strikes = storm(random);
    const of = (at: number) => (typeof reaction === 'function' ? reaction(random, at) : reaction);
    return { react: ({ at }) => (strikes(at) ? of(at) : undefined) };
  };

export interface Striking {
  readonly ports: readonly Port[];
  /** Whose processes, by the beginning of their names. @default the deliver function's */
  readonly of?: string;
  readonly longestMs?: number;
}

/** Crossings at these ports have this fate for a while. */
export const striking =
  (fates: readonly [Fate, ...Fate[]], { ports, of = 'deliver', longestMs }: Striking): MakeTrouble =>
  (random) => {
    const strikes = storm(random, longestMs);
    return {
      fateOf: ({ port, process, at }) =>
        ports.includes(port) && process.name.startsWith(of) && strikes(at) ? random.pick(fates) : undefined,
    };
  };

/** A process ends here some few times in a run. */
export const killing =
  (fate: 'die before' | 'die after', ports: readonly Port[], of = 'deliver'): MakeTrouble =>
  (random) => {
    let left = 1 + random.below(6);
    const share = random.pick([0.05, 0.2, 0.5]);
    return {
      fateOf: ({ port, process }) => {
        if (left === 0 || !ports.includes(port) || !process.name.startsWith(of) || !random.chance(share)) return undefined;
        left -= 1;
        return fate;
      },
    };
  };

const first = <A, R>(asked: readonly (((argument: A) => R | undefined) | undefined)[], argument: A): R | undefined => {
  for (const ask of asked) {
    const answer = ask?.(argument);
    if (answer !== undefined) return answer;
  }
  return undefined;
};

/** A run in which nothing goes wrong, except for what is told. */
export const calmPlan = ({ random }: World, rest: Partial<Plan> = {}): Plan => ({
  fateOf: () => 'answer',
  react: () => undefined,
  wayMs: () => random.between(5, 80),
  skewMs: () => 0,
  deletes: () => true,
  keeps: () => true,
  mostOfAGroup: () => 10,
  ...rest,
});

/** Everything about a run that is up to chance or to its troubles. */
export const planOf = ({ make }: Fault, world: World) => {
  const { random } = world;
  const troubles = make(random.fork());
  const fates = troubles.map(({ fateOf }) => fateOf);
  const reactions = troubles.map(({ react }) => react);
  const counts = troubles.flatMap(({ maxReceiveCount }) => maxReceiveCount ?? []);
  const shape: Partial<Traffic> = {
    spanMs: random.pick([20 * SECOND, 2 * MINUTE, 10 * MINUTE]),
    users: random.pick([1, 2, 4]),
    kinds: random.pick([1, 2, 9]),
  };
  const traffic: Traffic = Object.assign({}, USUAL, shape, ...troubles.map((trouble) => trouble.traffic));
  const keepShare = random.pick([1, 1, 0.7]);
  const plan = calmPlan(world, {
    fateOf: (crossing) => first(fates, crossing) ?? 'answer',
    react: (call) => (call.body.includes(POISON) ? { kind: 'answer', status: 422 } : first(reactions, call)),
    skewMs: (process) => troubles.reduce((sum, { skewMs }) => sum + (skewMs?.(process) ?? 0), 0),
    deletes: () => troubles.every(({ deletes }) => deletes?.() ?? true),
    keeps: () => random.chance(keepShare),
    mostOfAGroup: () => random.pick([10, 10, 3, 1]),
    ...(counts.length > 0 ? { maxReceiveCount: Math.min(...counts) } : {}),
  });
  const script = (stage: Stage) => {
    for (const trouble of troubles) trouble.script?.(stage);
  };
  return { plan, traffic, script };
};
