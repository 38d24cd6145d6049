import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { WebhookSourceId } from '../../functions/manifest.ts';
import { deliveryOf, type Invented } from '../../functions/sources/sender.ts';
import { senders } from '../../functions/sources/senders.ts';
import { clientOptions } from '../../infra/local/engines/aws.ts';
import type { FakeUserpilot } from '../../infra/local/fake-userpilot/server.ts';
import type { FunctionEvent } from '../../infra/local/function-log.ts';
import { startLocalStack } from '../../infra/local/runner.ts';
import { parseSecrets, readText, type Secrets, writeSecrets } from '../../infra/local/secrets-file.ts';
import type { LocalStack, StackOptions } from '../../infra/local/stack.ts';
import { until } from './until.ts';

/** A running stack on a free port with everything a test of the whole way needs. */
export interface Running {
  readonly stack: LocalStack;
  readonly userpilot: FakeUserpilot;
  /** What became of each event, in order. */
  readonly events: readonly FunctionEvent[];
  secrets(): Secrets;
  changeSecrets(secrets: Secrets): void;
  /** The secret that signs for a source. */
  secretOf(source: WebhookSourceId): string;
  /** Posts a body with headers to a source; status and JSON answer. */
  post(source: WebhookSourceId, body: string | Uint8Array, headers: Readonly<Record<string, string>>): Promise<Answer>;
  /** Makes, signs and posts an event of an invented person. */
  send(source: WebhookSourceId, type: string, who: Invented, options?: SendOptions): Promise<Answer>;
  trigger(event: unknown): Promise<unknown>;
  /** Waits until the queues are empty and nothing is in hand: everything that was accepted came to its end. */
  idle(deadlineMs?: number): Promise<void>;
  close(): Promise<void>;
}
export interface Answer {
  readonly status: number;
  readonly body: { readonly status?: string; readonly code?: string };
}
export interface SendOptions {
  readonly now?: Date;
  readonly eventId?: string;
  readonly body?: string;
}

let sent = 0;
export const startEndToEnd = async (options: Partial<StackOptions> = {}): Promise<Running> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'userpilot-webhooks-e2e-'));
  const events: FunctionEvent[] = [];
  const stack = await startLocalStack({ dataDir, onEvent: (event) => events.push(event), ...options });
  const { userpilot } = stack;
  if (userpilot === undefined) throw new Error('the stack runs without its fake Userpilot');
  const secrets = () => parseSecrets(readText(stack.secretsFile), stack.secretsFile);
  const post: Running['post'] = async (source, body, headers) => {
    const response = await fetch(`${stack.url}/webhooks/${source}`, { method: 'POST', headers, body: Buffer.from(body) });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  };
  const secretOf: Running['secretOf'] = (source) => {
    const secret = secrets()[source]?.signingSecrets?.[0];
    if (secret === undefined) throw new Error(`no secret for ${source}`);
    return secret;
  };
  const client = new SQSClient(clientOptions(stack.engines.sqs));
  const isEmpty = async (QueueUrl: string): Promise<boolean> => {
    const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
    const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }));
    return AttributeNames.every((name) => Attributes?.[name] === '0');
  };
  /** What is fetched goes on into the queue of events, so that comes last. */
  const isIdle = async (): Promise<boolean> => {
    for (const url of [...Object.values(stack.queueUrls.refresh), stack.queueUrls.events])
      if (!(await isEmpty(url))) return false;
    return true;
  };
  return {
    stack,
    userpilot,
    events,
    secrets,
    changeSecrets: (changed) => {
      rmSync(stack.secretsFile);
      writeSecrets(stack.secretsFile, changed);
    },
    secretOf,
    post,
    send(source, type, who, { now = new Date(), eventId, body } = {}) {
      sent += 1;
      const moment = { now, eventId: eventId ?? `event${sent}` };
      const json = Buffer.from(body ?? senders[source].body(type, who, moment));
      const signed = { secret: secretOf(source), moment: { ...moment, now: new Date() } };
      const delivery = deliveryOf(senders[source], json, signed);
      return post(source, delivery.body, delivery.headers);
    },
    async trigger(event) {
      const response = await fetch(`${stack.url}/triggers/cognito`, { method: 'POST', body: JSON.stringify(event) });
      return response.json();
    },
    idle: (deadlineMs = 15_000) => until(isIdle, { deadlineMs, description: 'the queue of events empty' }),
    async close() {
      client.destroy();
      await stack.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
};
