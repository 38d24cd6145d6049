import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetDurableExecutionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { createRunStore } from '../../../functions/aws/runs.ts';
import type { RunView } from '../../../functions/core/ports.ts';
import type { ResyncInput } from '../../../functions/core/resync.ts';
import { Problem } from '../../local/problem.ts';
import { listedSource } from '../../local/resync.ts';
import type { StageNamed } from '../queues/place.ts';
import { outputsOfStack, pascalCase } from '../queues/stack-outputs.ts';
import { reached } from '../queues/trouble.ts';
import type { Screen } from './here.ts';
import type { ResyncOptions } from './options.ts';
import { reportLines } from './screen.ts';

export interface DeployedOptions extends ResyncOptions {
  readonly stageName: string;
  readonly signal: AbortSignal;
  readonly stageNamed: StageNamed;
}

/** What a watcher needs of AWS. */
export interface Watched {
  readonly runId: string;
  read(): Promise<RunView>;
  /** Of the durable execution, where it can be asked for: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or STOPPED. */
  status(): Promise<string | undefined>;
}

const LOOK_MS = 5000;
const minutesOf = ({ startedAt, endedAt }: { readonly startedAt: string; readonly endedAt: string }): number =>
  (Date.parse(endedAt) - Date.parse(startedAt)) / 60_000;

/**
 * Looks at a run until it is over; false when the person stopped looking first.
 *
 * @throws Problem when the execution ended otherwise.
 */
export const watchRun = async (
  { runId, read, status }: Watched,
  { print, progress }: Pick<Screen, 'print' | 'progress'>,
  { signal, lookMs = LOOK_MS }: { readonly signal: AbortSignal; readonly lookMs?: number },
): Promise<boolean> => {
  for (;;) {
    // Asked for before the table is: what is over by then stands there.
    const state = await status();
    const view = await read();
    if (view.last?.runId === runId) {
      print();
      for (const line of reportLines(view.last.counts, minutesOf(view.last))) print(line);
      print();
      return true;
    }
    if (state === 'SUCCEEDED') throw new Problem('Another resync of this source is under way: see it with --watch.');
    if (state !== undefined && state !== 'RUNNING')
      throw new Problem(`The execution has ended as ${state}: the log of the function says why. Start it again to begin anew.`);
    if (view.owner?.runId === runId && view.progress !== undefined) progress.show(view.progress);
    await pause(lookMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return false;
  }
};

/** Starts the durable function of a deployed stage, or finds the run that is under way, and shows how it goes. */
export const runDeployed = async (options: DeployedOptions, screen: Screen): Promise<number> => {
  const { source, stageName, signal, full, watch, stageNamed } = options;
  const { print, style } = screen;
  const stage = stageNamed(stageName);
  listedSource(source, stage, stageName);
  const region = stage.env?.region;
  const functionOutput = `${pascalCase(source)}ResyncFunctionArn` as const;
  const { [functionOutput]: FunctionName, TableName } = await outputsOfStack(stageName, region, [functionOutput, 'TableName']);
  const config = region === undefined ? {} : { region };
  const lambda = new LambdaClient(config);
  const dynamo = new DynamoDBClient(config);
  const runs = createRunStore(dynamo, TableName);
  const read = () => reached('the table', runs.read(source));
  try {
    const { owner, progress } = await read();
    const running = owner !== undefined && owner.until > Date.now() ? owner : undefined;
    if (watch && running === undefined) throw new Problem(`No resync of ${source} is under way in stage ${stageName}.`);
    if (!watch && running !== undefined) {
      const far = progress === undefined ? '' : ` (${progress.counts.listed} listed)`;
      throw new Problem(`A resync of ${source} is already running in stage ${stageName}${far}: see it with --watch.`);
    }
    const runId = running?.runId ?? randomUUID();
    let execution: string | undefined;
    if (running === undefined) {
      const command = new InvokeCommand({
        FunctionName,
        InvocationType: 'Event',
        DurableExecutionName: `resync-${source}-${runId}`,
        Payload: Buffer.from(JSON.stringify({ runId, full } satisfies ResyncInput)),
      });
      execution = (await reached('Lambda', lambda.send(command))).DurableExecutionArn;
      print();
      print(`  ${style('bold', `${source} in stage ${stageName}`)}  Started. Ctrl-C stops watching, the run goes on.`);
    }
    const status = async () => {
      if (execution === undefined) return undefined;
      // Not everybody who may start a run may look at executions.
      const answer = await lambda.send(new GetDurableExecutionCommand({ DurableExecutionArn: execution })).catch(() => undefined);
      return answer?.Status;
    };
    if (await watchRun({ runId, read, status }, screen, { signal })) return 0;
    print();
    print(`  Not watched any more; the run goes on. See it with --watch.`);
    return 0;
  } finally {
    lambda.destroy();
    dynamo.destroy();
  }
};
