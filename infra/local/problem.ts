/** Something that the person at the keyboard can mend. The message says what and how, in one line; no stack is shown. */
export class Problem extends Error {
  override readonly name = 'Problem';
}

/** The `code` of an error of Node, e.g. ENOENT; undefined when it has none. */
export const codeOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** Runs a command's `main`; a `Problem` becomes its one line on standard error and exit code 1. */
export const runMain = async (main: () => Promise<number>): Promise<void> => {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
};
