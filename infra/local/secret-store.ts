import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
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
 * The secrets of a file, with the version labels of Secrets Manager. The file is read at every question: editing it
 * is a rotation. Former values live in memory only.
 *
 * @param onProblem told in one line when an edit left the file unreadable; the values from before stay in force.
 * @param signsApart whether what signs for this source is the vendor's alone: `version` does not show it, as the functions have
 * the vendor's public keys. @default never
 * @throws Problem when the file cannot be read or is malformed at the start.
 */
export const openSecretStore = (
  path: string,
  onProblem: (line: string) => void,
  signsApart: (id: string) => boolean = () => false,
): SecretStore => {
  const versions = new Map<SecretId, { readonly current?: SecretVersion; readonly previous?: SecretVersion }>();
  let seen = '';
  let secrets: Secrets;

  const visibleOf = (id: SecretId, from: Secrets): string | undefined => {
    if (id === 'userpilot' || !signsApart(id)) return from[id] === undefined ? undefined : JSON.stringify(from[id]);
    const api = from[id]?.api;
    return api === undefined ? undefined : JSON.stringify({ api });
  };

  const take = (text: string, createdAt: Date, versionId: string) => {
    secrets = parseSecrets(text, path);
    for (const id of SECRET_IDS) {
      const former = versions.get(id)?.current;
      const value = visibleOf(id, secrets);
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
