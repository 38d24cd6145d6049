import { type ParseArgsConfig, parseArgs } from 'node:util';
import { Problem } from './problem.ts';

/**
 * `parseArgs` whose complaints are one line that ends with the known options.
 *
 * @throws Problem
 */
export const readArguments = <T extends ParseArgsConfig>(config: T, usage: string): ReturnType<typeof parseArgs<T>> => {
  try {
    return parseArgs(config);
  } catch (cause) {
    // The first sentence names the option, the rest speaks of arguments in general.
    const what = String(cause instanceof Error ? cause.message : cause).split(/\.\s/)[0];
    throw new Problem(`${what}. Usage: ${usage}`, { cause });
  }
};

/** A whole number from `min` to `max`, or a Problem that names the option. */
export const readNumber = (
  option: string,
  text: string,
  { min, max }: { readonly min: number; readonly max: number },
): number => {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new Problem(`--${option} ${text}: write a whole number from ${min} to ${max}.`);
};
