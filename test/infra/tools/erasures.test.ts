import { createServer } from 'node:http';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createErasureNotes } from '../../../functions/aws/erasure-notes.ts';
import { createLedger } from '../../../functions/aws/ledger.ts';
import { digest } from '../../../functions/core/digest.ts';
import { COMPANY_KEY } from '../../../functions/core/envelope.ts';
import { clientOptions } from '../../../infra/local/engines/aws.ts';
import { closeServer, listenOnLoopback, readBody } from '../../../infra/local/http.ts';
import { parseStage } from '../../../infra/stages.ts';
import { runErasures } from '../../../infra/tools/erasures/command.ts';
import { readErasuresOptions } from '../../../infra/tools/erasures/options.ts';
import { type Running, startEndToEnd } from '../../support/end-to-end.ts';
import { startCloudFormation } from './queues/cloudformation.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const FAR = '9999-01-01';

let running: Running;
let client: DynamoDBClient;
beforeAll(async () => {
  running = await startEndToEnd();
  client = new DynamoDBClient(clientOptions(running.stack.engines.dynamodb));
});
afterAll(async () => {
  client.destroy();
  await running.close();
});

interface Ran {
  readonly out: string;
  readonly code: number;
}
const run = async (args: readonly string[], types?: string): Promise<Ran> => {
  const isTTY = types !== undefined;
  const input = Object.assign(new PassThrough(), { isTTY });
  const output = Object.assign(new PassThrough(), { isTTY });
  if (isTTY) input.end(`${types}\n`);
  const written = text(output);
  const code = await runErasures(args, { terminal: { input, output }, stageNamed: parseStage, now: () => NOW }).finally(() =>
    output.end(),
  );
  return { out: await written, code };
};
const here = (...args: readonly string[]) => run([...args, '--to', running.stack.url]);
const hashOf = (id: string, kind: 'user' | 'company' = 'user') => digest(`${kind}:${id}`);
const idOf = (id: string, kind: 'user' | 'company' = 'user') => hashOf(id, kind).slice(0, 12);
const keyOf = (id: string, kind: 'user' | 'company' = 'user') => `${kind === 'company' ? COMPANY_KEY : ''}${hashOf(id, kind)}`;
/** Noted, and dead by the ledger. */
const dead = async (id: string, due = '2026-11-20', kind: 'user' | 'company' = 'user'): Promise<void> => {
  const key = keyOf(id, kind);
  const requestedAt = NOW.getTime() - 7_200_000;
  const claim = { owner: 'x', until: NOW };
  const ledger = createLedger(client, running.stack.tableName);
  await createErasureNotes(client, running.stack.tableName).note({ key, kind, id, requestedAt, due }, false);
  await ledger.begin(key, claim);
  await ledger.commit(key, claim, { seen: {}, forgetSeen: true, deletedAt: 5 }, true);
};

describe('npm run erasures', () => {
  it('list counts by day, and says who only when asked', async () => {
    await dead('listed-1');
    await dead('listed-2');
    await dead('listed-3', FAR, 'company');
    const { out, code } = await here('list');
    expect(code).toBe(0);
    expect(out).toContain(`3 deletions to be passed on in the local stack at ${running.stack.url}`);
    expect(out).toMatch(/due +users +companies\n +2026-11-20 +2 +0\n +9999-01-01 +0 +1\n/);
    const single = (await here('list', '--ids')).out;
    expect(single).toMatch(new RegExp(`${idOf('listed-1')} +2026-11-20 +2 h +user\n`));
    for (const shown of [out, single]) expect(shown).not.toContain('listed');
    expect((await here('list', '--show-ids')).out).toMatch(new RegExp(`${idOf('listed-3', 'company')} .* company +listed-3\n`));
  });

  it('cancel takes out single ones', async () => {
    await dead('kept-1', FAR);
    await dead('kept-2', FAR);
    expect((await here('cancel', idOf('kept-1'))).out).toContain('1 deletion cancelled');
    const { out } = await here('list', '--ids');
    expect([out.includes(idOf('kept-1')), out.includes(idOf('kept-2'))]).toEqual([false, true]);
    await expect(here('cancel', idOf('kept-1'))).rejects.toThrow(`Nothing waits under ${idOf('kept-1')}`);
  });

  it('cancel takes out a whole day after asking', async () => {
    await dead('day-1', '2027-01-01');
    await dead('day-2', '2027-01-01');
    const args = ['cancel', '--day', '2027-01-01', '--to', running.stack.url];
    await expect(run(args)).rejects.toThrow('add --yes');
    expect((await run(args, 'n')).code).toBe(1);
    expect((await run(args, 'y')).out).toContain('2 deletions cancelled');
    await expect(run([...args, '--yes'])).rejects.toThrow('Nothing is due on 2027-01-01');
  });

  it('send says first what it would do, and then does it', async () => {
    const dry = await here('send', '--dry-run');
    expect([dry.code, dry.out]).toEqual([0, expect.stringContaining('2 would be sent\n')]);
    expect(running.userpilot.requests()).toEqual([]);
    const { code, out } = await here('send');
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/2 deletions due .*\n\n +2 sent, in 1 call\n +0 cancelled.*\n +0 left/),
    ]);
    expect(running.userpilot.requests().map(({ body }) => body)).toEqual([
      { users: expect.arrayContaining(['listed-1', 'listed-2']) },
    ]);
  });

  it('send tells why a run failed', async () => {
    await dead('refused');
    running.userpilot.faults.always({ kind: 'status', status: 400 });
    await expect(here('send')).rejects.toThrow(/^The run failed \(IdsRefused: .*infra\/RUNBOOK\.md\.$/);
    running.userpilot.faults.clear();
    await here('send');
  });

  it('says what is missing where no stack answers', async () => {
    await expect(run(['list', '--to', 'http://127.0.0.1:9'])).rejects.toThrow('Nothing answers at http://127.0.0.1:9');
  });
});

describe('a deployed stage', () => {
  const withStage = async (answer: unknown, failed: boolean, use: (asked: () => readonly string[]) => Promise<void>) => {
    const asked: string[] = [];
    const lambda = createServer((request, response) => {
      void readBody(request, 65_536).then((body) => {
        asked.push(`${request.url} ${body}`);
        response.writeHead(200, failed ? { 'x-amz-function-error': 'Unhandled' } : {}).end(JSON.stringify(answer));
      });
    });
    const url = await listenOnLoopback(lambda);
    const outputs = { TableName: running.stack.tableName, EraseFunctionName: 'erase-1' };
    const cloudFormation = await startCloudFormation('UserpilotWebhooks-production', () => outputs);
    Object.assign(process.env, { AWS_ENDPOINT_URL_CLOUDFORMATION: cloudFormation.url, AWS_ENDPOINT_URL_LAMBDA: url });
    try {
      await use(() => asked);
    } finally {
      delete process.env.AWS_ENDPOINT_URL_CLOUDFORMATION;
      delete process.env.AWS_ENDPOINT_URL_LAMBDA;
      await Promise.all([cloudFormation.close(), closeServer(lambda)]);
    }
  };
  const report = { due: 51, sent: 0, calls: 0, cancelled: 0, later: 51, refused: 0, mode: 'erase', mass: true };
  const production = ['--stage', 'production'] as const;

  it('has its function called, and says when a mass deletion waits', async () => {
    await withStage(report, false, async (asked) => {
      const { out, code } = await run(['send', ...production]);
      expect([code, out]).toEqual([1, expect.stringContaining('--force sends them')]);
      await run(['send', '--force', '--due-by', '2026-12-01', ...production]);
      expect(asked()).toEqual([
        '/2015-03-31/functions/erase-1/invocations {"force":false,"dryRun":false}',
        '/2015-03-31/functions/erase-1/invocations {"force":true,"dryRun":false,"dueBy":"2026-12-01"}',
      ]);
      expect((await run(['list', ...production])).out).toContain('in stage production');
    });
  });
  it('tells why its function failed', async () => {
    const failure = { errorType: 'DeliveryError', errorMessage: 'Userpilot delivery failed: UNAVAILABLE' };
    await withStage(failure, true, () =>
      expect(run(['send', ...production])).rejects.toThrow('DeliveryError: Userpilot delivery failed: UNAVAILABLE'),
    );
  });
});

describe('options', () => {
  it.each([
    [[], 'What to do? Write list, cancel, send first.'],
    [['remove'], 'Unknown command remove.'],
    [['cancel'], 'Cancel which ones?'],
    [['cancel', 'u1'], 'write the 12 characters that list --ids shows'],
    [['cancel', '0123456789ab', '--day', '2026-11-23'], 'choose in two ways'],
    [['cancel', '--day', 'monday'], '--day monday: write a day such as 2026-11-23.'],
    [['send', '--due-by', '2026-02-30'], 'write a day'],
    [['send', '--hard'], "Unknown option '--hard'"],
    [['list', '--stage', 'local'], 'leave --stage out'],
  ] as const)('%j: %s', (args, message) => {
    expect(() => readErasuresOptions(args)).toThrow(message);
  });
  it('explain themselves', async () => {
    expect((await run(['--help'])).out).toContain('npm run erasures -- list|cancel ID…|send');
  });
});
