import { DependencyError } from '../../functions/core/errors.ts';
import type { ReadSecret, SecretVersion } from '../../functions/core/secrets.ts';
import type { Process } from './process.ts';
import type { World } from './world.ts';

/** Secrets Manager: a current and a former value per secret. */
export interface Vault {
  put(id: string, value: unknown): void;
  seenBy(process: Process): ReadSecret;
}

export const createVault = (world: World): Vault => {
  const secrets = new Map<string, readonly SecretVersion[]>();
  return {
    put(id, value) {
      const version = { text: JSON.stringify(value), createdAt: new Date(world.now()) };
      secrets.set(id, [version, ...(secrets.get(id) ?? [])].slice(0, 2));
    },
    seenBy:
      ({ cross }) =>
      (id) =>
        cross(
          'secrets.read',
          () => {
            const [current, previous] = secrets.get(id) ?? [];
            return { current, previous };
          },
          { failure: () => new DependencyError('SECRETS') },
        ),
  };
};
