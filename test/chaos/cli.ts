import { runMain } from '../../infra/local/problem.ts';
import { HELP, readChaosOptions } from './options.ts';
import { runChaos } from './run.ts';
import { reportLines } from './table.ts';

// The stack is a process of its own, and its data lie in a temporary folder: both are cleared away on exit.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const print = (line = ''): void => void process.stdout.write(`${line}\n`);

await runMain(async () => {
  const options = readChaosOptions(process.argv.slice(2), Math.random);
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const { seed, events, users, kills } = options;
  print();
  print(`  Seed ${seed}: ${events} events about ${users} users, ${kills} kills`);
  print();
  const report = await runChaos({ ...options, onProgress: (line) => print(`  ${line}`) });
  print();
  for (const line of reportLines(report, seed)) print(line);
  print();
  return report.mismatches.length === 0 ? 0 : 1;
});
