import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import * as z from 'zod';
import { createErasures } from '../../../functions/aws/erasures.ts';
import type { Erasures } from '../../../functions/core/erasure.ts';
import { ERASE_TIMEOUT_SECONDS } from '../../../functions/manifest.ts';
import { ERASE_PATH } from '../../local/defaults.ts';
import { clientOptions } from '../../local/engines/aws.ts';
import { Problem } from '../../local/problem.ts';
import type { StageNamed, Where } from '../queues/place.ts';
import { outputsOfStack } from '../queues/stack-outputs.ts';
import { reached } from '../queues/trouble.ts';

/** Where deletions wait, and the function that sends them. */
export interface ErasurePlace {
  /** For a person, e.g. `the local stack at http://127.0.0.1:8787`. */
  readonly name: string;
  readonly erasures: Pick<Erasures, 'listDue' | 'conclude'>;
  /** What the function answers, or a Problem with what it failed of. */
  run(event: unknown): Promise<unknown>;
  close(): void;
}

const PATIENCE_MS = 5000;
const RUN_MS = ERASE_TIMEOUT_SECONDS * 1000;

/** What a local stack tells of itself. */
const Health = z.object({ dynamodb: z.url(), table: z.string() });
const Failure = z.object({ errorType: z.string().default('Error'), errorMessage: z.string() });

const failed = (payload: unknown): Problem => {
  const { data } = Failure.safeParse(payload);
  const what = data === undefined ? 'no reason given' : `${data.errorType}: ${data.errorMessage}`;
  return new Problem(
    `The run failed (${what}). What was not sent stays due: see "Deletions are not passed on" in infra/RUNBOOK.md.`,
  );
};

const openLocal = async (url: string): Promise<ErasurePlace> => {
  const ask = (path: string, init: RequestInit) =>
    fetch(`${url}${path}`, init).catch((cause: unknown) => {
      throw new Problem(`Nothing answers at ${url}: start the stack (npm start), or name a deployed one with --stage.`, {
        cause,
      });
    });
  const response = await ask('/health', { signal: AbortSignal.timeout(PATIENCE_MS) });
  const health = Health.safeParse(await response.json().catch(() => undefined));
  if (!health.success)
    throw new Problem(`What answers at ${url} is not a local stack of this version: name its address with --to.`);
  const client = new DynamoDBClient(clientOptions(health.data.dynamodb));
  return {
    name: `the local stack at ${url}`,
    erasures: createErasures(client, health.data.table),
    async run(event) {
      const answer = await ask(ERASE_PATH, { method: 'POST', body: JSON.stringify(event), signal: AbortSignal.timeout(RUN_MS) });
      const payload: unknown = await answer.json();
      if (!answer.ok) throw failed(payload);
      return payload;
    },
    close: () => client.destroy(),
  };
};

/** @throws Problem when there is no such stack or it cannot be asked. */
export const openErasures = async (where: Where, stageNamed: StageNamed): Promise<ErasurePlace> => {
  if (where.kind === 'local') return openLocal(where.url);
  const region = stageNamed(where.stage).env?.region;
  const outputs = await outputsOfStack(where.stage, region, ['TableName', 'EraseFunctionName']);
  const options = region === undefined ? {} : { region };
  const client = new DynamoDBClient(options);
  // One try: a run that is still going on must not be joined by a second one.
  const lambda = new LambdaClient({ ...options, maxAttempts: 1, requestHandler: { requestTimeout: RUN_MS } });
  return {
    name: `stage ${where.stage}`,
    erasures: createErasures(client, outputs.TableName),
    async run(event) {
      const command = new InvokeCommand({ FunctionName: outputs.EraseFunctionName, Payload: JSON.stringify(event) });
      const { FunctionError, Payload } = await reached('the erase function', lambda.send(command));
      const payload: unknown = JSON.parse(Payload?.transformToString() ?? 'null');
      if (FunctionError !== undefined) throw failed(payload);
      return payload;
    },
    close() {
      client.destroy();
      lambda.destroy();
    },
  };
};
