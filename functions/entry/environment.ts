import * as z from 'zod';
import type { Output } from '../core/log.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** A variable that must be there. Throws an Error that names it. */
export const required = (env: Env, name: string): string => {
  const value = env[name];
  if (value === undefined || value === '')
    throw new Error(`environment variable ${name} is missing: deploy the function with this project's stack`);
  return value;
};

/** JSON settings in a variable; absent = `{}`. Throws an Error that names the variable and the field. */
export const settingsIn = <T>(env: Env, name: string, schema: z.ZodType<T>): T => {
  const result = schema.safeParse(JSON.parse(env[name] ?? '{}'));
  if (!result.success) throw new Error(`environment variable ${name}: ${z.prettifyError(result.error)}`);
  return result.data;
};

/** Lambda collects standard output line by line. */
export const standardOutput: Output = (line) => {
  process.stdout.write(`${line}\n`);
};
