import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { publicJwkOf } from '../../functions/sources/token.sender.ts';
import { Problem } from './problem.ts';
import { parseSecrets, readText, SECRET_IDS, type SecretId, type Secrets, writeSecrets } from './secrets-file.ts';

export interface SecretVersion {
  readonly versionId: string;
  /** The JSON text of the secret. */
  readonly text: string;
  readonly createdAt: Date;
}

export type VersionStage = 'AWSCURRENT' | 'AWSPREVIOUS';

export interface SecretStore {
  /** Undefined when the file has no such secret, or when it had no former value in this run. */
  version(id: SecretId, stage: VersionStage): SecretVersion | undefined;
  /** Writes the file; the value until now becomes AWSPREVIOUS. Throws a Problem when the text is not what the file may hold. */
  put(id: SecretId, text: string, versionId: string): void;
  /** What stands in the file now. */
  secrets(): Secrets;
}

/**
 * A secret as the functions get it: a private key is its vendor's alone, and they go by the public half. Undefined when nothing
 * is left.
 */
const textOf = (secret: Secrets[SecretId]): string | undefined => {
  if (secret === undefined || !('signingSecrets' in secret)) return secret && JSON.stringify(secret);
  const { signingSecrets = [], ...rest } = secret;
  const shared = signingSecrets.filter((text) => publicJwkOf(text) === undefined);
  const visible = shared.length === 0 ? rest : { ...secret, signingSecrets: shared };
  return Object.keys(visible).length === 0 ? undefined : JSON.stringify(visible);
};

/**
 * The secrets of a file, with the version labels of Secrets Manager. The file is read at every question: editing it
 * is a rotation. Former values live in memory only.
 *
 * @param onProblem told in one line when an edit left the file unreadable; the values from before stay in force.
 * @throws Problem when the file cannot be read or is malformed at the start.
 */
export const openSecretStore = (path: string, onProblem: (line: string) => void): SecretStore => {
  const versions = new Map<SecretId, { readonly current?: SecretVersion; readonly previous?: SecretVersion }>();
  let seen = '';
  let secrets: Secrets;

  const take = (text: string, createdAt: Date, versionId: string) => {
    secrets = parseSecrets(text, path);
    for (const id of SECRET_IDS) {
      const former = versions.get(id)?.current;
      const value = textOf(secrets[id]);
      if (value === former?.text) continue;
      versions.set(id, {
        ...(value !== undefined && { current: { text: value, versionId, createdAt } }),
        ...(former && { previous: former }),
      });
    }
  };

  const look = (versionId: string = randomUUID()): void => {
    try {
      const text = readText(path);
      if (text === seen) return;
      seen = text;
      take(text, new Date(), versionId);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      onProblem(`${error.message} The secrets from before stay in force.`);
    }
  };

  seen = readText(path);
  take(seen, statSync(path).mtime, randomUUID());

  return {
    version(id, stage) {
      look();
      const { current, previous } = versions.get(id) ?? {};
      return stage === 'AWSCURRENT' ? current : previous;
    },
    put(id, text, versionId) {
      look();
      writeSecrets(path, parseSecrets(JSON.stringify({ ...secrets, [id]: JSON.parse(text) }), path));
      look(versionId);
    },
    secrets() {
      look();
      return secrets;
    },
  };
};
