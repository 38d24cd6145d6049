import * as z from 'zod';

const SEGMENT = /"((?:[^"\\]|\\.){1,128})"|\[(\d{1,4})\]|([^."[\]]{1,128})/y;

/** Splits `a.b[0]."dotted.key"`; undefined when the text is not a path. */
const segmentsOf = (path: string): readonly string[] | undefined => {
  const segments: string[] = [];
  let at = 0;
  while (at < path.length) {
    if (segments.length > 0 && path[at] === '.' && path[at + 1] !== '[') at += 1;
    else if (segments.length > 0 && path[at] !== '[') return undefined;
    SEGMENT.lastIndex = at;
    const match = SEGMENT.exec(path);
    if (match === null) return undefined;
    segments.push(match[1]?.replace(/\\(.)/g, '$1') ?? match[2] ?? match[3] ?? '');
    at = SEGMENT.lastIndex;
  }
  return segments.length > 0 ? segments : undefined;
};

/** Where a value stands inside an event: `metadata.user_id`, `identities[0].provider`, `app_metadata."https://x.example/id"`. */
export const Path = z
  .string()
  .max(512)
  .refine((path) => segmentsOf(path) !== undefined, {
    error: 'not a path: write keys joined by dots, e.g. public_metadata.user_id',
  });
export type Path = string;

/** The value at `path`, own properties only; undefined when any step is missing. */
export const valueAt = (root: unknown, path: Path): unknown => {
  const segments = segmentsOf(path);
  if (segments === undefined) return undefined;
  let value = root;
  for (const segment of segments) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<string, unknown>)[segment]; // own property of an object, checked above
  }
  return value;
};
