import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Overtaken } from '../../../functions/core/errors.ts';
import { dropJournal, isUnfinished, openFileJournal } from '../../../infra/local/journal.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder.path, 'resync-clerk.jsonl');
});
afterEach(() => folder.remove());

const open = (more: Partial<Parameters<typeof openFileJournal>[0]> = {}) =>
  openFileJournal({ path, signal: new AbortController().signal, secondMs: 1, onRetry: () => undefined, ...more });
const never = async (): Promise<never> => {
  throw new Error('it ran again');
};

describe('the journal of a run', () => {
  it('gives back what was written down, and does not wait twice', async () => {
    const first = open();
    expect(await first.step('one', async () => ({ count: 1 }))).toEqual({ count: 1 });
    await first.wait('a while', 1);
    const second = open({ secondMs: 1_000_000 });
    expect(await second.step('one', never)).toEqual({ count: 1 });
    await second.wait('a while', 1);
  });

  it('knows whether a run came to its end', async () => {
    expect(isUnfinished(path)).toBe(false);
    const journal = open();
    await journal.step('one', async () => 1);
    expect(isUnfinished(path)).toBe(true);
    journal.end();
    expect(isUnfinished(path)).toBe(false);
    dropJournal(path);
    expect(await open().step('one', async () => 2)).toBe(2);
  });

  it('forgets the line that was being written when the process died', async () => {
    await open().step('one', async () => 1);
    writeFileSync(path, `${readFileSync(path, 'utf8')}\n{"name":"two","res`);
    const journal = open();
    expect(await journal.step('two', async () => 'again')).toBe('again');
    expect(await open().step('two', never)).toBe('again');
  });

  it('tries a step again, and tells so', async () => {
    const told: number[] = [];
    let tries = 0;
    const failsTwice = async () => {
      tries += 1;
      if (tries < 3) throw new Error('down');
      return tries;
    };
    expect(await open({ onRetry: (_, seconds) => told.push(seconds) }).step('one', failsTwice)).toBe(3);
    expect(told).toEqual([2, 4]);
  });

  it('does not try again when another run has taken over, or when it is to stop', async () => {
    await expect(
      open().step('one', async () => {
        throw new Overtaken();
      }),
    ).rejects.toThrow(Overtaken);
    const signal = AbortSignal.abort();
    await expect(open({ signal }).step('one', never)).rejects.toThrow(/aborted/);
    await expect(open({ signal }).wait('a while', 1)).rejects.toThrow(/aborted/);
    expect(isUnfinished(path)).toBe(false);
  });

  it('keeps nothing without a file', async () => {
    const { path: _, ...rest } = { path, signal: new AbortController().signal, onRetry: () => undefined };
    expect(await openFileJournal(rest).step('one', async () => 1)).toBe(1);
    expect(isUnfinished(path)).toBe(false);
  });
});
