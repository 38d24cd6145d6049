export type Close = () => unknown;

/** What was opened so far. */
export interface Closers {
  add(close: Close): void;
  /** Last opened first; one that fails does not keep the others open. */
  closeAll(): Promise<void>;
}

export const createClosers = (): Closers => {
  const closers: Close[] = [];
  return {
    add: (close) => void closers.push(close),
    async closeAll() {
      for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
        try {
          await close();
        } catch {
          // It is on its way out, and nothing is left that would use it.
        }
      }
    },
  };
};
