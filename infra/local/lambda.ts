import { randomUUID } from 'node:crypto';
import type { Context } from 'aws-lambda';
import { ACCOUNT_ID, REGION } from './engines/aws.ts';

/** A Lambda function as the runtime sees it. */
export type Handler = (event: unknown, context: Context) => Promise<unknown>;

/** Rejects with what the handler throws, or with a FunctionTimeout; then a handler that never ends is left behind. */
export type Invoke = (event: unknown) => Promise<unknown>;

/** Lambda ends a function at its timeout; here it can only be given up. */
export class FunctionTimeout extends Error {
  override readonly name = 'FunctionTimeout';
}

const contextOf = (name: string, endsAt: number): Context => ({
  callbackWaitsForEmptyEventLoop: true,
  functionName: name,
  functionVersion: '$LATEST',
  invokedFunctionArn: `arn:aws:lambda:${REGION}:${ACCOUNT_ID}:function:${name}`,
  memoryLimitInMB: '256',
  awsRequestId: randomUUID(),
  logGroupName: `/aws/lambda/${name}`,
  logStreamName: 'local',
  getRemainingTimeInMillis: () => Math.max(0, endsAt - Date.now()),
  // Gone from the runtime since Node 24, still in the type.
  done: () => undefined,
  fail: () => undefined,
  succeed: () => undefined,
});

/** @param timeoutMs what the function may take for one event. */
export const createInvoke =
  (name: string, handler: Handler, timeoutMs: number): Invoke =>
  async (event) => {
    const { promise: tooLate, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new FunctionTimeout(`${name} took more than ${timeoutMs} ms`)), timeoutMs);
    // A function that is given up at a stop must not keep the process until its time is over.
    timer.unref();
    // Through JSON, as the runtime hands events over: nothing is shared with the caller.
    const copy: unknown = JSON.parse(JSON.stringify(event));
    return Promise.race([handler(copy, contextOf(name, Date.now() + timeoutMs)), tooLate]).finally(() => clearTimeout(timer));
  };
