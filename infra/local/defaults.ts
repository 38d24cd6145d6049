import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const DEFAULT_PORT = 8787;
/** Beside package.json, wherever the command is called from. */
export const DEFAULT_DATA_DIR = fileURLToPath(new URL('../../.local', import.meta.url));
export const SECRETS_FILE = 'secrets.json';
export const DEFAULT_SECRETS_FILE = join(DEFAULT_DATA_DIR, SECRETS_FILE);
/** A POST starts by hand what the schedule starts. */
export const ERASE_PATH = '/triggers/erase';
