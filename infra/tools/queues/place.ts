import { SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { clientOptions } from '../../local/engines/aws.ts';
import { Problem } from '../../local/problem.ts';
import type { Stage } from '../../stages.ts';
import { queuesOfStack } from './stack-outputs.ts';

/** A local stack by its address, or a deployed stage by its name. */
export type Where = { readonly kind: 'local'; readonly url: string } | { readonly kind: 'deployed'; readonly stage: string };

export interface QueueUrls {
  readonly events: string;
  readonly rejected: string;
  readonly deadLetters: string;
  /** By source: of what is to be fetched from its vendor. */
  readonly refresh: Readonly<Record<string, string>>;
}

/** The queues of one stack, and the settings by which its events are mapped now. */
export interface Place {
  /** For a person, e.g. `the local stack at http://127.0.0.1:8787`. */
  readonly name: string;
  readonly sqs: SQSClient;
  readonly queues: QueueUrls;
  readonly stage: Stage;
}

/** Reads the settings of a stage; throws a Problem when there is none of that name. */
export type StageNamed = (name: string) => Stage;

const PATIENCE_MS = 5000;

/** What a local stack tells of itself, as far as the queues go. */
const Health = z.object({
  stage: z.string(),
  sqs: z.url(),
  queues: z.object({ events: z.url(), rejected: z.url(), deadLetters: z.url(), refresh: z.record(z.string(), z.url()) }),
});

/** What a local stack tells of itself, read by the schema. @throws Problem when no such stack answers there. */
export const askLocal = async <T>(url: string, schema: z.ZodType<T>): Promise<T> => {
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch((cause: unknown) => {
    throw new Problem(`Nothing answers at ${url}: start the stack (npm start), or name a deployed one with --stage.`, { cause });
  });
  const health = schema.safeParse(await response.json().catch(() => undefined));
  if (health.success) return health.data;
  throw new Problem(`What answers at ${url} is not a local stack of this version: name its address with --to.`);
};

/** @throws Problem when there is no such stack or it cannot be asked. */
export const openPlace = async (where: Where, stageNamed: StageNamed): Promise<Place> => {
  if (where.kind === 'local') {
    const { stage, sqs, queues } = await askLocal(where.url, Health);
    const name = `the local stack at ${where.url}`;
    return { name, queues, sqs: new SQSClient(clientOptions(sqs)), stage: stageNamed(stage) };
  }
  const stage = stageNamed(where.stage);
  const region = stage.env?.region;
  return {
    name: `stage ${where.stage}`,
    queues: await queuesOfStack(where.stage, region),
    sqs: new SQSClient(region === undefined ? {} : { region }),
    stage,
  };
};
