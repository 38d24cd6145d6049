import { codeOf, Problem } from '../../local/problem.ts';

/** The name that AWS gives an error, or the network's code. Its message is left out: it may quote what was sent. */
const nameOf = (error: unknown): string => codeOf(error) ?? (error instanceof Error ? error.name : 'unknown error');

const ANYTHING = 'look whether it is there, then run this again';
const REMEDIES: Readonly<Record<string, string>> = {
  CredentialsProviderError: 'set AWS_PROFILE or other AWS credentials',
  ExpiredToken: 'renew your AWS credentials',
  ExpiredTokenException: 'renew your AWS credentials',
  AccessDenied: 'use AWS credentials that may do this',
  AccessDeniedException: 'use AWS credentials that may do this',
};

/** The SDK has no class for this one. */
const lacksRegion = (error: unknown): boolean => error instanceof Error && error.message === 'Region is missing';

/** What an AWS service answers. Throws a Problem in one line when it does not. */
export const reached = async <T>(what: string, answer: Promise<T>): Promise<T> => {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    if (lacksRegion(cause)) throw new Problem('No AWS region: set AWS_REGION, or env.region of the stage.', { cause });
    const name = nameOf(cause);
    throw new Problem(`No answer from ${what} (${name}): ${REMEDIES[name] ?? ANYTHING}.`, { cause });
  }
};
