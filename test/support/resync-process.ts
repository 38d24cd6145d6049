import { runMain } from '../../infra/local/problem.ts';
import { parseStage, stages } from '../../infra/stages.ts';
import { runResyncCommand } from '../../infra/tools/resync/command.ts';

/**
 * `npm run resync` as a process that can be killed, whose seconds are as long as the first argument says. Clerk's users have another
 * id first, and so its memberships are left out: they would double what a test waits for.
 */
const [secondMs = '1000', ...args] = process.argv.slice(2);
const clerk = { ...stages.local.sources.clerk, userId: ['external_id', 'id'] };
const table = { ...stages, local: { ...stages.local, sources: { ...stages.local.sources, clerk } } };
const terminal = { input: process.stdin, output: process.stdout };
await runMain(() =>
  runResyncCommand(args, { terminal, stageNamed: (name) => parseStage(name, table), secondMs: Number(secondMs) }),
);
process.exit();
