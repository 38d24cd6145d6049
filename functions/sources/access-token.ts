import * as z from 'zod';
import { type VendorCode, VendorError } from '../core/errors.ts';
import type { ApiAnswer, Authorization } from './directory.ts';

/** RFC 6749, section 5.1 */
const AccessToken = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** A refused grant comes as 400 or 401, whatever is wrong with it. */
const codeOf = (status: number): VendorCode => {
  if (status === 429) return 'RATE_LIMITED';
  if (status >= 500) return 'UNAVAILABLE';
  return status >= 400 ? 'UNAUTHORIZED' : 'UNEXPECTED';
};

/** What the answer of an OAuth token endpoint lets us send. Throws a VendorError when it granted nothing. */
export const bearerOf = ({ status, body }: ApiAnswer, now: Date): Authorization => {
  const { data: token } = AccessToken.safeParse(body);
  if (status !== 200 || token === undefined) throw new VendorError(codeOf(status), { status });
  return {
    headers: { authorization: `Bearer ${token.access_token}` },
    expiresAt: new Date(now.getTime() + token.expires_in * 1000),
  };
};
