export type EntityKind = 'users' | 'companies';

const HOUR = 3_600_000;

/** The next 02:00 UTC after a moment: docs.userpilot.com/api-references/delete/overview */
export const nextNightlyRun = (at: number): number => {
  const today = Math.floor(at / (24 * HOUR)) * 24 * HOUR + 2 * HOUR;
  return today > at ? today : today + 24 * HOUR;
};

export interface Due {
  readonly at: number;
  readonly kind: EntityKind;
  readonly id: string;
}

/** What was accepted for deletion and is still there. */
export class Deletions {
  readonly #pending = new Map<string, Due>();

  schedule(kind: EntityKind, ids: readonly string[], at: number): void {
    const due = nextNightlyRun(at);
    for (const id of ids) this.#pending.set(`${kind} ${id}`, { at: due, kind, id });
  }

  cancel(kind: EntityKind, id: string): void {
    this.#pending.delete(`${kind} ${id}`);
  }

  /** When the next one is due. Absent: none is pending. */
  nextDue(): number | undefined {
    // The clock never runs backwards and a map keeps its order, so the first entry is the earliest.
    return this.#pending.values().next().value?.at;
  }

  /** Removes and returns what is due by then. */
  take(at: number): readonly Due[] {
    const due = [...this.#pending.values()].filter((entry) => entry.at <= at);
    for (const { kind, id } of due) this.cancel(kind, id);
    return due;
  }
}
