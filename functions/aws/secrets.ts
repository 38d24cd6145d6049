import { GetSecretValueCommand, ResourceNotFoundException, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { DependencyError } from '../core/errors.ts';
import type { ReadSecret, SecretVersion } from '../core/secrets.ts';

/** Current and former value of a secret from Secrets Manager. A secret that is still empty has neither. */
export const createReadSecret = (client: SecretsManagerClient): ReadSecret => {
  const version = async (id: string, stage: 'AWSCURRENT' | 'AWSPREVIOUS'): Promise<SecretVersion | undefined> => {
    try {
      const { SecretString, CreatedDate } = await client.send(new GetSecretValueCommand({ SecretId: id, VersionStage: stage }));
      return SecretString === undefined ? undefined : { text: SecretString, createdAt: CreatedDate };
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw new DependencyError('SECRETS', { cause: error });
    }
  };
  return async (id) => {
    const [current, previous] = await Promise.all([version(id, 'AWSCURRENT'), version(id, 'AWSPREVIOUS')]);
    return { current, previous };
  };
};
