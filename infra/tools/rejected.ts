import { stageNamed } from '../local/inputs.ts';
import { runMain } from '../local/problem.ts';
import { runQueueCommand } from './queues/command.ts';

const terminal = { input: process.stdin, output: process.stdout };

await runMain(() => runQueueCommand('rejected', process.argv.slice(2), { terminal, stageNamed, now: () => new Date() }));
