import type { MiddlewareObj } from '@middy/core';
import { DependencyError } from '../core/errors.ts';
import type { PlainAnswer } from '../core/request.ts';

/** What all three HTTP front doors of Lambda take as an answer. */
export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A short JSON answer: a status word and a code, nothing of what came in. */
export const answer = (
  statusCode: number,
  body: { readonly status: string; readonly code?: string },
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer => ({
  statusCode,
  headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...headers },
  body: JSON.stringify(body),
});

/** An answer in a vendor's own words. Never to be taken for a page: it may repeat what the caller sent. */
export const plain = ({ status, contentType = 'application/json', body }: PlainAnswer): HttpAnswer => ({
  statusCode: status,
  headers: {
    ...(status === 200 && { 'content-type': `${contentType}; charset=utf-8` }),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  },
  body,
});

/** Seconds. Vendors that read Retry-After come back then; the others keep their own schedule. */
const RETRY_AFTER = '30';

/** Innermost answer to an error: 503 when a part of ours did not answer, 500 for a bug. The vendor sends the event again in both cases. */
export const answerProblems = (): MiddlewareObj => ({
  onError: (request) => {
    request.response =
      request.error instanceof DependencyError
        ? answer(503, { status: 'unavailable', code: request.error.code }, { 'retry-after': RETRY_AFTER })
        : answer(500, { status: 'failed', code: 'INTERNAL' }, { 'retry-after': RETRY_AFTER });
  },
});
