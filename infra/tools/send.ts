import { existsSync } from 'node:fs';
import * as z from 'zod';
import { WEBHOOK_SOURCES } from '../../functions/manifest.ts';
import { Problem, runMain } from '../local/problem.ts';
import { parseSecrets, readText } from '../local/secrets-file.ts';
import { styleFor } from '../local/style.ts';
import { HELP, readSendOptions, type SendOptions } from './send/options.ts';
import { personOf } from './send/person.ts';
import { createPoster } from './send/post.ts';
import { showProgress } from './send/progress.ts';
import { sendAll, urlFor } from './send/run.ts';
import { Tally } from './send/tally.ts';

/** The secret to sign with; empty for a source that AWS invokes without one. */
const secretFor = ({ source, secretsFile }: SendOptions): string => {
  const signed = WEBHOOK_SOURCES.find((id) => id === source);
  if (signed === undefined) return '';
  if (!existsSync(secretsFile)) {
    throw new Problem(`No secrets at ${secretsFile}: start the stack first (npm start), or name its file with --secrets.`);
  }
  const secret = parseSecrets(readText(secretsFile), secretsFile)[signed]?.signingSecrets[0];
  if (secret === undefined)
    throw new Problem(`Secrets file ${secretsFile} has none for ${source}: add it, or send from another source.`);
  return secret;
};

const Health = z.object({ userpilot: z.string() });

/** Where the first person can be seen, when the address is a local stack with its fake Userpilot. */
const whereToLook = async (to: string): Promise<string | undefined> => {
  try {
    const response = await fetch(`${to}/health`, { signal: AbortSignal.timeout(2000) });
    const { userpilot } = Health.parse(await response.json());
    return `${userpilot}/_/users/${personOf(1).id}`;
  } catch {
    return undefined;
  }
};

const summaryOf = (tally: Tally, seconds: number): string => {
  const rows = tally.rows(seconds);
  const width = Math.max(...rows.map(([, number]) => number.length));
  return rows.map(([name, number, remark]) => `  ${name.padEnd(8)}  ${number.padStart(width)}  ${remark}`.trimEnd()).join('\n');
};

await runMain(async () => {
  const options = readSendOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const { source, type, count, concurrency, to } = options;
  const secret = secretFor(options);
  const tally = new Tally();
  const poster = createPoster(concurrency);
  const start = performance.now();
  const hideProgress = showProgress(process.stdout, { total: count, done: () => tally.total });
  await sendAll(options, secret, { poster, tally });
  const seconds = (performance.now() - start) / 1000;
  hideProgress();
  poster.close();

  const style = styleFor(process.stdout, process.env);
  process.stdout.write(
    `\n  ${style('bold', `${count} × ${source} ${type}`)} to ${urlFor(source, to)}\n\n${summaryOf(tally, seconds)}\n`,
  );
  const look = count === 1 && tally.count('accepted') === 1 ? await whereToLook(to) : undefined;
  process.stdout.write(look === undefined ? '\n' : `\n  See ${look}\n\n`);
  if (tally.count('failed') === count) throw new Problem(`Nothing was taken at ${to}: is the stack running there (npm start)?`);
  return tally.allWell ? 0 : 1;
});
