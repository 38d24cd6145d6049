import { appendFileSync, closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SECRETS_FILE } from './defaults.ts';
import { Problem } from './problem.ts';

/** Marks a folder as the runner's own, and is locked while one runs. */
const LOCK = 'runner.lock';
/** How far an overflow is. */
export const OVERFLOW_JOURNAL = 'overflow.jsonl';
/** What a run leaves behind and `--fresh` removes. Secrets stay: they are settings, and may be somebody's real ones. */
const STATE = ['queue', 'table', 'userpilot.jsonl', 'functions.log', OVERFLOW_JOURNAL];
/** Journals of resyncs. */
const JOURNAL = /^resync-[a-z0-9-]+\.jsonl$/;

export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  readonly queue: string;
  readonly table: string;
  readonly secrets: string;
  readonly userpilot: string;
  readonly log: string;
  /** Adds a line to the log; it is with the operating system when this returns. */
  append(line: string): void;
  /** Lets the next runner in. */
  close(): void;
}

const entriesOf = (path: string): readonly string[] => {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return readdirSync(path);
  } catch (cause) {
    throw new Problem(`Data folder ${path} cannot be used: choose a folder of yours with --data.`, { cause });
  }
};

/**
 * An exclusive SQLite transaction: unlike a file with a process id, it ends with the process, however that ends.
 *
 * @throws Problem with `otherwise` when another process has it.
 */
export const lockFile = (path: string, otherwise: string): DatabaseSync => {
  const database = new DatabaseSync(path);
  try {
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (cause) {
    database.close();
    throw new Problem(otherwise, { cause });
  }
};

/**
 * Takes a folder for one runner; it is made when it does not exist.
 *
 * @param fresh begin with empty queues, table, log and fake.
 * @throws Problem when the folder holds somebody else's files, or another runner has it.
 */
export const openDataFolder = (folder: string, { fresh = false } = {}): DataFolder => {
  const path = resolve(folder);
  const entries = entriesOf(path);
  if (entries.length > 0 && !entries.includes(LOCK)) {
    throw new Problem(`Data folder ${path} has files that are not the runner's: choose an empty or new one with --data.`);
  }
  const otherwise = `Another runner is using ${path}: stop it, or choose another folder with --data.`;
  const database = lockFile(join(path, LOCK), otherwise);
  const state = [...STATE, ...entries.filter((name) => JOURNAL.test(name))];
  if (fresh) for (const name of state) rmSync(join(path, name), { recursive: true, force: true });
  const log = join(path, 'functions.log');
  const file = openSync(log, 'a', 0o600);
  return {
    path,
    queue: join(path, 'queue'),
    table: join(path, 'table'),
    secrets: join(path, SECRETS_FILE),
    userpilot: join(path, 'userpilot.jsonl'),
    log,
    append: (line) => appendFileSync(file, `${line}\n`),
    close() {
      closeSync(file);
      database.close();
    },
  };
};
