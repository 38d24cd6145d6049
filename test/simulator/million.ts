import { bringOver, bringOverChanges } from './resync-crowd.ts';

/** `npm run million`: resyncs of many users in virtual time, and the memory that this process takes for them. */
const MIB = 2 ** 20;
const rss = () => Math.round(process.memoryUsage().rss / MIB);
const print = (line: string): void => void process.stdout.write(`  ${line}\n`);

print('');
for (const people of [10_000, 100_000, 1_000_000]) {
  const { executions, figures, minutes } = await bringOver(people);
  const { jobs, operations, bytes, overlapping } = figures;
  print(
    `${String(people).padStart(7)} users  ${jobs} jobs, ${overlapping} at the same time, ${executions} executions, ` +
      `${operations} operations, ${Math.ceil(bytes / 1024)} KB of results, ${(minutes / 60).toFixed(1)} h, RSS ${rss()} MiB`,
  );
}
const { figures, minutes } = await bringOverChanges(1_000_000, 100);
print(
  `1 % of a million changed  ${figures.jobs} job of ${figures.jobRows} rows, ${figures.live} users through the queue, ${minutes.toFixed(0)} min`,
);
print('');
