/** Picks one of so many options, counted from 0. The same choices give the same run. */
export type Choose = (options: number) => number;

interface Taken {
  readonly choice: number;
  readonly options: number;
}

/**
 * Runs every sequence of choices once, depth first: each run is a replay of the one before up to the last choice that has
 * an option left, and takes that one. Answers how many there were; `run` may answer 'stop' to end it there.
 */
export const explore = async (run: (choose: Choose) => Promise<'stop' | undefined>): Promise<number> => {
  let schedules = 0;
  let prefix: readonly number[] = [];
  for (;;) {
    const taken: Taken[] = [];
    const answer = await run((options) => {
      const choice = prefix[taken.length] ?? 0;
      taken.push({ choice, options });
      return choice;
    });
    schedules += 1;
    let last = taken.pop();
    while (last !== undefined && last.choice === last.options - 1) last = taken.pop();
    if (last === undefined || answer === 'stop') return schedules;
    prefix = [...taken.map(({ choice }) => choice), last.choice + 1];
  }
};
