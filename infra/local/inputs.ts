import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UserpilotBaseUrl } from '../../functions/core/settings.ts';
import { parseStage, type Stage } from '../stages.ts';
import type { DataFolder } from './data-folder.ts';
import { Problem } from './problem.ts';
import { completeSecrets, inventSecrets, isInvented, parseSecrets, readText, writeSecrets } from './secrets-file.ts';

/** The stage of that name. Throws a Problem in one line. */
export const stageNamed = (name: string): Stage => {
  try {
    return parseStage(name);
  } catch (cause) {
    const { message } = cause instanceof Error ? cause : { message: String(cause) };
    throw new Problem(message.replaceAll(/\s*\n\s*/g, ' '), { cause });
  }
};

/** The base URL of a Userpilot that is not the built-in one. Throws a Problem. */
export const userpilotAt = (text: string): string => {
  const { data } = UserpilotBaseUrl.safeParse(text);
  if (data !== undefined) return data;
  throw new Problem('--userpilot: write "us", "eu", an https base URL, or http://127.0.0.1:PORT for one on this machine.');
};

/** A file that was invented here may be older than some of the sources. One with a real key is its owner's, as it is. */
const complete = (path: string): void => {
  const secrets = parseSecrets(readText(path), path);
  const whole = isInvented(secrets) ? completeSecrets(secrets) : secrets;
  if (!isDeepStrictEqual(whole, secrets)) writeSecrets(path, whole);
};

/**
 * The secrets file to use; without a named one that of the data folder, where secrets are invented at the first start, and later
 * for sources that are new. Throws a Problem when that file is malformed.
 */
export const secretsFileFor = (named: string | undefined, folder: DataFolder): string => {
  if (named !== undefined) return resolve(named);
  if (existsSync(folder.secrets)) complete(folder.secrets);
  else writeSecrets(folder.secrets, inventSecrets());
  return folder.secrets;
};
