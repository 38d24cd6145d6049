export type Primitive = string | number | boolean | null;
export type Properties = Readonly<Record<string, Primitive>>;

/** Splits what Userpilot can keep (primitives) from the names of what it cannot (objects and arrays). */
export const splitProperties = (
  metadata: Readonly<Record<string, unknown>>,
): { readonly properties: Properties; readonly nested: readonly string[] } => {
  const entries = Object.entries(metadata);
  const isPrimitive = (entry: [string, unknown]): entry is [string, Primitive] =>
    entry[1] === null || typeof entry[1] !== 'object';
  return {
    properties: Object.fromEntries(entries.filter(isPrimitive)),
    nested: entries.filter((entry) => !isPrimitive(entry)).map(([name]) => name),
  };
};

/** Unsent names keep their values, null removes the name: docs.userpilot.com/reference/data-model */
export const mergeProperties = (old: Properties, sent: Properties): Properties => {
  const merged = new Map(Object.entries(old));
  for (const [name, value] of Object.entries(sent)) {
    if (value === null) merged.delete(name);
    else merged.set(name, value);
  }
  return Object.fromEntries(merged);
};

/** `signed_up_at` is another name for `created_at`, which wins when both are sent: docs.userpilot.com/reference/data-model */
export const withoutAlias = (sent: Properties): Properties => {
  const { signed_up_at: alias, ...rest } = sent;
  return alias === undefined ? sent : { created_at: alias, ...rest };
};
