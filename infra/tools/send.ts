import { Problem, runMain } from '../local/problem.ts';
import { styleFor } from '../local/style.ts';
import { tableOf } from './queues/text.ts';
import { type SentFrom, sendFromAll } from './send/all.ts';
import { readSendOptions, type SendAllOptions, type SendOptions } from './send/options.ts';
import { personOf } from './send/person.ts';
import { createPoster } from './send/post.ts';
import { showProgress } from './send/progress.ts';
import { sendMany, urlFor } from './send/run.ts';
import { secretsIn, signingSecretOf } from './send/secrets.ts';
import { askStack } from './send/stack.ts';
import { Tally } from './send/tally.ts';

const style = styleFor(process.stdout, process.env);
const print = (...lines: readonly string[]): void => void process.stdout.write(lines.map((line) => `${line}\n`).join(''));

const nothingTaken = (to: string): Problem => new Problem(`Nothing was taken at ${to}: is the stack running there (npm start)?`);

const secretFor = ({ source, secretsFile }: SendOptions): string => {
  const secret = signingSecretOf(source, () => secretsIn(secretsFile));
  if (secret !== undefined) return secret;
  throw new Problem(`Secrets file ${secretsFile} has none for ${source}: add it, or send from another source.`);
};

const summaryOf = (tally: Tally, seconds: number): readonly string[] => {
  const rows = tally.rows(seconds);
  const width = Math.max(...rows.map(([, number]) => number.length));
  return rows.map(([name, number, remark]) => `  ${name.padEnd(8)}  ${number.padStart(width)}  ${remark}`.trimEnd());
};

const sendFromOne = async (options: SendOptions): Promise<number> => {
  const { source, type, count, concurrency, to } = options;
  const secret = secretFor(options);
  const tally = new Tally();
  const poster = createPoster(concurrency);
  const start = performance.now();
  const hideProgress = showProgress(process.stdout, { total: count, done: () => tally.total });
  await sendMany(options, secret, { poster, tally });
  const seconds = (performance.now() - start) / 1000;
  hideProgress();
  poster.close();

  print('', `  ${style('bold', `${count} × ${source} ${type}`)} to ${urlFor(source, to)}`, '', ...summaryOf(tally, seconds));
  const stack = count === 1 && tally.count('accepted') === 1 ? await askStack(to) : undefined;
  const look = stack?.userAt(personOf(1).id);
  print(...(look === undefined ? [] : ['', `  See ${look}`]), '');
  if (tally.count('failed') === count) throw nothingTaken(to);
  return tally.allWell ? 0 : 1;
};

const sendFromEach = async (options: SendAllOptions): Promise<number> => {
  const { to, secretsFile } = options;
  const secrets = secretsIn(secretsFile);
  const stack = await askStack(to);
  const poster = createPoster(1);
  const sent: SentFrom[] = [];
  for await (const one of sendFromAll(options, { stack, secrets, poster })) sent.push(one);
  poster.close();

  const rows = sent.map(({ source, type, who, fate: { kind, reason } }) => [
    source,
    type,
    kind,
    kind === 'accepted' ? (stack?.userAt(who.id) ?? who.id) : (reason ?? ''),
  ]);
  print('', `  ${style('bold', `A sign-up from each of ${sent.length} sources`)} to ${to}`, '');
  print(...tableOf(rows).map((line) => `  ${line}`), '');
  if (sent.every(({ fate }) => fate.kind === 'failed')) throw nothingTaken(to);
  return sent.every(({ fate }) => fate.kind === 'accepted') ? 0 : 1;
};

await runMain(async () => {
  const options = readSendOptions(process.argv.slice(2));
  if (options.source === 'help') {
    process.stdout.write(options.text);
    return 0;
  }
  return options.source === 'all' ? sendFromEach(options) : sendFromOne(options);
});
