import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { clientOptions } from '../../infra/local/engines/aws.ts';
import { type Kept, readKept } from '../../infra/tools/queues/kept.ts';
import { createQueueReader } from '../../infra/tools/queues/queue-reader.ts';
import { ask, type CallSeen, type Life } from './life.ts';

/** What Userpilot holds of one user or company. */
export interface Profile {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly company?: string | undefined;
}

/** How the function behind the queue ended an event, by its log. */
export interface EndingSeen {
  /** As the envelope names the event. */
  readonly eventId: string;
  readonly outcome: string;
  readonly code?: string | undefined;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Everything that came out at the end, read from the outside. */
export interface Outputs {
  /** By `user:…` or `company:…`. */
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly rejected: readonly Kept[];
  readonly deadLetters: readonly Kept[];
  readonly endings: readonly EndingSeen[];
  /** Calls that had an effect, of all lives: what no request log could tell any more is in the fake's journal. */
  readonly effects: readonly CallSeen[];
  /** Events that Cognito was told all is well about and that were not queued. */
  readonly lostSignUps: number;
}

const Properties = z.record(z.string(), z.unknown());
const Users = z.array(z.object({ user_id: z.string(), metadata: Properties, company_id: z.string().optional() }));
const Companies = z.array(z.object({ company_id: z.string(), metadata: Properties }));

const profilesOf = async ({ runner }: Life): Promise<ReadonlyMap<string, Profile>> => {
  const users = await ask(`${runner.userpilotUrl}/_/users`, Users);
  const companies = await ask(`${runner.userpilotUrl}/_/companies`, Companies);
  return new Map<string, Profile>([
    ...users.map(
      ({ user_id, metadata, company_id }) => [`user:${user_id}`, { properties: metadata, company: company_id }] as const,
    ),
    ...companies.map(({ company_id, metadata }) => [`company:${company_id}`, { properties: metadata }] as const),
  ]);
};

const keptIn = async (sqsUrl: string, queueUrl: string): Promise<readonly Kept[]> => {
  const sqs = new SQSClient(clientOptions(sqsUrl));
  const reader = createQueueReader({ sqs, queueUrl, messagesPerSecond: 1 });
  const list: Kept[] = [];
  try {
    for await (const message of reader.messages(new Date(), new AbortController().signal)) list.push(readKept(message));
    await reader.putBack();
    return list;
  } finally {
    sqs.destroy();
  }
};

/** Messages that are on their way. */
export const waitingIn = async ({ sqs: sqsUrl, queues }: Life): Promise<number> => {
  const sqs = new SQSClient(clientOptions(sqsUrl));
  try {
    const { visible, hidden } = await createQueueReader({ sqs, queueUrl: queues.events, messagesPerSecond: 1 }).counts();
    return visible + hidden;
  } finally {
    sqs.destroy();
  }
};

/** A line that a kill tore is none. */
const linesOf = (path: string): readonly unknown[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });

const LogLine = z.object({
  at: z.iso.datetime().transform((text) => Date.parse(text)),
  function: z.string(),
  outcome: z.string(),
  source: z.string().optional(),
  eventId: z.string().optional(),
  code: z.string().optional(),
});
const ENDINGS = new Set(['delivered', 'superseded', 'tombstone', 'rejected', 'ignored']);

const readLog = (dataDir: string) => {
  const lines = linesOf(join(dataDir, 'functions.log')).flatMap((line) => LogLine.safeParse(line).data ?? []);
  return {
    endings: lines.flatMap(({ eventId, outcome, code, at, function: name }) =>
      eventId !== undefined && name !== 'receive-cognito' && ENDINGS.has(outcome) ? [{ eventId, outcome, code, at }] : [],
    ),
    lostSignUps: lines.filter(({ function: name, outcome }) => name === 'receive-cognito' && outcome === 'unavailable').length,
  };
};

const Entry = z.discriminatedUnion('op', [
  z.object({ op: z.literal('user'), at: z.number(), user: z.object({ user_id: z.string() }) }),
  z.object({ op: z.literal('company'), at: z.number(), company: z.object({ company_id: z.string() }) }),
]);

const effectsIn = (dataDir: string): readonly CallSeen[] =>
  linesOf(join(dataDir, 'userpilot.jsonl')).map((line) => {
    const entry = Entry.parse(line);
    const entity = entry.op === 'user' ? `user:${entry.user.user_id}` : `company:${entry.company.company_id}`;
    return { at: entry.at, entity };
  });

export const readOutputs = async (life: Life, dataDir: string): Promise<Outputs> => ({
  profiles: await profilesOf(life),
  rejected: await keptIn(life.sqs, life.queues.rejected),
  deadLetters: await keptIn(life.sqs, life.queues.deadLetters),
  effects: effectsIn(dataDir),
  ...readLog(dataDir),
});
