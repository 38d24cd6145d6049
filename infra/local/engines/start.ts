import { DUE_INDEX, TABLE_KEY, type WebhookSourceId } from '../../../functions/manifest.ts';
import type { Closers } from '../closers.ts';
import type { DataFolder } from '../data-folder.ts';
import { QUEUES, queueSpecs, refreshQueue, TABLE_NAME } from '../resources.ts';
import type { SecretStore } from '../secret-store.ts';
import { applyVariables, sdkVariables } from './aws.ts';
import { startDynamo } from './dynamodb.ts';
import { startSecretsManager } from './secrets-manager.ts';
import { startSqs } from './sqs.ts';

export interface Engines {
  readonly sqs: string;
  readonly dynamodb: string;
  readonly secretsManager: string;
  readonly queueUrls: QueueUrls;
}

export type QueueUrls = Readonly<Record<keyof typeof QUEUES, string>> & {
  /** By source. */
  readonly refresh: Readonly<Record<string, string>>;
};

export interface EngineData {
  readonly folder: DataFolder;
  readonly store: SecretStore;
  /** Sources with a queue of what is to be fetched from their vendor. */
  readonly refreshed: readonly WebhookSourceId[];
}

/** Starts all three on their data and points the AWS SDKs of this process at them until they are closed. */
export const startEngines = async ({ folder, store, refreshed }: EngineData, closers: Closers): Promise<Engines> => {
  const sqs = await startSqs({ folder: folder.queue, queues: queueSpecs(refreshed) });
  closers.add(sqs.close);
  const dynamo = await startDynamo({ folder: folder.table, table: { name: TABLE_NAME, key: TABLE_KEY, index: DUE_INDEX } });
  closers.add(dynamo.close);
  const secretsManager = await startSecretsManager(store);
  closers.add(secretsManager.close);
  const urls = { sqs: sqs.url, dynamodb: dynamo.url, secretsManager: secretsManager.url };
  closers.add(applyVariables(sdkVariables(urls)));
  const queueUrls = {
    events: sqs.queueUrl(QUEUES.events),
    deadLetters: sqs.queueUrl(QUEUES.deadLetters),
    rejected: sqs.queueUrl(QUEUES.rejected),
    refresh: Object.fromEntries(refreshed.map((id) => [id, sqs.queueUrl(refreshQueue(id))])),
  };
  return { ...urls, queueUrls };
};
