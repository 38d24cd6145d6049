import type { Fate } from './post.ts';

const KINDS = ['accepted', 'ignored', 'parked', 'refused', 'failed'] as const;

/** The value below which `share` of the sorted list lies; undefined for an empty list. */
const quantile = (sorted: readonly number[], share: number): number | undefined =>
  sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];

/** Counts fates as they come. */
export class Tally {
  readonly #reasons = new Map<Fate['kind'], Map<string, number>>();
  readonly #milliseconds: number[] = [];

  add({ kind, reason = '', milliseconds }: Fate): void {
    const reasons = this.#reasons.get(kind) ?? new Map<string, number>();
    this.#reasons.set(kind, reasons.set(reason, (reasons.get(reason) ?? 0) + 1));
    this.#milliseconds.push(milliseconds);
  }

  count(kind: Fate['kind']): number {
    return [...(this.#reasons.get(kind)?.values() ?? [])].reduce((sum, count) => sum + count, 0);
  }

  get total(): number {
    return this.#milliseconds.length;
  }

  /** Every event was answered with a 2xx. */
  get allWell(): boolean {
    return this.count('refused') + this.count('failed') === 0;
  }

  /** Reasons of a kind, the commonest first, with their counts when there are several. */
  #reasonsOf(kind: Fate['kind']): string {
    const reasons = [...(this.#reasons.get(kind) ?? [])].filter(([reason]) => reason !== '').sort(([, a], [, b]) => b - a);
    return reasons.map(([reason, count]) => (reasons.length > 1 ? `${reason} × ${count}` : reason)).join(', ');
  }

  /** Name, number and remark of each row of the summary. */
  rows(seconds: number): readonly (readonly [string, string, string])[] {
    const sorted = this.#milliseconds.toSorted((a, b) => a - b);
    const ms = (share: number) => (quantile(sorted, share) ?? 0).toFixed(1);
    return [
      ...KINDS.map((kind) => [kind, String(this.count(kind)), this.#reasonsOf(kind)] as const),
      ['p50', ms(0.5), 'ms'],
      ['p99', ms(0.99), 'ms'],
      ['speed', (this.total / Math.max(seconds, 0.001)).toFixed(1), 'events/s'],
    ];
  }
}
