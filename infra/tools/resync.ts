import { stageNamed } from '../local/inputs.ts';
import { runMain } from '../local/problem.ts';
import { runResyncCommand } from './resync/command.ts';

const terminal = { input: process.stdin, output: process.stdout };

// The journal and the log lie among people's data.
process.umask(0o077);
await runMain(() => runResyncCommand(process.argv.slice(2), { terminal, stageNamed }));
// A vendor that does not answer may still be waited for.
process.exit();
