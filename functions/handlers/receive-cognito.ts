import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { EventQueue, RejectedQueue } from '../core/ports.ts';
import type { SourceSettings } from '../core/settings.ts';
import { METRICS } from '../manifest.ts';
import type { Source } from '../sources/source.ts';
import { intake } from './intake.ts';

/** Cognito waits for us inside the user's sign-up and gives up after 5 s, cold start included. */
const BUDGET_MS = 1500;

export interface ReceiveCognitoDeps {
  readonly source: Source;
  readonly settings: SourceSettings;
  readonly queue: EventQueue;
  readonly rejected: RejectedQueue;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly now: () => Date;
}

const receive = async (event: unknown, deps: ReceiveCognitoDeps): Promise<void> => {
  const { source, settings, queue, rejected, log, metrics, now } = deps;
  const receivedAt = now();
  const parsed = source.schema.safeParse(event);
  if (!parsed.success) {
    metrics.add(METRICS.refused, { source: source.id, code: 'SCHEMA_MISMATCH' });
    log.warn('not a Cognito trigger event', { source: source.id, outcome: 'refused', code: 'SCHEMA_MISMATCH' });
    return;
  }
  const head = source.head(parsed.data, { headers: {}, body: new Uint8Array(), receivedAt }, settings);
  const envelope = { v: 1, source: source.id, ...head, receivedAt, event: parsed.data } as const;
  const report = (metric: string, outcome: 'accepted' | 'ignored' | 'rejected', code?: string) => {
    metrics.add(metric, code === undefined ? { source: source.id } : { source: source.id, code });
    const milliseconds = now().getTime() - receivedAt.getTime();
    log.info('trigger', { source: source.id, ...head, outcome, milliseconds, ...(code === undefined ? {} : { code }) });
  };
  const result = intake(source, envelope, { settings, receivedAt });
  if (result.kind === 'ignored') return report(METRICS.ignored, 'ignored', result.because);
  if (result.kind !== 'messages') {
    // A trigger carries all attributes: there is nothing to fetch, and no queue for it.
    const reason = result.kind === 'rejected' ? result.because : 'NO_VENDOR_API';
    await rejected.park({ ...envelope, rejectedAt: now(), reason });
    return report(METRICS.rejected, 'rejected', reason);
  }
  await queue.send(result.messages, AbortSignal.timeout(BUDGET_MS));
  report(METRICS.received, 'accepted');
};

/**
 * A Cognito trigger in, the same event out, whatever happens: an error here would reach the user whose account is already
 * confirmed. What could not be queued is told by an alarm, and the user's next sign-in brings them again.
 */
export const createReceiveCognito = (deps: ReceiveCognitoDeps) =>
  middy<unknown, unknown, Error, Context>({ requestEnd: () => deps.metrics.flush() })
    .onError((request) => {
      deps.metrics.add(METRICS.lost, { source: deps.source.id });
      deps.log.error('a sign-up could not be queued', { source: deps.source.id, outcome: 'unavailable', error: request.error });
      request.response = request.event;
    })
    .handler(async (event) => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('out of time')), BUDGET_MS);
      });
      await Promise.race([receive(event, deps), late]).finally(() => clearTimeout(timer));
      return event;
    });
