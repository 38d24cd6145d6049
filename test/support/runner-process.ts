import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

const CLI = fileURLToPath(new URL('../../infra/local/cli.ts', import.meta.url));

/** `npm start` as a process of its own, so that it can be killed. */
export interface RunnerProcess {
  readonly url: string;
  /** Of the built-in fake. */
  readonly userpilotUrl: string;
  /** Everything on standard output and standard error so far. */
  written(): string;
  /** SIGKILL: no handler of ours runs. Nothing happens when it has ended. */
  kill(): Promise<void>;
  /** SIGINT, as Ctrl-C sends it; the exit code. */
  interrupt(): Promise<number | null>;
}

export const startRunnerProcess = async (dataDir: string, args: readonly string[] = []): Promise<RunnerProcess> => {
  const child: ChildProcess = spawn(process.execPath, [CLI, '--port', '0', '--data', dataDir, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const keep = (chunk: Buffer) => {
    text += chunk.toString('utf8');
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const gone = once(child, 'exit');
  await until(() => /Ready\s+http/.test(text) || child.exitCode !== null, {
    deadlineMs: 30_000,
    description: 'the runner is ready',
  });
  const url = /Ready\s+(http:\/\/\S+)/.exec(text)?.[1];
  if (url === undefined) throw new Error(`the runner did not start: ${text}`);
  const end = async (signal: 'SIGKILL' | 'SIGINT') => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await gone;
    }
    return child.exitCode;
  };
  return {
    url,
    userpilotUrl: /Userpilot\s+(http:\/\/\S+)/.exec(text)?.[1] ?? '',
    written: () => text,
    kill: async () => void (await end('SIGKILL')),
    interrupt: () => end('SIGINT'),
  };
};
