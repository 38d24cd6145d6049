import { existsSync } from 'node:fs';
import { type SourceId, WEBHOOK_SOURCES } from '../../../functions/manifest.ts';
import { Problem } from '../../local/problem.ts';
import { parseSecrets, readText, type Secrets } from '../../local/secrets-file.ts';

/** Throws a Problem when the file is not there or malformed. */
export const secretsIn = (path: string): Secrets => {
  if (existsSync(path)) return parseSecrets(readText(path), path);
  throw new Problem(`No secrets at ${path}: start the stack first (npm start), or name its file with --secrets.`);
};

/** The secret to sign with: empty for a source that AWS invokes without one, which asks no file; undefined where the file has none. */
export const signingSecretOf = (source: SourceId, secrets: () => Secrets): string | undefined => {
  const signed = WEBHOOK_SOURCES.find((id) => id === source);
  return signed === undefined ? '' : secrets()[signed]?.signingSecrets?.[0];
};
