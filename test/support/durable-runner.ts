import {
  type DurableExecutionClient,
  DurableExecutionInvocationInputWithClient,
  type DurableLambdaHandler,
} from '@aws/durable-execution-sdk-js';
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';

/** docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, durable functions: of one execution. */
export const DURABLE_LIMITS = { operations: 3000, bytes: 100 * 1024 * 1024, payloadBytes: 256 * 1024 } as const;

/** How the local runner calls a function. */
export const INVOKED_ARN = 'arn:aws:lambda:us-east-2:123456789012:function:my-function-name';

/** What one execution wrote down. */
export interface Written {
  /** Names in the order in which they began. */
  readonly names: string[];
  /** As the service counts them: a step that is tried again counts anew. */
  operations: number;
  bytes: number;
  largest: number;
  /** All of it. */
  text: string;
  invocations: number;
}

type Checkpoint = DurableExecutionClient['checkpoint'];

/**
 * The testing package's runner with what it leaves out: it goes through short waits without a replay, and knows no limits.
 * Here every wait ends its invocation, and what is written down is counted, execution by execution.
 */
export const runDurable = async <Result>(durable: DurableLambdaHandler, payload: unknown) => {
  const executions = new Map<string, Written>();
  const handler: DurableLambdaHandler = (event, context) => {
    if (!DurableExecutionInvocationInputWithClient.isInstance(event)) throw new Error('the local runner brings its client along');
    const { durableExecutionClient: client, DurableExecutionArn: execution } = event;
    const written = executions.get(execution) ?? { names: [], operations: 0, bytes: 0, largest: 0, text: '', invocations: 0 };
    executions.set(execution, written);
    written.invocations += 1;
    const checkpoint: Checkpoint = async (request, ...rest) => {
      for (const update of request.Updates ?? []) {
        if (update.Action === 'START' || update.Action === 'RETRY') written.operations += 1;
        if (update.Action === 'START' && !written.names.includes(update.Name ?? '')) written.names.push(update.Name ?? '');
        const text = JSON.stringify([update.Payload, update.Error]);
        written.text += text;
        written.bytes += text.length;
        written.largest = Math.max(written.largest, text.length);
      }
      const answer = await client.checkpoint(request, ...rest);
      const operations = answer.NewExecutionState?.Operations?.map((operation) =>
        operation.Type === 'WAIT' ? { ...operation, Status: 'STARTED' as const } : operation,
      );
      return { ...answer, NewExecutionState: { ...answer.NewExecutionState, Operations: operations } } as Awaited<
        ReturnType<Checkpoint>
      >;
    };
    const withClient = { getExecutionState: client.getExecutionState.bind(client), checkpoint };
    // So little time that nothing waits inside an invocation.
    const hurried = { ...context, getRemainingTimeInMillis: () => 30 };
    return durable(new DurableExecutionInvocationInputWithClient(event, withClient), hurried);
  };
  const runner = new LocalDurableTestRunner<Result>({ handlerFunction: handler });
  runner.registerDurableFunction(`${INVOKED_ARN}:live`, handler);
  const execution = await runner.run({ payload });
  const [first, ...successors] = executions.values();
  if (first === undefined) throw new Error('the function was not called');
  return { execution, written: first, successors };
};
