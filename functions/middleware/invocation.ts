import type { MiddlewareObj } from '@middy/core';
import { DependencyError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** Outermost: one line about an invocation that failed, a warning where another try helps and an error for a bug. */
export const logInvocation = (log: Log): MiddlewareObj => ({
  onError: ({ error }) => {
    if (error instanceof DependencyError)
      log.warn('a dependency did not answer', { code: error.code, outcome: 'unavailable', error });
    else log.error('invocation failed', { error });
  },
});
