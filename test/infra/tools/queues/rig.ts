import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import {
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SendMessageCommandInput,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { clientOptions } from '../../../../infra/local/engines/aws.ts';
import { parseStage, stages } from '../../../../infra/stages.ts';
import { runQueueCommand } from '../../../../infra/tools/queues/command.ts';
import type { QueueName } from '../../../../infra/tools/queues/help.ts';

type Sources = Readonly<Record<string, unknown>>;

export interface RunOptions {
  /** Sources of the local stage, instead of those in the table: the settings after a correction. */
  readonly sources?: Sources;
  /** On a terminal, with this typed in. */
  readonly types?: string;
  readonly now?: Date;
}
export interface Ran {
  readonly out: string;
  readonly code: number;
}

/** Runs a command in this process, as its file does. Rejects with the Problem that the file would print. */
export const run = async (
  queue: QueueName,
  args: readonly string[],
  { sources, types, now = new Date() }: RunOptions = {},
): Promise<Ran> => {
  const isTTY = types !== undefined;
  const input = Object.assign(new PassThrough(), { isTTY });
  const output = Object.assign(new PassThrough(), { isTTY });
  const table = sources === undefined ? stages : { ...stages, local: { ...stages.local, sources } };
  if (isTTY) input.end(`${types}\n`);
  const written = text(output);
  const code = await runQueueCommand(queue, args, {
    terminal: { input, output },
    stageNamed: (name) => parseStage(name, table),
    now: () => now,
  }).finally(() => output.end());
  return { out: await written, code };
};

/** The command as a process of its own, as npm starts it. */
export const startCommand = (
  queue: QueueName,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessByStdio<null, Readable, Readable> => {
  const file = fileURLToPath(new URL(`../../../../infra/tools/${queue}.ts`, import.meta.url));
  return spawn(process.execPath, [file, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
};

export const ended = async (child: ReturnType<typeof startCommand>) => {
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { out, err, code: Number(code) };
};

/** Looks into queues from outside. */
export const createQueueProbe = (sqsUrl: string) => {
  const sqs = new SQSClient(clientOptions(sqsUrl));
  const attribute = async (QueueUrl: string, name: 'ApproximateNumberOfMessages' | 'ApproximateNumberOfMessagesNotVisible') => {
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [name] }));
    return Number(Attributes?.[name]);
  };
  return {
    sqs,
    visible: (queueUrl: string) => attribute(queueUrl, 'ApproximateNumberOfMessages'),
    inHand: (queueUrl: string) => attribute(queueUrl, 'ApproximateNumberOfMessagesNotVisible'),
    put: (queueUrl: string, body: unknown, rest: Partial<SendMessageCommandInput> = {}) =>
      sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(body), ...rest })),
    /** Up to ten bodies, left visible. */
    async bodies(QueueUrl: string): Promise<readonly string[]> {
      const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 });
      return ((await sqs.send(command)).Messages ?? []).map(({ Body = '' }) => Body);
    },
    close: () => sqs.destroy(),
  };
};
export type QueueProbe = ReturnType<typeof createQueueProbe>;
