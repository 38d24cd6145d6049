import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createEventQueue } from '../../../functions/aws/queue.ts';
import { toQueueMessage } from '../../../functions/core/envelope.ts';
import { clientOptions } from '../../../infra/local/engines/aws.ts';
import { startLocalStack } from '../../../infra/local/runner.ts';
import type { LocalStack } from '../../../infra/local/stack.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';

let folder: ReturnType<typeof temporaryFolder>;
let stack: LocalStack | undefined;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await stack?.stop();
  folder.remove();
});

const USERS = 4500;
const jobsAt = async (url: string | undefined) =>
  (await (await fetch(`${url}/_/jobs`)).json()) as readonly { readonly total_rows: number }[];

describe('the overflow of a local stack', () => {
  it('gives a part of a backlog to a bulk job, and goes on with it after a restart', async () => {
    const dataDir = join(folder.path, 'data');
    const start = () => startLocalStack({ dataDir, overflow: { everyMs: 200, secondMs: 20 } });
    stack = await start();
    const client = new SQSClient(clientOptions(stack.engines.sqs));
    const change = (user: number) => ({
      call: { kind: 'identifyUser', user_id: `invented-${user}`, metadata: { name: 'Ada' } } as const,
      facet: 'profile' as const,
      occurredAt: new Date(),
    });
    await createEventQueue(client, stack.queueUrls.events).send(
      Array.from({ length: USERS }, (_, user) => {
        const head = { v: 1, source: 'clerk', eventId: `e${user}`, type: 'invented', receivedAt: new Date() } as const;
        return toQueueMessage({ ...head, change: change(user) }) ?? [];
      }).flat(),
    );
    client.destroy();
    await until(async () => (await jobsAt(stack?.userpilot?.url)).length > 0, { description: 'a bulk job', deadlineMs: 60_000 });
    expect((await jobsAt(stack.userpilot?.url))[0]?.total_rows).toBeGreaterThanOrEqual(1000);
    await stack.stop();
    expect(existsSync(join(dataDir, 'overflow.jsonl'))).toBe(true);
    stack = await start();
    const { url = '' } = stack.userpilot ?? {};
    await fetch(`${url}/_/advance`, { method: 'POST', body: JSON.stringify({ ms: 3_600_000 }) });
    await until(() => !existsSync(join(dataDir, 'overflow.jsonl')), { description: 'the end of the run', deadlineMs: 60_000 });
    expect(await jobsAt(url)).toHaveLength(1);
  }, 180_000);
});
