import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SQSClient } from '@aws-sdk/client-sqs';
import {
  DELIVER_BATCH_SIZE,
  DELIVER_CONCURRENCY,
  ENV,
  ERASE_AT,
  REFRESH_BATCH_SIZE,
  REFRESH_CONCURRENCY,
  WEBHOOK_SOURCES,
  webhookPath,
} from '../../functions/manifest.ts';
import type { Stage } from '../stages.ts';
import { type Closers, createClosers } from './closers.ts';
import { startDaily } from './daily.ts';
import { type DataFolder, OVERFLOW_JOURNAL, openDataFolder } from './data-folder.ts';
import { applyVariables, clientOptions, cognitoVariables } from './engines/aws.ts';
import { queueArn } from './engines/sqs.ts';
import { startEngines } from './engines/start.ts';
import { startEventSourceMapping } from './event-source-mapping.ts';
import { type FakeUserpilot, startFakeUserpilot } from './fake-userpilot/server.ts';
import { type Front, type FrontOptions, startFront } from './front.ts';
import { bindFunctions, COGNITO_PATH } from './functions.ts';
import { lookAfter } from './health.ts';
import { secretsFileFor, stageNamed, userpilotAt } from './inputs.ts';
import { isUnfinished } from './journal.ts';
import { startOverflow } from './overflow.ts';
import { codeOf, Problem } from './problem.ts';
import { createReport } from './report.ts';
import { QUEUES, refreshedIn, refreshQueue, TABLE_NAME } from './resources.ts';
import { journalOf, runLocalResync } from './resync.ts';
import { startSchedules } from './schedules.ts';
import { openSecretStore, type SecretStore } from './secret-store.ts';
import { isInvented, type Secrets } from './secrets-file.ts';
import type { LocalSource, LocalStack, StackOptions } from './stack.ts';
import { canProve, startVendorsOf, withVendorsAt } from './vendors.ts';

/** Enough for a batch that waits for its permits, and well inside the five seconds that a Ctrl-C may take. */
const GRACE_MS = 3500;

const openFront = async (options: FrontOptions): Promise<Front> => {
  try {
    return await startFront(options);
  } catch (cause) {
    const taken = codeOf(cause) === 'EADDRINUSE';
    throw new Problem(
      `Port ${options.port} is ${taken ? 'in use' : 'not available'}: choose another with --port, 0 for any free one.`,
      { cause },
    );
  }
};

const openFake = async (
  { userpilot: dataFile }: DataFolder,
  store: SecretStore,
  { userpilotKnobs: knobs = {} }: StackOptions,
): Promise<FakeUserpilot> => {
  try {
    return await startFakeUserpilot({ apiKeys: () => [store.secrets().userpilot.apiKey], dataFile, knobs });
  } catch (cause) {
    throw new Problem(`The users in ${dataFile} cannot be read; start again with --fresh to begin with none.`, { cause });
  }
};

const sourcesOf = (stage: Stage, url: string, secrets: Secrets): readonly LocalSource[] => [
  ...WEBHOOK_SOURCES.filter((id) => stage.sources[id]).map((id) => ({
    id,
    url: `${url}${webhookPath(id)}`,
    hasSecret: canProve(id, stage, secrets[id]?.signingSecrets !== undefined),
  })),
  ...(stage.sources.cognito ? [{ id: 'cognito' as const, url: `${url}${COGNITO_PATH}`, hasSecret: true }] : []),
];

const start = async (options: StackOptions, closers: Closers): Promise<LocalStack> => {
  const declared = stageNamed(options.stage ?? 'local');
  const named = options.userpilotUrl === undefined ? undefined : userpilotAt(options.userpilotUrl);

  const folder = openDataFolder(options.dataDir, options);
  closers.add(folder.close);
  const report = createReport(folder, options);
  const secretsFile = secretsFileFor(options.secretsFile, folder);
  const store = openSecretStore(secretsFile, report.onNotice);

  const userpilot = named === undefined ? await openFake(folder, store, options) : undefined;
  closers.add(() => userpilot?.close());
  const userpilotUrl = named ?? userpilot?.url ?? '';
  if (named !== undefined && isInvented(store.secrets()))
    report.onNotice(`The API key is invented: put yours under userpilot.apiKey in ${secretsFile}.`);

  const vendors = await startVendorsOf(declared, store, options.vendorUsers);
  closers.add(() => vendors?.close());
  if (vendors !== undefined) closers.add(applyVariables(cognitoVariables(vendors.baseOf('cognito'))));
  const stage = vendors === undefined ? declared : withVendorsAt(declared, vendors.origin);

  const refreshed = refreshedIn(stage);
  const { queueUrls, ...engines } = await startEngines({ folder, store, refreshed }, closers);
  const functions = bindFunctions({
    stage,
    eventsQueueUrl: queueUrls.events,
    rejectedQueueUrl: queueUrls.rejected,
    refreshQueueUrls: queueUrls.refresh,
    tableName: TABLE_NAME,
    userpilotBaseUrl: userpilotUrl,
    output: report.output,
  });
  const front = await openFront({
    ...functions,
    port: options.port ?? 0,
    onFailure: report.onFailure,
    health: async () => {
      const fakes = { ...(userpilot && { userpilot: userpilot.url }), ...(vendors && { vendors: vendors.origin }) };
      const parts = await lookAfter({ ...engines, ...fakes });
      const ok = Object.values(parts).every((state) => state === 'up');
      // What the operator's tools need to find their way: infra/tools.
      const where = {
        stage: options.stage ?? 'local',
        sources: Object.keys(stage.sources),
        ...engines,
        queues: queueUrls,
        table: TABLE_NAME,
        userpilotBaseUrl: userpilotUrl,
        dataDir: folder.path,
        secretsFile,
      };
      return { ok, body: { status: ok ? 'ok' : 'down', ...fakes, ...where, parts } };
    },
  });
  closers.add(() => front.close());
  closers.add(startDaily(ERASE_AT, () => functions.erase({}).catch(report.onFailure)));
  const client = new SQSClient(clientOptions(engines.sqs));
  closers.add(() => client.destroy());
  const shared = { client, onFailure: report.onFailure, onHiccup: report.onHiccup };
  const mappings = [
    startEventSourceMapping({
      ...shared,
      queueUrl: queueUrls.events,
      queueArn: queueArn(QUEUES.events),
      invoke: functions.deliver,
      batchSize: DELIVER_BATCH_SIZE,
      concurrency: DELIVER_CONCURRENCY,
    }),
    ...functions.refreshes.map(({ source, queueUrl, invoke }) =>
      startEventSourceMapping({
        ...shared,
        queueUrl,
        queueArn: queueArn(refreshQueue(source)),
        invoke,
        batchSize: REFRESH_BATCH_SIZE,
        concurrency: REFRESH_CONCURRENCY,
      }),
    ),
  ];

  const place = {
    stage,
    eventsQueueUrl: queueUrls.events,
    tableName: TABLE_NAME,
    userpilotBaseUrl: userpilotUrl,
    dataDir: folder.path,
    secretsFile,
  };
  const schedules = startSchedules({
    stage,
    isUnfinished: (source) => isUnfinished(journalOf(folder.path, source)),
    run: (source, full, signal) => runLocalResync({ source, place, full, signal, output: report.output }),
    onNotice: report.onNotice,
  });
  const overflow = startOverflow({
    settings: stage.overflow,
    env: {
      [ENV.eventsQueueUrl]: queueUrls.events,
      [ENV.tableName]: TABLE_NAME,
      [ENV.userpilotSecretId]: 'userpilot',
      [ENV.userpilotBaseUrl]: userpilotUrl,
    },
    journal: join(folder.path, OVERFLOW_JOURNAL),
    output: report.output,
    onFailure: report.onFailure,
    ...options.overflow,
  });

  const stop = async (graceMs: number): Promise<void> => {
    const over = new AbortController();
    const workers = [...mappings.map((mapping) => mapping.stop()), schedules.stop(), overflow.stop()];
    const inHand = Promise.all([front.close(graceMs), ...workers]);
    await Promise.race([inHand, pause(graceMs, undefined, over).catch(() => undefined)]);
    over.abort();
    report.mute();
    await closers.closeAll();
  };
  let stopped: Promise<void> | undefined;
  return {
    url: front.url,
    userpilot,
    userpilotUrl,
    vendors,
    sources: sourcesOf(declared, front.url, store.secrets()),
    dataDir: folder.path,
    secretsFile,
    engines,
    queueUrls,
    tableName: TABLE_NAME,
    stop(graceMs = GRACE_MS) {
      stopped ??= stop(graceMs);
      return stopped;
    },
  };
};

/**
 * Everything that is deployed, on one machine: the functions of `functions/entry` behind a gateway and a queue that
 * speak HTTP as AWS does. One at a time per process, since the AWS SDKs find the engines through `process.env`.
 *
 * @throws Problem for what the caller can mend; then nothing stays open.
 */
export const startLocalStack = async (options: StackOptions): Promise<LocalStack> => {
  const closers = createClosers();
  try {
    return await start(options, closers);
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
};
