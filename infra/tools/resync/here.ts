import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import type { Call } from '../../../functions/core/calls.ts';
import { applyVariables, cognitoVariables, sdkVariables } from '../../local/engines/aws.ts';
import { codeOf } from '../../local/problem.ts';
import { listedSource, runLocalResync } from '../../local/resync.ts';
import type { Style } from '../../local/style.ts';
import { withVendorsAt } from '../../local/vendors.ts';
import { maskedCall } from '../queues/difference.ts';
import { askLocal, type StageNamed } from '../queues/place.ts';
import type { ResyncOptions } from './options.ts';
import { type Progress, reportLines } from './screen.ts';

export interface Screen {
  print(line?: string): void;
  readonly progress: Progress;
  readonly style: Style;
}

export interface HereOptions extends ResyncOptions {
  readonly url: string;
  readonly signal: AbortSignal;
  readonly stageNamed: StageNamed;
  readonly secondMs?: number;
}

/** What a local stack tells of itself. */
const Health = z.object({
  stage: z.string(),
  sqs: z.url(),
  dynamodb: z.url(),
  secretsManager: z.url(),
  queues: z.object({ events: z.url() }),
  table: z.string(),
  userpilotBaseUrl: z.url(),
  /** Fake ones; absent when the stage asks none. */
  vendors: z.url().exactOptional(),
  dataDir: z.string(),
  secretsFile: z.string(),
});

const SAMPLES = 5;
/** What is in hand at a Ctrl-C may end; a page that is waited for need not. */
const GRACE_MS = 3000;

/** A code where there is one; a message may quote what was sent. */
const nameOf = (error: unknown): string => codeOf(error) ?? (error instanceof Error ? error.name : 'unknown error');

const sampleLine = (call: Call): string => `  ${JSON.stringify(maskedCall(call)).replaceAll('"', '').replaceAll(',', ', ')}`;

/** Against a local stack the run is this process. */
export const runHere = async (options: HereOptions, { print, progress, style }: Screen): Promise<number> => {
  const { source, full, dryRun, url, signal, stageNamed } = options;
  const health = await askLocal(url, Health);
  const declared = stageNamed(health.stage);
  listedSource(source, declared, health.stage);
  const stage = health.vendors === undefined ? declared : withVendorsAt(declared, health.vendors);
  const restore = applyVariables({
    ...sdkVariables(health),
    ...(health.vendors !== undefined && cognitoVariables(`${health.vendors}/cognito`)),
  });
  const log = join(health.dataDir, 'functions.log');
  /** One of each form. */
  const samples = new Set<string>();
  const onAbort = Promise.withResolvers<undefined>();
  signal.addEventListener('abort', () => void pause(GRACE_MS, undefined).then(onAbort.resolve));
  const run = runLocalResync({
    source,
    full,
    dryRun,
    signal,
    place: {
      stage,
      eventsQueueUrl: health.queues.events,
      tableName: health.table,
      userpilotBaseUrl: health.userpilotBaseUrl,
      dataDir: health.dataDir,
      secretsFile: health.secretsFile,
    },
    output: (line) => appendFileSync(log, `${line}\n`, { mode: 0o600 }),
    onStart: ({ resumed }) => {
      const what = resumed ? 'Going on with the run that was not finished' : dryRun ? 'A trial that sends nothing' : 'All users';
      print();
      print(
        `  ${style('bold', `${source} to ${health.userpilotBaseUrl}`)}  ${what}${full && !resumed ? ', changed or not' : ''}`,
      );
    },
    onProgress: progress.show,
    onCall: (call) => {
      if (dryRun && samples.size < SAMPLES) samples.add(sampleLine(call));
    },
    onRetry: (error, seconds) => print(`  ${style('yellow', `${nameOf(error)}: trying again in ${seconds} s`)}`),
    ...(options.secondMs !== undefined && { secondMs: options.secondMs }),
  });
  try {
    const end = await Promise.race([run, onAbort.promise]);
    if (end === undefined) throw signal.reason;
    print();
    for (const line of samples) print(line);
    if (samples.size > 0) print();
    for (const line of reportLines(end.counts, end.minutes)) print(line);
    print();
    if (dryRun) print('  Nothing was sent: the figures say what would be.\n');
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    print();
    print(
      dryRun
        ? '  Stopped. Nothing was sent.'
        : '  Stopped. Start it again to go on from here; a bulk job that Userpilot has goes on by itself.',
    );
    return 130;
  } finally {
    restore();
  }
};
