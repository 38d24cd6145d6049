import * as z from 'zod';

/** What a function's log line says about the way of one event. */
const Line = z.object({
  at: z.iso.datetime().transform((text) => new Date(text)),
  outcome: z.string(),
  source: z.string().default('-'),
  type: z.string().default('-'),
  code: z.string().optional(),
  milliseconds: z.number().optional(),
});
export type FunctionEvent = z.infer<typeof Line>;

/** Undefined for metrics, for lines without an outcome, and for anything that a library printed. */
export const readFunctionEvent = (line: string): FunctionEvent | undefined => {
  if (!line.includes('"outcome"')) return undefined;
  try {
    return Line.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
};
