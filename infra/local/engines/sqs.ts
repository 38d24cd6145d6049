import type { AddressInfo } from 'node:net';
import { buildApp } from 'fauxqs';
import { S3Store } from '../../../node_modules/fauxqs/dist/s3/s3Store.js';
import { SnsStore } from '../../../node_modules/fauxqs/dist/sns/snsStore.js';
import { type SqsQueue, SqsStore } from '../../../node_modules/fauxqs/dist/sqs/sqsStore.js';
import { Problem } from '../problem.ts';
import { ACCOUNT_ID, REGION } from './aws.ts';
import { keepFifoOrder } from './fifo-order.ts';
import { QueueDisk } from './queue-disk.ts';

/** Name and attributes as `CreateQueue` takes them. A queue that exists gets the attributes. */
export interface QueueSpec {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface SqsEngine {
  readonly url: string;
  queueUrl(name: string): string;
  close(): Promise<void>;
}

export const queueArn = (name: string): string => `arn:aws:sqs:${REGION}:${ACCOUNT_ID}:${name}`;

class Store extends SqsStore {
  /** Changes with every start, as the port does; queue URLs in the file are of the last run. */
  base = '';

  override buildQueueUrl(name: string): string {
    return `${this.base}/${ACCOUNT_ID}/${name}`;
  }

  override createQueue(
    name: string,
    _url: string,
    arn: string,
    attributes?: Record<string, string>,
    tags?: Record<string, string>,
  ): SqsQueue {
    const queue = super.createQueue(name, this.buildQueueUrl(name), arn, attributes, tags);
    if (queue.isFifo()) keepFifoOrder(queue);
    return queue;
  }
}

const openDisk = (folder: string, store: Store, sns: SnsStore): QueueDisk => {
  const disk = new QueueDisk(folder);
  disk.releaseInFlight();
  disk.loadSqsAndSns(store, sns);
  // Only now, or loading would write each queue again, and SQLite would cascade that into deleting its messages.
  store.persistence = disk;
  for (const queue of store.allQueues()) queue.persistence = disk;
  return disk;
};

/**
 * SQS on loopback, kept in `folder`. Put together from fauxqs' parts, because its own starter listens on all
 * interfaces of the machine and leaves no room between opening the file and loading it.
 *
 * @throws Problem when the folder cannot be read as queues.
 */
export const startSqs = async ({
  folder,
  queues,
}: {
  readonly folder: string;
  readonly queues: readonly QueueSpec[];
}): Promise<SqsEngine> => {
  const store = new Store();
  const sns = new SnsStore();
  const app = buildApp({
    logger: false,
    defaultRegion: REGION,
    stores: { sqsStore: store, snsStore: sns, s3Store: new S3Store() },
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo; // it listens on TCP
  store.base = `http://127.0.0.1:${port}`;

  let disk: QueueDisk;
  try {
    disk = openDisk(folder, store, sns);
  } catch (cause) {
    await app.close();
    throw new Problem(`The queues in ${folder} cannot be opened; start again with --fresh to begin with empty ones.`, { cause });
  }
  for (const { name, attributes } of queues) {
    const existing = store.getQueueByName(name);
    if (existing === undefined) store.createQueue(name, '', queueArn(name), { ...attributes });
    else existing.setAttributes({ ...attributes });
  }

  return {
    url: store.base,
    queueUrl: (name) => store.buildQueueUrl(name),
    async close() {
      await app.close();
      disk.close();
    },
  };
};
