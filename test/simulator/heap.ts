interface Entry<T> {
  readonly at: number;
  /** Order of arrival: two things of one moment keep it. */
  readonly order: number;
  readonly item: T;
}

/** Earliest first, and first come, first served among those of one moment. */
export interface Heap<T> {
  push(at: number, item: T): void;
  /** Undefined when it is empty. */
  pop(): { readonly at: number; readonly item: T } | undefined;
  size(): number;
}

const isBefore = <T>(a: Entry<T>, b: Entry<T>): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export const createHeap = <T>(): Heap<T> => {
  const entries: Entry<T>[] = [];
  let order = 0;
  const at = (index: number): Entry<T> => entries[index] as Entry<T>; // callers stay below `entries.length`
  const swap = (a: number, b: number) => {
    const kept = at(a);
    entries[a] = at(b);
    entries[b] = kept;
  };
  const rise = (from: number) => {
    for (let index = from; index > 0; ) {
      const parent = (index - 1) >> 1;
      if (!isBefore(at(index), at(parent))) return;
      swap(index, parent);
      index = parent;
    }
  };
  const sink = () => {
    for (let index = 0; ; ) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < entries.length && isBefore(at(child), at(least))) least = child;
      }
      if (least === index) return;
      swap(index, least);
      index = least;
    }
  };
  return {
    push(moment, item) {
      order += 1;
      entries.push({ at: moment, order, item });
      rise(entries.length - 1);
    },
    pop() {
      const first = entries[0];
      const last = entries.pop();
      if (first === undefined || last === undefined) return undefined;
      if (entries.length > 0) {
        entries[0] = last;
        sink();
      }
      return first;
    },
    size: () => entries.length,
  };
};
