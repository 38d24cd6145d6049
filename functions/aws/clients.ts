/**
 * Short time-outs: a call that hangs must not eat the function's time. Endpoint, region and credentials come from the
 * standard AWS variables, so the same code speaks to AWS and to the embedded engines.
 */
export const CLIENT_DEFAULTS = { maxAttempts: 3, requestHandler: { connectionTimeout: 1000, requestTimeout: 3000 } } as const;
