import { styleFor } from '../../local/style.ts';
import type { StageNamed } from '../queues/place.ts';
import { printTo, type Terminal } from '../queues/terminal.ts';
import { runDeployed } from './deployed.ts';
import { runHere } from './here.ts';
import { HELP, readResyncOptions } from './options.ts';
import { createProgress } from './screen.ts';

export interface ResyncCommandDeps {
  readonly terminal: Terminal;
  readonly stageNamed: StageNamed;
  /** Milliseconds for a second of a local run's waits; another one in tests only. @default 1000 */
  readonly secondMs?: number;
}

/** `npm run resync`; answers the exit code. @throws Problem for what the operator can mend. */
export const runResyncCommand = async (args: readonly string[], deps: ResyncCommandDeps): Promise<number> => {
  const options = readResyncOptions(args);
  const { terminal, stageNamed, secondMs } = deps;
  if (options === 'help') {
    terminal.output.write(HELP);
    return 0;
  }
  const progress = createProgress(terminal.output);
  const write = printTo(terminal);
  const print = (line?: string) => {
    progress.clear();
    write(line);
  };
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  const { signal } = stopping;
  const style = styleFor(terminal.output, process.env);
  const screen = { print, progress, style };
  const { where } = options;
  try {
    if (where.kind === 'deployed') return await runDeployed({ ...options, stageName: where.stage, signal, stageNamed }, screen);
    const pace = secondMs === undefined ? {} : { secondMs };
    return await runHere({ ...options, url: where.url, signal, stageNamed, ...pace }, screen);
  } finally {
    progress.stop();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
};
