import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openDataFolder } from '../../../infra/local/data-folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let parent: ReturnType<typeof temporaryFolder>;
let path: string;
beforeEach(() => {
  parent = temporaryFolder();
  path = join(parent.path, 'data');
});
afterEach(() => parent.remove());

describe('the data folder', () => {
  it('is made, for its owner only, and takes log lines', () => {
    const folder = openDataFolder(path);
    folder.append('{"one":1}');
    folder.append('{"two":2}');
    folder.close();
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readFileSync(folder.log, 'utf8')).toBe('{"one":1}\n{"two":2}\n');
  });

  it('has one runner at a time, and the next after it', () => {
    const folder = openDataFolder(path);
    expect(() => openDataFolder(path)).toThrow(`Another runner is using ${path}: stop it, or choose another folder with --data.`);
    folder.close();
    openDataFolder(path).close();
    expect(existsSync(join(path, 'runner.lock'))).toBe(true);
  });

  it('is never one with somebody else’s files, fresh or not', () => {
    mkdirSync(path);
    writeFileSync(join(path, 'thesis.txt'), 'years of work');
    for (const fresh of [false, true]) {
      expect(() => openDataFolder(path, { fresh })).toThrow(/has files that are not the runner's: choose an empty or new one/);
    }
    expect(readdirSync(path)).toEqual(['thesis.txt']);
  });

  it('loses what a run left behind when it is to be fresh, and nothing else', () => {
    openDataFolder(path).close();
    for (const name of ['queue', 'table']) {
      mkdirSync(join(path, name));
      writeFileSync(join(path, name, 'state'), '');
    }
    for (const name of ['secrets.json', 'functions.log', 'userpilot.jsonl', 'notes.txt']) writeFileSync(join(path, name), 'text');
    openDataFolder(path, { fresh: true }).close();
    expect(readdirSync(path).sort()).toEqual(['functions.log', 'notes.txt', 'runner.lock', 'secrets.json']);
    expect(readFileSync(join(path, 'functions.log'), 'utf8')).toBe('');
  });

  it('is left alone while another runner has it, fresh or not', () => {
    const folder = openDataFolder(path);
    folder.append('in use');
    expect(() => openDataFolder(path, { fresh: true })).toThrow(/Another runner/);
    folder.close();
    expect(readFileSync(folder.log, 'utf8')).toBe('in use\n');
  });

  it('cannot be a file', () => {
    writeFileSync(path, '');
    expect(() => openDataFolder(path)).toThrow(`Data folder ${path} cannot be used: choose a folder of yours with --data.`);
  });
});
