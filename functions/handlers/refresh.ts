import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { backoffSeconds } from '../core/backoff.ts';
import { digest } from '../core/digest.ts';
import { DependencyError, VendorError } from '../core/errors.ts';
import { scrub } from '../core/json.ts';
import type { Log, LogFields } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { type EventQueue, OutOfTime, type RejectedQueue } from '../core/ports.ts';
import type { RejectedCode } from '../core/reasons.ts';
import { type Refresh, type RefreshEnvelope, readRefresh } from '../core/refresh.ts';
import type { RetrySettings, SourceSettings } from '../core/settings.ts';
import { METRICS } from '../manifest.ts';
import { logInvocation } from '../middleware/invocation.ts';
import type { Directory, VendorApi } from '../sources/directory.ts';
import type { Source } from '../sources/source.ts';
import { intake } from './intake.ts';

export interface RefreshDeps {
  readonly source: Source;
  readonly settings: SourceSettings;
  /** Calls that may begin until so many epoch milliseconds. */
  readonly api: (deadline: number) => VendorApi;
  /** Of events, for deliver. */
  readonly queue: EventQueue;
  /** This function's own. */
  readonly refreshes: EventQueue;
  readonly rejected: RejectedQueue;
  readonly retry: RetrySettings;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly now: () => Date;
  /** From 0 up to 1, for the jitter of the back-off. */
  readonly random: () => number;
}

interface InHand {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly receiveCount: number;
  readonly envelope: RefreshEnvelope;
}

/** A call takes up to 10 s, and putting its result into the queue a little. */
const MIN_LEFT_MS = 12_000;
/** A vendor may tell of a user before its API knows them: only after so long does "not found" mean gone. */
const GRACE_MS = 60_000;

/** The newest word on one subject. Several are answered by one call: what is fetched is newer than all of them. */
const newest = (messages: readonly InHand[]): RefreshEnvelope => {
  const envelopes = messages.map(({ envelope }) => envelope);
  const last = envelopes.reduce((a, b) => (b.refresh.occurredAt >= a.refresh.occurredAt ? b : a));
  const creates = envelopes.some(({ refresh }) => refresh.creates === true);
  return { ...last, refresh: { ...last.refresh, ...(creates && { creates }) } };
};

/** Not found, and the event is too young to believe it. */
class NotYet extends Error {
  override readonly name = 'NotYet';
  readonly code = 'NOT_YET_FOUND';
}

const directoryOf = ({ source }: RefreshDeps): Required<Pick<Directory, 'fetch' | 'gone'>> => {
  const { fetch, gone } = source.directory ?? {};
  if (fetch === undefined || gone === undefined) throw new Error(`${source.id} has no thin events`);
  return { fetch, gone };
};

const recordOf = async (refresh: Refresh, receivedAt: Date, api: VendorApi, deps: RefreshDeps): Promise<unknown> => {
  const { fetch, gone } = directoryOf(deps);
  const at = deps.now();
  const found = await fetch(api, refresh, deps.settings);
  if (found !== undefined) return found;
  if (at.getTime() - receivedAt.getTime() < GRACE_MS) throw new NotYet();
  return gone(refresh, at);
};

type Ending = Pick<LogFields, 'outcome' | 'code'>;

/** Fetches one subject, maps it like a webhook, and puts what follows into the queue of events. */
const refreshSubject = async (messages: readonly InHand[], api: VendorApi, deps: RefreshDeps): Promise<Ending> => {
  const { source, settings, queue, rejected, now } = deps;
  const { refresh, ...head } = newest(messages);
  const askedAt = now();
  const record = await recordOf(refresh, head.receivedAt, api, deps);
  const park = async (reason: RejectedCode, event: unknown): Promise<Ending> => {
    await rejected.park({ ...head, rejectedAt: now(), reason, event });
    return { outcome: 'rejected', code: reason };
  };
  const event = source.schema.safeParse(record);
  if (!event.success) return park('SCHEMA_MISMATCH', scrub(record));
  const result = intake(source, { ...head, event: event.data }, { settings, receivedAt: askedAt });
  if (result.kind === 'ignored') return { outcome: 'ignored', code: result.because };
  if (result.kind === 'rejected') return park(result.because, event.data);
  if (result.kind === 'refresh') throw new Error(`${source.id}: a fetched record asks to be fetched`);
  await queue.send(result.messages);
  return { outcome: 'accepted' };
};

const METRIC = { accepted: METRICS.refreshed, ignored: METRICS.ignored, rejected: METRICS.rejected } as const;
const metricOf = ({ outcome }: Ending): string =>
  outcome === 'ignored' || outcome === 'rejected' ? METRIC[outcome] : METRIC.accepted;

const isExpected = (error: unknown): error is Error & { readonly code?: string } =>
  [VendorError, DependencyError, NotYet, OutOfTime].some((expected) => error instanceof expected);

interface Returned {
  readonly messages: readonly InHand[];
  readonly seconds: number;
}

/** Undefined when the subject is done. */
const attempt = async (messages: readonly InHand[], api: VendorApi, deps: RefreshDeps): Promise<Returned | undefined> => {
  const { source, log, metrics, now, retry, random } = deps;
  const { eventId, type, receivedAt } = newest(messages);
  const fields = () => ({ source: source.id, eventId, type, milliseconds: now().getTime() - receivedAt.getTime() });
  try {
    const ending = await refreshSubject(messages, api, deps);
    metrics.add(metricOf(ending), { source: source.id, ...(ending.code !== undefined && { code: ending.code }) });
    log.info('refresh', { ...fields(), ...ending });
    return undefined;
  } catch (error) {
    const code = isExpected(error) ? (error.code ?? 'OUT_OF_TIME') : 'BUG';
    metrics.add(METRICS.retried, { source: source.id, code });
    if (code === 'BUG') log.error('refresh', { ...fields(), outcome: 'retrying', code, error });
    else log.warn('refresh', { ...fields(), outcome: 'retrying', code });
    const asked = error instanceof VendorError ? (error.retryAfterSeconds ?? 0) : 0;
    // Whole seconds: SQS takes no others, and a vendor's own header may say any.
    const [first] = messages;
    const backoff = backoffSeconds(first?.receiveCount ?? 1, retry, random());
    return { messages, seconds: Math.max(backoff, Math.ceil(Math.min(asked, retry.capSeconds))) };
  }
};

/** Not one of ours: set aside, as it would fail for ever. */
const setAside = async (body: string, { rejected, log, metrics, source, now }: RefreshDeps): Promise<void> => {
  const moment = now();
  const head = { source: source.id, type: 'unknown', eventId: digest(body) };
  const reason = 'ENVELOPE_MALFORMED';
  await rejected.park({ v: 1, ...head, receivedAt: moment, rejectedAt: moment, reason, event: { body } });
  metrics.add(METRICS.rejected, { source: source.id, code: reason });
  log.error('message is not a refresh', { ...head, outcome: 'rejected', code: reason });
};

const refreshBatch = async (
  { Records }: SQSEvent,
  { getRemainingTimeInMillis }: Context,
  deps: RefreshDeps,
): Promise<SQSBatchResponse> => {
  const { refreshes, log, now } = deps;
  const groups = new Map<string, InHand[]>();
  const failed: string[] = [];
  for (const { messageId, receiptHandle, body, attributes } of Records) {
    const envelope = readRefresh(body);
    if (envelope === undefined) {
      await setAside(body, deps).catch(() => failed.push(messageId));
      continue;
    }
    const { subject, id } = envelope.refresh;
    const key = JSON.stringify([subject, id]);
    const message = { messageId, receiptHandle, receiveCount: Number(attributes.ApproximateReceiveCount), envelope };
    groups.set(key, [...(groups.get(key) ?? []), message]);
  }
  const api = deps.api(now().getTime() + getRemainingTimeInMillis() - MIN_LEFT_MS);
  const returned = await Promise.all([...groups.values()].map((messages) => attempt(messages, api, deps)));
  for (const { messages, seconds } of returned.filter((one) => one !== undefined)) {
    failed.push(...messages.map(({ messageId }) => messageId));
    const handles = messages.map(({ receiptHandle }) => receiptHandle);
    await refreshes
      .retryIn(handles, seconds)
      .catch((error: unknown) => log.warn('back-off not set, the visibility timeout decides', { count: handles.length, error }));
  }
  return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
};

/**
 * A batch of one source's refreshes in, the identifiers of the messages to see again out. Apart from deliver, so that a vendor
 * whose API is slow or down holds up nobody else's events, and so that nothing but this function holds its credential.
 */
export const createRefresh = (deps: RefreshDeps) =>
  middy<SQSEvent, SQSBatchResponse, Error, Context>({ requestEnd: () => deps.metrics.flush(), timeoutEarlyInMillis: 0 })
    .use(logInvocation(deps.log))
    .handler((event, context) => refreshBatch(event, context, deps));
