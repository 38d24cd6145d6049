import type { WriteStream } from 'node:tty';

/** A run shorter than this shows none. */
const AFTER_MS = 1000;
const EVERY_MS = 100;
const BAR_WIDTH = 30;

export const progressLine = (done: number, total: number, seconds: number): string => {
  const filled = Math.floor((done / total) * BAR_WIDTH);
  const speed = done / Math.max(seconds, 0.001);
  const left = speed > 0 ? `${Math.ceil((total - done) / speed)} s left` : '';
  return `  ${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}  ${String(done).padStart(String(total).length)}/${total}  ${speed.toFixed(0)}/s  ${left}`;
};

/** A bar on a terminal while `done` grows to `total`; elsewhere nothing. Returns what takes it away again. */
export const showProgress = (
  stream: Pick<WriteStream, 'write'> & { readonly isTTY?: boolean },
  { total, done }: { readonly total: number; readonly done: () => number },
): (() => void) => {
  if (stream.isTTY !== true) return () => undefined;
  const start = performance.now();
  let drawn = false;
  const timer = setInterval(() => {
    const elapsed = performance.now() - start;
    if (elapsed < AFTER_MS) return;
    drawn = true;
    stream.write(`\r\u001b[2K${progressLine(done(), total, elapsed / 1000)}`);
  }, EVERY_MS);
  return () => {
    clearInterval(timer);
    if (drawn) stream.write('\r\u001b[2K');
  };
};
