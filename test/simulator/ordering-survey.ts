import { explore } from './explore.ts';
import { type EpisodeOptions, runEpisode } from './ordering-episode.ts';
import { type Rest, restAtFirst, violationsOf } from './ordering-state.ts';

export interface Survey {
  /** How many different courses of things there are from the first receive to the empty queue. */
  readonly schedules: number;
  /** How many episodes had to be run for that. */
  readonly episodes: number;
  /** Courses that ended wrong. */
  readonly violations: number;
  /** One of them: what was wrong, and how it came about. */
  readonly example?: { readonly wrong: readonly string[]; readonly trace: readonly string[] };
}

interface Known {
  readonly schedules: number;
  readonly violations: number;
}

/**
 * Every schedule of some events with at most so many faults. Two courses that leave the same behind go on alike: what
 * follows is looked at once and counted for both.
 */
export const survey = async (options: EpisodeOptions, faults: number): Promise<Survey> => {
  const { events } = options;
  const known = new Map<string, Known>();
  let episodes = 0;
  let example: Survey['example'];

  const visit = async (rest: Rest, before: readonly string[]): Promise<Known> => {
    if (rest.done.every((done) => done)) {
      const wrong = violationsOf(events, rest);
      if (wrong.length > 0) example ??= { wrong, trace: before };
      return { schedules: 1, violations: wrong.length > 0 ? 1 : 0 };
    }
    const key = JSON.stringify(rest);
    const found = known.get(key);
    if (found !== undefined) return found;
    const ends = new Map<string, { readonly rest: Rest; readonly trace: readonly string[]; times: number }>();
    episodes += await explore(async (choose) => {
      const end = await runEpisode(options, rest, choose);
      const name = JSON.stringify(end.rest);
      const same = ends.get(name) ?? { ...end, times: 0 };
      same.times += 1;
      ends.set(name, same);
      return undefined;
    });
    let total: Known = { schedules: 0, violations: 0 };
    for (const { rest: next, trace, times } of ends.values()) {
      const { schedules, violations } = await visit(next, [...before, ...trace]);
      total = { schedules: total.schedules + times * schedules, violations: total.violations + times * violations };
    }
    known.set(key, total);
    return total;
  };

  const { schedules, violations } = await visit(restAtFirst(events, faults), []);
  return { schedules, episodes, violations, ...(example === undefined ? {} : { example }) };
};
