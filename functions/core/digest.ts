import { createHash } from 'node:crypto';

/** SHA-256 in hex. Ids from outside become keys, groups and attributes only through this: no e-mail address ever stands in one. */
export const digest = (...parts: readonly string[]): string => {
  const hash = createHash('sha256');
  // Lengths first, so that ("ab", "c") and ("a", "bc") differ.
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
};
