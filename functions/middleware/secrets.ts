import type { MiddlewareObj } from '@middy/core';
import type { Context } from 'aws-lambda';
import type { SecretCache } from '../core/secrets.ts';

/** Beside the context, not on it: a logged or serialized context shows none. */
const vault = new WeakMap<object, unknown>();

/** Fetches a secret before the handler runs; `secretOf` hands it out. A DependencyError when there is no value to work with. */
export const withSecret = <T>(cache: SecretCache<T>): MiddlewareObj<unknown, unknown, Error, Context> => ({
  before: async ({ context }) => {
    vault.set(context, await cache.get());
  },
});

/** The value that `withSecret` fetched for this invocation. */
export const secretOf = <T>(context: Context): T => {
  if (!vault.has(context)) throw new Error('secretOf: the handler is not wrapped by withSecret');
  return vault.get(context) as T; // written by withSecret alone, with the handler's own cache
};
