import { isDead, type LedgerItem } from './ledger.ts';

/**
 * Keys of entities by their first 64 bits, which SHA-256 spreads evenly: a million take 8 MB, and one that is not among them passes
 * for one of them once in 10^13 times.
 */
export interface KeySet {
  readonly size: number;
  add(key: string): void;
  /** What `parts` of another set gave. */
  addPart(bytes: Uint8Array): void;
  has(key: string): boolean;
  /** All of them, so many at most in each. */
  parts(keysPerPart: number): readonly Uint8Array[];
}

const BYTES = BigUint64Array.BYTES_PER_ELEMENT;
/** A key ends in 64 hexadecimal digits, whatever stands before them. */
const prefixOf = (key: string): bigint => BigInt(`0x${key.slice(-64).slice(0, 2 * BYTES)}`);

export const createKeySet = (): KeySet => {
  let prefixes = new BigUint64Array(1024);
  let size = 0;
  let isSorted = true;
  const makeRoom = (more: number) => {
    isSorted = false;
    if (size + more <= prefixes.length) return;
    const larger = new BigUint64Array(2 * (size + more));
    larger.set(prefixes.subarray(0, size));
    prefixes = larger;
  };
  return {
    get size() {
      return size;
    },
    add(key) {
      makeRoom(1);
      prefixes[size] = prefixOf(key);
      size += 1;
    },
    addPart(bytes) {
      const more = bytes.byteLength / BYTES;
      makeRoom(more);
      new Uint8Array(prefixes.buffer).set(bytes, size * BYTES);
      size += more;
    },
    has(key) {
      if (!isSorted) prefixes.subarray(0, size).sort();
      isSorted = true;
      const prefix = prefixOf(key);
      let [from, to] = [0, size];
      while (from < to) {
        const middle = (from + to) >>> 1;
        if ((prefixes[middle] as bigint) < prefix)
          from = middle + 1; // below `size`
        else to = middle;
      }
      return from < size && prefixes[from] === prefix;
    },
    parts: (keysPerPart) =>
      Array.from({ length: Math.ceil(size / keysPerPart) }, (_, part) => {
        const [from, to] = [part * keysPerPart, Math.min((part + 1) * keysPerPart, size)];
        return new Uint8Array(prefixes.buffer, from * BYTES, (to - from) * BYTES);
      }),
  };
};

/** Whom a run has listed, kept for its last step. Throws a DependencyError when it cannot answer. */
export interface ListedKeys {
  /** Instead of what another try of the same chunk has written. */
  write(runId: string, chunk: number, keys: KeySet): Promise<void>;
  /** Undefined when what one of the first `chunks` listed is not known, or not any more. */
  read(runId: string, chunks: number): Promise<KeySet | undefined>;
}

/** The ledger from end to end, for a resync. Throws a DependencyError when it cannot answer. */
export interface Census {
  /** The users of whom a source has told something, in pages. May be a moment behind. */
  listUsers(source: string): AsyncIterable<readonly (readonly [key: string, item: LedgerItem])[]>;
  /** One conditional write: a tombstone as a deletion leaves it. False when the user is in somebody's hand, or not as listed any more. */
  bury(key: string, item: LedgerItem, deletedAt: number): Promise<boolean>;
}

/** A vendor's list may not yet show whom it has just told of. */
const LIST_LAG_MS = 10 * 60_000;

/** What a user is to a run that began at `startedAt` and was to list everybody. Whom the source told of meanwhile it need not have listed. */
export const whereaboutsOf = (
  [key, item]: readonly [key: string, item: LedgerItem],
  { source, startedAt, listed }: { readonly source: string; readonly startedAt: number; readonly listed: KeySet },
): 'DELETED' | 'LISTED' | 'MISSING' => {
  if (isDead(item)) return 'DELETED';
  const isRecent = Object.entries(item.seen).some(
    ([facet, { asOf }]) => facet.startsWith(`${source}/`) && asOf >= startedAt - LIST_LAG_MS,
  );
  return isRecent || listed.has(key) ? 'LISTED' : 'MISSING';
};

/** More than these and nobody is taken for deleted: a list that is that much shorter is a wrong environment or an outage. */
const MASS_COUNT = 1000;
const MASS_SHARE = 0.05;
/** As few as this are never too many, however few users there are. */
const MASS_AT_LEAST = 20;
/** The most that can be taken for deleted in one run. */
export const MOST_BURIED = MASS_COUNT;

export const isMassMissing = (missing: number, known: number): boolean =>
  missing > Math.min(MASS_COUNT, Math.max(MASS_SHARE * known, MASS_AT_LEAST));
