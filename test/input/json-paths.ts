/** Names of members and places in lists, from the outside in. */
export type JsonPath = readonly (string | number)[];

/** Paths of every member and item, the outermost first. */
export const pathsIn = (value: unknown, prefix: JsonPath = []): readonly JsonPath[] => {
  if (typeof value !== 'object' || value === null) return [];
  const members: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? value.map((item, index) => [index, item] as const)
    : Object.entries(value);
  return members.flatMap(([name, member]) => [[...prefix, name], ...pathsIn(member, [...prefix, name])]);
};

/** The value at `path`; undefined when it does not lead anywhere. */
export const valueIn = (value: unknown, path: JsonPath): unknown =>
  path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string | number, unknown>)[name] : undefined,
    value,
  );

/** A copy in which the value at `path` went through `change`; undefined takes it away. Copies no more than lies on the path. */
export const changedAt = (value: unknown, path: JsonPath, change: (before: unknown) => unknown): unknown => {
  const [first, ...rest] = path;
  if (first === undefined) return change(value);
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => {
      const after: unknown = index === first ? changedAt(item, rest, change) : item;
      return after === undefined ? [] : [after];
    });
  }
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [
    name,
    name === first ? changedAt(member, rest, change) : member,
  ]);
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
};

const PLACEHOLDER = 'PUT-THE-RAW-TEXT-HERE';

/** JSON text of `value` with `raw`, which need not be JSON, in place of what stands at `path`. */
export const withRaw = (value: unknown, path: JsonPath, raw: string): string =>
  JSON.stringify(changedAt(value, path, () => PLACEHOLDER)).replace(`"${PLACEHOLDER}"`, () => raw);

/** JSON text of `value` with the raw text of further members at the beginning and end of the object at `path`. */
export const withMembers = (
  value: unknown,
  path: JsonPath,
  { first, last }: { readonly first?: string; readonly last?: string },
): string => {
  const inner = JSON.stringify(valueIn(value, path)).slice(1, -1);
  return withRaw(value, path, `{${[first, inner, last].filter(Boolean).join(',')}}`);
};
