import { beginLife, type CallSeen, endLife, type LastWords, type Life, lastWordsOf } from './life.ts';

/** One stack after the other on the same data. */
export interface Lives {
  /** @throws Error when the stack does not come up. */
  begin(): Promise<Life>;
  /** Lets the stack live for a while, then SIGKILL. Answers how long it lived, in milliseconds. */
  kill(afterMs: number): Promise<number>;
  /** Undefined between two. */
  current(): Life | undefined;
  /** @throws Error between two. */
  running(): Life;
  /** Of the next one where there is none. */
  url(): Promise<string>;
  /** Identify calls of all lives, in no order. `effects` are those that had one, by the fake's journal. */
  calls(effects: readonly CallSeen[]): readonly CallSeen[];
  /** The most that the fake counted in any 60 s of one life. */
  mostCallsPerMinute(): number;
  /** Asks the last one what only it can tell. */
  close(): Promise<void>;
  /** SIGKILL to whatever runs, at once. */
  end(): Promise<void>;
}

/** @param onBegin called before anybody learns of the address. */
export const createLives = (dataDir: string, onBegin: (life: Life) => Promise<void>): Lives => {
  let next = Promise.withResolvers<Life>();
  let life: Life | undefined;
  let startedAt = 0;
  const words: (LastWords & { readonly startedAt: number })[] = [];

  const running = (): Life => {
    if (life === undefined) throw new Error('no stack is running');
    return life;
  };

  /** What a kill took from the log, and had an effect: after the last call that the log told of, before the next life. */
  const lost = (effects: readonly CallSeen[]): readonly CallSeen[] =>
    words.flatMap(({ calls, startedAt: from }, index) => {
      const since = calls.reduce((latest, { at }) => Math.max(latest, at), from);
      const until = words[index + 1]?.startedAt ?? Number.POSITIVE_INFINITY;
      return effects.filter(({ at }) => at > since && at < until);
    });

  return {
    async begin() {
      life = await beginLife(dataDir);
      startedAt = life.startedAt;
      await onBegin(life);
      next.resolve(life);
      return life;
    },
    async kill(afterMs) {
      const last = await endLife(running(), afterMs);
      next = Promise.withResolvers();
      life = undefined;
      words.push({ ...last, startedAt });
      return last.endedAt - startedAt;
    },
    current: () => life,
    running,
    url: async () => (await next.promise).runner.url,
    calls: (effects) => [...words.flatMap(({ calls }) => calls), ...lost(effects)],
    mostCallsPerMinute: () => Math.max(0, ...words.map(({ maxIdentifyPerMinute }) => maxIdentifyPerMinute)),
    async close() {
      words.push({ ...(await lastWordsOf(running())), startedAt });
    },
    end: async () => life?.runner.kill(),
  };
};
