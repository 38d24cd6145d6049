import { once } from 'node:events';
import { HELP, readOptions } from './options.ts';
import { runMain } from './problem.ts';
import { banner, eventLine } from './screen.ts';
import { styleFor } from './style.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Resolves at the first Ctrl-C or `kill`. npm sends its own beside the terminal's: any further one changes nothing. */
const asked = (): Promise<unknown> => Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);

await runMain(async () => {
  const { help, ...options } = readOptions(process.argv.slice(2));
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  // Queues and table hold people's data: nobody else on the machine may read what is written from here on.
  process.umask(0o077);
  const style = styleFor(process.stdout, process.env);
  // Only now: engines and SDK take most of a second to load, and a mistyped option needs neither.
  const { startLocalStack } = await import('./runner.ts');
  const stack = await startLocalStack({
    ...options,
    onEvent: (event) => event.outcome !== 'accepted' && print(eventLine(event, style)),
    onNotice: (line) => print(`  ${style('yellow', line)}`),
  });
  process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined);
  const stop = asked();
  // Whoever reads it may press Ctrl-C at once.
  process.stdout.write(banner(stack, { stage: options.stage, seconds: performance.now() / 1000, style }));
  await stop;
  print('');
  print('  Stopping.');
  await stack.stop();
  return 0;
});
// A function that was given up may still wait for something.
process.exit();
