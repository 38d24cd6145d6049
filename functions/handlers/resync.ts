import type { DurableLambdaHandler } from '@aws/durable-execution-sdk-js';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { type ResyncEnd, ResyncInput, type ResyncWork, runResync } from '../core/resync.ts';
import { METRICS } from '../manifest.ts';
import { createDurable } from './durable.ts';

export interface ResyncHandlerDeps {
  /** Id of the source. */
  readonly source: string;
  /** Throws an Error that names the setting that is missing: no other try would help. */
  readonly work: () => ResyncWork;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Brings all users of a source over, as a durable execution. */
export const createResync = ({ work, ...deps }: ResyncHandlerDeps): DurableLambdaHandler =>
  createDurable<ResyncEnd>({
    ...deps,
    failed: METRICS.resyncFailed,
    async run(journal, event, runId) {
      const input = ResyncInput.parse(event ?? {});
      return runResync(journal, work(), input.runId ?? runId, input);
    },
  });
