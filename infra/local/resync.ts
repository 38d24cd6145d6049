import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { CLIENT_DEFAULTS } from '../../functions/aws/clients.ts';
import { createReadSecret } from '../../functions/aws/secrets.ts';
import type { Call } from '../../functions/core/calls.ts';
import { createLog, type Output } from '../../functions/core/log.ts';
import { createMetrics } from '../../functions/core/metrics.ts';
import type { RunProgress } from '../../functions/core/ports.ts';
import { type Counts, type ResyncInput, ROWS_PER_SECOND, runResync } from '../../functions/core/resync.ts';
import { credentialOf } from '../../functions/core/secrets.ts';
import { bindResyncWork, type Connect } from '../../functions/entry/resync.ts';
import { connectCognito } from '../../functions/entry/resync-cognito.ts';
import { createResyncWork } from '../../functions/handlers/resync-work.ts';
import { ENV, METRICS, type SourceId } from '../../functions/manifest.ts';
import { sourceById } from '../../functions/sources/index.ts';
import type { Source } from '../../functions/sources/source.ts';
import type { Stage } from '../stages.ts';
import { lockFile } from './data-folder.ts';
import { dropJournal, isUnfinished, openFileJournal } from './journal.ts';
import { Problem } from './problem.ts';

/** Where the engines of a running stack are. The SDK's own variables must lead there. */
export interface LocalPlace {
  /** With the fake vendors' real addresses. */
  readonly stage: Stage;
  readonly eventsQueueUrl: string;
  readonly tableName: string;
  readonly userpilotBaseUrl: string;
  readonly dataDir: string;
  readonly secretsFile: string;
}

export interface LocalResyncOptions {
  readonly source: SourceId;
  readonly place: LocalPlace;
  readonly full: boolean;
  readonly dryRun?: boolean;
  readonly signal: AbortSignal;
  readonly output: Output;
  /** Milliseconds for a second of the run's waits, and of a bulk job's; another one in tests only. @default 1000 */
  readonly secondMs?: number;
  readonly onStart?: (start: { readonly resumed: boolean }) => void;
  readonly onProgress?: (progress: RunProgress) => void;
  readonly onCall?: (call: Call) => void;
  /** Told when a step failed and is tried again in so many seconds. */
  readonly onRetry?: (error: unknown, seconds: number) => void;
}

export interface LocalResyncEnd {
  readonly counts: Counts;
  /** Since the run began, before it was resumed. */
  readonly minutes: number;
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * A source that lists its users, and that the stage has.
 *
 * @throws Problem
 */
export const listedSource = (id: SourceId, stage: Stage, stageName: string): Source => {
  if (stage.sources[id] === undefined)
    throw new Problem(`Stage ${stageName} has no source ${id}: add it to infra/stages.ts, or choose another.`);
  const source = sourceById(id);
  if (source?.directory?.list !== undefined) return source;
  throw new Problem(`${id} has no listing of its users: they arrive by its events only.`);
};

/** Vendors that an SDK of AWS reaches, with the credential of the process. */
const CONNECTS: Readonly<Partial<Record<string, Connect>>> = { cognito: connectCognito };

/** @throws Problem that names the setting, or the member of the secret, that is missing. */
const checkAccess = async ({ id, directory }: Source, { stage, secretsFile }: LocalPlace): Promise<void> => {
  if (CONNECTS[id] !== undefined) {
    if ((stage.sources[id as SourceId]?.userPools ?? []).length > 0) return;
    throw new Problem(`${id}: name the pools whose users are to be listed in \`userPools\`.`);
  }
  try {
    directory?.hosts(stage.sources[id as SourceId] ?? {});
  } catch (cause) {
    throw new Problem(`${id}: ${message(cause)}.`, { cause });
  }
  const client = new SecretsManagerClient(CLIENT_DEFAULTS);
  const credential = credentialOf(await createReadSecret(client)(id).finally(() => client.destroy())) ?? {};
  const missing = directory?.credential.filter((member) => credential[member] === undefined) ?? [];
  if (missing.length === 0) return;
  const form = missing.map((member) => `"${member}": "…"`).join(', ');
  throw new Problem(
    `${id} has no credential for its vendor's API: add "api": {${form}} to "${id}" in ${secretsFile}; functions/sources/${id}.md says where to get it.`,
  );
};

const workOf = (source: Source, { place, dryRun = false, secondMs = 1000, output, ...hooks }: LocalResyncOptions) => {
  const now = () => new Date();
  const env = {
    [ENV.source]: JSON.stringify(place.stage.sources[source.id as SourceId]),
    [ENV.tableName]: place.tableName,
    [ENV.signingSecretId]: source.id,
    [ENV.userpilotSecretId]: 'userpilot',
    [ENV.userpilotBaseUrl]: place.userpilotBaseUrl,
    [ENV.eventsQueueUrl]: place.eventsQueueUrl,
  };
  const log = createLog(output, `resync-${source.id}`, now);
  const metrics = createMetrics(output, { namespace: METRICS.namespace, now });
  const { onProgress = () => undefined, onCall } = hooks;
  const connect = CONNECTS[source.id];
  const deps = bindResyncWork(source, env, { log, metrics, dryRun, ...(connect !== undefined && { connect }) });
  const work = createResyncWork({
    ...deps,
    rowsPerSecond: (ROWS_PER_SECOND * 1000) / secondMs,
    ...(onCall !== undefined && { onCall }),
    onPage: (counts) => onProgress({ counts, phase: 'listing' }),
    runs: {
      ...deps.runs,
      renew(id, runId, until, progress) {
        onProgress(progress);
        return deps.runs.renew(id, runId, until, progress);
      },
    },
  });
  return { work, flush: () => metrics.flush() };
};

/** Where a run of a source writes down how far it is. */
export const journalOf = (dataDir: string, source: SourceId): string => join(dataDir, `resync-${source}.jsonl`);

const ALREADY = (id: string): string => `A resync of ${id} is already running: wait for its end.`;

/**
 * Brings all users of a source over, in this process. A run that was killed is gone on with; its journal lies in the data folder.
 *
 * @throws Problem; and what the signal was aborted with.
 */
export const runLocalResync = async (options: LocalResyncOptions): Promise<LocalResyncEnd> => {
  const { source: id, place, full, dryRun = false, signal, secondMs, onStart, onRetry = () => undefined } = options;
  const source = listedSource(id, place.stage, 'of this stack');
  await checkAccess(source, place);
  const { work, flush } = workOf(source, options);
  const pace = { signal, onRetry, ...(secondMs !== undefined && { secondMs }) };
  const path = journalOf(place.dataDir, id);
  // Two processes with one journal would be one run twice.
  const lock = dryRun ? undefined : lockFile(join(place.dataDir, `resync-${id}.lock`), ALREADY(id));
  try {
    const resumed = !dryRun && isUnfinished(path);
    if (!dryRun && !resumed) dropJournal(path);
    onStart?.({ resumed });
    const journal = openFileJournal(dryRun ? pace : { ...pace, path });
    const begun = await journal.step('input', async () => ({ runId: randomUUID(), full, at: Date.now() }));
    let input: ResyncInput = { full: begun.full };
    for (;;) {
      const end = await runResync(journal, work, begun.runId, input);
      if (end.ended === 'handed over') {
        input = end.successor;
        continue;
      }
      journal.end();
      if (end.ended === 'already running') throw new Problem(ALREADY(id));
      return { counts: end.counts, minutes: (Date.now() - begun.at) / 60_000 };
    }
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'Overtaken') throw error;
    dropJournal(path);
    throw new Problem(`Another resync of ${id} has taken over: this one ends. Start it again when that one is over.`, {
      cause: error,
    });
  } finally {
    flush();
    lock?.close();
  }
};
