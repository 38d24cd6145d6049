import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** Where a command reads and writes. */
export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean };
}

export const printTo =
  ({ output }: Terminal) =>
  (line = ''): void =>
    void output.write(`${line}\n`);

/** Whether the person answers yes; anything else, the end of the input and Ctrl-C too, is a no. */
export const asksYes = async ({ input, output }: Terminal, question: string): Promise<boolean> => {
  const lines = createInterface({ input, output });
  const answer = await new Promise<string>((resolve) => {
    lines.once('close', () => resolve(''));
    lines.question(`${question} [y/N] `, resolve);
  });
  lines.close();
  return /^y(es)?$/i.test(answer.trim());
};
