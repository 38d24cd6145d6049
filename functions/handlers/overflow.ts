import type { DurableLambdaHandler } from '@aws/durable-execution-sdk-js';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { type OverflowEnd, OverflowInput, type OverflowWork, runOverflow } from '../core/overflow.ts';
import { METRICS } from '../manifest.ts';
import { createDurable } from './durable.ts';

export interface OverflowHandlerDeps {
  /** Throws an Error that names the setting that is missing: no other try would help. */
  readonly work: () => OverflowWork;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Sends through the bulk endpoint what single calls cannot drain soon, as a durable execution. */
export const createOverflow = ({ work, ...deps }: OverflowHandlerDeps): DurableLambdaHandler =>
  createDurable<OverflowEnd>({
    ...deps,
    source: 'overflow',
    failed: METRICS.overflowFailed,
    async run(journal, event, runId) {
      const input = OverflowInput.parse(event ?? {});
      return runOverflow(journal, work(), input.runId ?? runId, input);
    },
  });
