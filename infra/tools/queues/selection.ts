import type { Kept } from './kept.ts';

/** Which events are meant. Every condition that is given must hold; none given = all. */
export interface Selection {
  readonly reasons: readonly string[];
  readonly sources: readonly string[];
  readonly ids: readonly string[];
  /** Milliseconds since the webhook was received. */
  readonly olderThanMs?: number;
  readonly youngerThanMs?: number;
}

const allows = (list: readonly string[], value: string): boolean => list.length === 0 || list.includes(value);

export const isSelected = (
  { reasons, sources, ids, olderThanMs = Number.NEGATIVE_INFINITY, youngerThanMs = Number.POSITIVE_INFINITY }: Selection,
  { reason, source, id, receivedAt }: Kept,
  now: Date,
): boolean => {
  const age = now.getTime() - receivedAt.getTime();
  return allows(reasons, reason) && allows(sources, source) && allows(ids, id) && age > olderThanMs && age < youngerThanMs;
};
