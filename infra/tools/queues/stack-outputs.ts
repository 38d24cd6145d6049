import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { WEBHOOK_SOURCES, type WebhookSourceId } from '../../../functions/manifest.ts';
import { Problem } from '../../local/problem.ts';
import type { QueueUrls } from './place.ts';
import { reached } from './trouble.ts';

/** The name that infra/app.ts gives a stage's stack. */
const stackName = (stage: string): string => `UserpilotWebhooks-${stage}`;

export const pascalCase = (id: string): string => id.replace(/(^|-)([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase());

/** As the stack names them; a source that fetches nothing has none. */
const refreshQueues = (outputs: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> => {
  const urls = WEBHOOK_SOURCES.map((id) => [id, outputs[`${pascalCase(id)}RefreshQueueUrl`]] as const);
  return Object.fromEntries(urls.filter((entry): entry is [WebhookSourceId, string] => entry[1] !== undefined));
};

/** CloudFormation has no code of its own for this. */
const isMissing = (error: unknown): boolean => error instanceof Error && /does not exist/.test(error.message);

/**
 * What the stack of a deployed stage prints, with the credentials of the ordinary AWS variables.
 *
 * @param region absent = that of the AWS variables or profile.
 * @throws Problem when there is no such stack, nobody may look, or one of `needed` is missing.
 */
export const outputsOfStack = async <Name extends string>(
  stage: string,
  region: string | undefined,
  needed: readonly Name[],
): Promise<Readonly<Record<Name, string>> & Readonly<Record<string, string | undefined>>> => {
  const client = new CloudFormationClient(region === undefined ? {} : { region });
  const name = stackName(stage);
  try {
    const answer = client.send(new DescribeStacksCommand({ StackName: name })).catch((cause: unknown) => {
      if (!isMissing(cause)) throw cause;
      const where = region === undefined ? 'this AWS account and region' : `this AWS account in ${region}`;
      throw new Problem(`There is no stack ${name} in ${where}: deploy it, or choose another --stage or AWS profile.`, { cause });
    });
    const { Stacks } = await reached('CloudFormation', answer);
    const outputs = (Stacks?.[0]?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue] as const);
    const missing = needed.filter((wanted) => !outputs.some(([key, value]) => key === wanted && value !== ''));
    if (missing.length > 0)
      throw new Problem(`The stack ${name} has no output ${missing.join(', ')}: deploy this version of it first.`);
    return Object.fromEntries(outputs) as Record<Name, string>; // none of them is missing
  } finally {
    client.destroy();
  }
};

/** Where the queues of a deployed stage are. @throws Problem as `outputsOfStack` does. */
export const queuesOfStack = async (stage: string, region: string | undefined): Promise<QueueUrls> => {
  const outputs = await outputsOfStack(stage, region, ['EventsQueueUrl', 'RejectedQueueUrl', 'DeadLettersQueueUrl']);
  const { EventsQueueUrl: events, RejectedQueueUrl: rejected, DeadLettersQueueUrl: deadLetters } = outputs;
  return { events, rejected, deadLetters, refresh: refreshQueues(outputs) };
};
