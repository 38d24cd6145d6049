import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import * as z from 'zod';
import { WEBHOOK_SOURCES, type WebhookSourceId } from '../../../functions/manifest.ts';
import { Problem } from '../../local/problem.ts';
import type { QueueUrls } from './place.ts';
import { reached } from './trouble.ts';

/** The name that infra/app.ts gives a stage's stack. */
const stackName = (stage: string): string => `UserpilotWebhooks-${stage}`;

/** What the stack prints of its queues. */
const Outputs = z.object({ EventsQueueUrl: z.url(), RejectedQueueUrl: z.url(), DeadLettersQueueUrl: z.url() });

export const pascalCase = (id: string): string => id.replace(/(^|-)([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase());

/** As the stack names them; a source that fetches nothing has none. */
const refreshQueues = (outputs: OutputMap): Readonly<Record<string, string>> => {
  const urls = WEBHOOK_SOURCES.map((id) => [id, outputs.get(`${pascalCase(id)}RefreshQueueUrl`)] as const);
  return Object.fromEntries(urls.filter((entry): entry is [WebhookSourceId, string] => entry[1] !== undefined));
};

/** CloudFormation has no code of its own for this. */
const isMissing = (error: unknown): boolean => error instanceof Error && /does not exist/.test(error.message);

type OutputMap = ReadonlyMap<string | undefined, string | undefined>;

/**
 * What the stack of a deployed stage prints, with the credentials of the ordinary AWS variables.
 *
 * @param region absent = that of the AWS variables or profile.
 * @throws Problem when there is no such stack, or nobody may look.
 */
export const outputsOfStack = async (stage: string, region: string | undefined): Promise<OutputMap> => {
  const client = new CloudFormationClient(region === undefined ? {} : { region });
  const name = stackName(stage);
  try {
    const answer = client.send(new DescribeStacksCommand({ StackName: name })).catch((cause: unknown) => {
      if (!isMissing(cause)) throw cause;
      const where = region === undefined ? 'this AWS account and region' : `this AWS account in ${region}`;
      throw new Problem(`There is no stack ${name} in ${where}: deploy it, or choose another --stage or AWS profile.`, { cause });
    });
    const { Stacks } = await reached('CloudFormation', answer);
    return new Map((Stacks?.[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  } finally {
    client.destroy();
  }
};

/** The stack was deployed by an older version. */
export const lacksOutput = (stage: string, output: string): Problem =>
  new Problem(`The stack ${stackName(stage)} has no output ${output}: deploy this version of it first.`);

/** Where the queues of a deployed stage are. @throws Problem */
export const queuesOfStack = async (stage: string, region: string | undefined): Promise<QueueUrls> => {
  const outputs = await outputsOfStack(stage, region);
  const parsed = Outputs.safeParse(Object.fromEntries(outputs));
  if (!parsed.success) throw lacksOutput(stage, parsed.error.issues.map(({ path }) => path.join('.')).join(', '));
  const { EventsQueueUrl: events, RejectedQueueUrl: rejected, DeadLettersQueueUrl: deadLetters } = parsed.data;
  return { events, rejected, deadLetters, refresh: refreshQueues(outputs) };
};
