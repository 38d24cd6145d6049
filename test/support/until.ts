import { setTimeout as pause } from 'node:timers/promises';

/** Asks again every few milliseconds until the condition holds. Throws with the description when it never does. */
export const until = async (
  condition: () => boolean | Promise<boolean>,
  { deadlineMs = 5000, description = 'the condition' }: { readonly deadlineMs?: number; readonly description?: string } = {},
): Promise<void> => {
  const deadline = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${description} did not hold within ${deadlineMs} ms`);
    await pause(5);
  }
};
