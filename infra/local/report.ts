import type { Output } from '../../functions/core/log.ts';
import type { DataFolder } from './data-folder.ts';
import { readFunctionEvent } from './function-log.ts';
import type { StackOptions } from './stack.ts';

export interface Report {
  /** Takes the functions' log and metric lines. */
  readonly output: Output;
  readonly onNotice: (line: string) => void;
  /** A function threw or took too long; Lambda writes such an error to the log too. */
  readonly onFailure: (error: unknown) => void;
  readonly onHiccup: (error: unknown) => void;
  /** From now on nothing is written: a function that was given up may go on talking. */
  mute(): void;
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'unknown error');

/** All lines go to the log file as they are; what somebody should see goes to the callbacks. */
export const createReport = (
  folder: DataFolder,
  { onEvent = () => undefined, onNotice = () => undefined }: StackOptions,
): Report => {
  let muted = false;
  const notice = (line: string) => {
    if (!muted) onNotice(line);
  };
  return {
    output(line) {
      if (muted) return;
      folder.append(line);
      const event = readFunctionEvent(line);
      if (event !== undefined) onEvent(event);
    },
    onNotice: notice,
    onFailure(error) {
      if (muted) return;
      const stack = error instanceof Error ? error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) : undefined;
      folder.append(
        JSON.stringify({ at: new Date().toISOString(), level: 'ERROR', message: 'function failed', name: nameOf(error), stack }),
      );
      notice(`A function failed with ${nameOf(error)}; ${folder.log} says where.`);
    },
    onHiccup: (error) => notice(`The queue did not answer (${nameOf(error)}); asking again.`),
    mute() {
      muted = true;
    },
  };
};
