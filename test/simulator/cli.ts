import { parseArgs } from 'node:util';
import { type Scenario, scenarios } from './scenarios.ts';

const HELP = `npm run simulate -- [options]

Runs the delivery code in a simulated world, one fault at a time, and checks what came of every event.

  --seeds N      runs per fault (50)
  --seed S       only this run, with everything that happened in it
  --fault NAME   only this fault; may be given several times
  --until-first  stop at the first mismatch
  --list         the names of the faults
`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '50' },
    seed: { type: 'string' },
    fault: { type: 'string', multiple: true },
    'until-first': { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const chosen = (names: readonly string[] | undefined): readonly Scenario[] => {
  if (names === undefined) return scenarios;
  return names.map((name) => {
    const scenario = scenarios.find((candidate) => candidate.name === name);
    if (scenario === undefined) throw new RangeError(`no fault is called "${name}": --list shows them`);
    return scenario;
  });
};

const WIDTHS = [38, 7, 9, 9, 9, 11];
const line = (...cells: readonly (string | number)[]): void => {
  const [name = '', ...numbers] = cells;
  console.log(
    [String(name).padEnd(WIDTHS[0] ?? 0), ...numbers.map((cell, index) => String(cell).padStart(WIDTHS[index + 1] ?? 0))].join(
      '',
    ),
  );
};

/** Prints a row per scenario; answers how many runs went wrong. */
const runAll = async (list: readonly Scenario[], seeds: readonly number[]): Promise<number> => {
  const total = { runs: 0, events: 0, calls: 0, retries: 0, wrong: 0 };
  line('fault', 'runs', 'events', 'calls', 'retries', 'mismatches');
  for (const scenario of list) {
    const row = { runs: 0, events: 0, calls: 0, retries: 0, wrong: 0 };
    const wrong: string[] = [];
    for (const seed of seeds) {
      const { events, calls, retries, mismatches } = await scenario.run(seed);
      row.runs += 1;
      row.events += events;
      row.calls += calls;
      row.retries += retries;
      if (mismatches.length === 0) continue;
      row.wrong += 1;
      wrong.push(`  ${mismatches[0]}`, `  repeat: npm run simulate -- --fault "${scenario.name}" --seed ${seed}`);
      if (values['until-first']) break;
    }
    line(scenario.name, row.runs, row.events, row.calls, row.retries, row.wrong);
    for (const text of wrong.slice(0, 6)) console.log(text);
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += row[key];
    if (values['until-first'] && row.wrong > 0) break;
  }
  line('all', total.runs, total.events, total.calls, total.retries, total.wrong);
  return total.wrong;
};

const runOne = async (list: readonly Scenario[], seed: number): Promise<number> => {
  let wrong = 0;
  for (const scenario of list) {
    console.log(`${scenario.name}, seed ${seed}`);
    const { mismatches, fingerprint } = await scenario.run(seed, (text) => console.log(text));
    for (const mismatch of mismatches) console.log(`mismatch: ${mismatch}`);
    console.log(`${mismatches.length} mismatches, fingerprint ${fingerprint}`);
    wrong += mismatches.length;
  }
  return wrong;
};

const main = (): Promise<number> => {
  const list = chosen(values.fault);
  if (values.seed !== undefined) return runOne(list, Number(values.seed));
  return runAll(
    list,
    Array.from({ length: Number(values.seeds) }, (_, index) => index + 1),
  );
};

if (values.help) console.log(HELP);
else if (values.list) for (const { name } of scenarios) console.log(name);
else process.exitCode = (await main()) > 0 ? 1 : 0;
