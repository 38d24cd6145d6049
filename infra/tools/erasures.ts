import { stageNamed } from '../local/inputs.ts';
import { runMain } from '../local/problem.ts';
import { runErasures } from './erasures/command.ts';

const terminal = { input: process.stdin, output: process.stdout };

await runMain(() => runErasures(process.argv.slice(2), { terminal, stageNamed, now: () => new Date() }));
