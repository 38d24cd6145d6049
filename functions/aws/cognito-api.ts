import {
  type CognitoIdentityProviderClient,
  CognitoIdentityProviderServiceException,
  ListUsersCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import * as z from 'zod';
import { type VendorCode, VendorError } from '../core/errors.ts';
import type { VendorApi } from '../sources/directory.ts';

export interface CognitoApiOptions {
  readonly client: CognitoIdentityProviderClient;
  /** Resolves when the call may be made. */
  readonly permit: () => Promise<void>;
  readonly onRateLimit: (seconds: number | undefined) => Promise<void>;
}

const Input = z.strictObject({ UserPoolId: z.string(), Limit: z.int(), PaginationToken: z.string().optional() });

/** Cognito answers 400 for most of them: the name tells. */
const CODES: Readonly<Record<string, VendorCode>> = {
  TooManyRequestsException: 'RATE_LIMITED',
  ThrottlingException: 'RATE_LIMITED',
  NotAuthorizedException: 'UNAUTHORIZED',
  AccessDeniedException: 'UNAUTHORIZED',
  UnrecognizedClientException: 'UNAUTHORIZED',
  ExpiredTokenException: 'UNAUTHORIZED',
};

const codeOf = (error: unknown): VendorCode => {
  if (!(error instanceof CognitoIdentityProviderServiceException)) return 'UNREACHABLE';
  const { httpStatusCode: status = 0 } = error.$metadata;
  if (status === 429) return 'RATE_LIMITED';
  return CODES[error.name] ?? (status >= 500 ? 'UNAVAILABLE' : 'UNEXPECTED');
};

/**
 * Cognito's API as a directory asks for it: the operation as the URL, its input as the body. The function's role is the credential.
 * What comes back is JSON, with times in ISO 8601.
 */
export const createCognitoApi = ({ client, permit, onRateLimit }: CognitoApiOptions): VendorApi => {
  return async ({ url, body }) => {
    if (url !== '/ListUsers') throw new VendorError('UNEXPECTED');
    const command = new ListUsersCommand(Input.parse(body));
    await permit();
    try {
      const { Users, PaginationToken } = await client.send(command);
      return { status: 200, headers: {}, body: JSON.parse(JSON.stringify({ Users, PaginationToken })) };
    } catch (error) {
      const code = codeOf(error);
      if (code === 'RATE_LIMITED') await onRateLimit(undefined);
      const status = error instanceof CognitoIdentityProviderServiceException ? error.$metadata.httpStatusCode : undefined;
      throw new VendorError(code, { status, cause: error });
    }
  };
};
