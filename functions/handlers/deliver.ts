import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { backoffSeconds } from '../core/backoff.ts';
import { digest } from '../core/digest.ts';
import { entityKey, idempotencyKey, readEnvelope } from '../core/envelope.ts';
import { BeingErased, BreakerOpen, DeliveryError, HeldByJob } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { EventQueue, RejectedQueue } from '../core/ports.ts';
import type { RetrySettings } from '../core/settings.ts';
import { METRICS } from '../manifest.ts';
import { logInvocation } from '../middleware/invocation.ts';
import { withSecret } from '../middleware/secrets.ts';
import { deliverEntity, type Ending, type EntityDeps, type InHand, isExpected, MIN_LEFT_MS } from './deliver-entity.ts';

export interface DeliverDeps extends Omit<EntityDeps, 'deadline' | 'invocation'> {
  readonly queue: EventQueue;
  readonly rejected: RejectedQueue;
  readonly retry: RetrySettings;
  readonly log: Log;
  readonly metrics: Metrics;
  /** From 0 up to 1, for the jitter of the back-off. */
  readonly random: () => number;
}

interface Returned {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly seconds: number;
}

/** Not one of our envelopes: set aside, as it would fail for ever. */
const setAside = async ({ body, messageId }: SQSRecord, { rejected, log, metrics, now }: DeliverDeps): Promise<void> => {
  const moment = now();
  const head = { source: 'unknown', type: 'unknown', eventId: digest(body) };
  await rejected.park({
    v: 1,
    ...head,
    receivedAt: moment,
    rejectedAt: moment,
    reason: 'ENVELOPE_MALFORMED',
    event: { messageId, body },
  });
  metrics.add(METRICS.rejected, { source: 'unknown', code: 'ENVELOPE_MALFORMED' });
  log.error('message is not an envelope', { ...head, outcome: 'rejected', code: 'ENVELOPE_MALFORMED' });
};

const codeOf = (error: unknown): string => {
  if (error instanceof Error && isExpected(error))
    return 'code' in error && typeof error.code === 'string' ? error.code : 'OUT_OF_TIME';
  return 'BUG';
};

/** What there is to quote to Userpilot's support. */
const answerOf = ({ status, requestId }: DeliveryError) => ({
  ...(status === undefined ? {} : { status }),
  ...(requestId === undefined ? {} : { requestId }),
});

/** Writes one message's ending; answers whether the message must come back. */
const settle = async (message: InHand, ending: Ending, deps: DeliverDeps): Promise<boolean> => {
  const { rejected, log, metrics, now } = deps;
  const { source, eventId, type, receivedAt, change, event } = message.envelope;
  const milliseconds = now().getTime() - receivedAt.getTime();
  const fields = { source, type, eventId, milliseconds };
  if (ending.kind === 'delivered' || ending.kind === 'tombstone') {
    metrics.add(METRICS.delivered, { source });
    metrics.add(METRICS.deliveryMs, { source }, milliseconds, 'Milliseconds');
    log.info('event', { ...fields, outcome: ending.kind });
    return false;
  }
  if (ending.kind === 'superseded') {
    metrics.add(METRICS.superseded, { source, code: ending.code });
    log.info('event', { ...fields, outcome: 'superseded', code: ending.code });
    return false;
  }
  if (ending.kind === 'refused') {
    const { status } = ending.error;
    const reason = 'USERPILOT_REFUSED';
    const kept = { v: 1, source, eventId, type, receivedAt, rejectedAt: now(), reason, change, event } as const;
    await rejected.park({ ...kept, ...(status === undefined ? {} : { status }) });
    metrics.add(METRICS.rejected, { source, code: reason });
    log.warn('event', { ...fields, ...answerOf(ending.error), outcome: 'rejected', code: reason });
    return false;
  }
  report(message, ending.error, deps);
  return true;
};

/** One message comes back. */
const report = (
  { envelope: { source, type, eventId, receivedAt } }: InHand,
  error: unknown,
  { log, metrics, now }: DeliverDeps,
): void => {
  const code = codeOf(error);
  if (code === 'UNAUTHORIZED') metrics.add(METRICS.keyRefused);
  metrics.add(METRICS.retried, { source, code });
  const milliseconds = now().getTime() - receivedAt.getTime();
  const fields = { source, type, eventId, milliseconds, outcome: 'retrying', code } as const;
  if (code === 'BUG') log.error('event', { ...fields, error });
  else log.warn('event', error instanceof DeliveryError ? { ...fields, ...answerOf(error) } : fields);
};

/** Seconds until the messages of one group are seen again. */
const pauseOf = ({ receiveCount }: InHand, { retry, random }: DeliverDeps): number =>
  backoffSeconds(receiveCount, retry, random());

/** Not tried at all: the breaker is open, or its state cannot be read. */
const holdBack = (messages: readonly InHand[], error: unknown, deps: DeliverDeps): readonly Returned[] => {
  const seconds = pauseOf(messages[0] as InHand, deps); // a group has at least one message
  return messages.map((message) => {
    report(message, error, deps);
    return { messageId: message.messageId, receiptHandle: message.receiptHandle, seconds };
  });
};

/** How long Userpilot, a bulk job or a deletion wants to be left alone. */
const askedSeconds = (error: unknown): number => {
  if (error instanceof HeldByJob || error instanceof BeingErased) return error.seconds;
  return error instanceof DeliveryError ? (error.retryAfterSeconds ?? 0) : 0;
};

/** A FIFO group stays in order only when a message that comes back takes all later ones of its group with it. */
const deliverGroup = async (
  key: string,
  messages: readonly InHand[],
  deps: DeliverDeps & EntityDeps,
): Promise<readonly Returned[]> => {
  const endings = await deliverEntity(key, messages, deps);
  const head = messages[0] as InHand; // a group has at least one message
  for (const [index, message] of messages.entries()) {
    const ending = endings[index] as Ending; // one ending per message
    const back = await settle(message, ending, deps).catch((error: unknown) => settle(message, { kind: 'retry', error }, deps));
    if (!back) continue;
    const asked = ending.kind === 'retry' ? askedSeconds(ending.error) : 0;
    const seconds = Math.max(
      backoffSeconds(head.receiveCount, deps.retry, deps.random()),
      Math.min(asked, deps.retry.capSeconds),
    );
    return messages.slice(index).map(({ messageId, receiptHandle }) => ({ messageId, receiptHandle, seconds }));
  }
  return [];
};

/** Messages come back when their back-off is over, a group's together. Where that cannot be said, the queue's own time-out does it later. */
const comeBack = async (returned: readonly Returned[], { queue, log }: DeliverDeps): Promise<SQSBatchResponse> => {
  for (const [seconds, list] of Map.groupBy(returned, (message) => message.seconds)) {
    await queue
      .retryIn(
        list.map(({ receiptHandle }) => receiptHandle),
        seconds,
      )
      .catch((error) => log.warn('back-off not set, the visibility timeout decides', { count: list.length, error }));
  }
  return { batchItemFailures: returned.map(({ messageId }) => ({ itemIdentifier: messageId })) };
};

type Group = readonly [key: string, messages: readonly InHand[]];

/** All at once while Userpilot is well; one entity as a trial after an outage; none while the breaker is open. */
const deliverGroups = async (groups: readonly Group[], deps: DeliverDeps & EntityDeps): Promise<readonly Returned[]> => {
  const [first, ...rest] = groups;
  if (first === undefined) return [];
  const passage = await deps.breaker.pass(deps.deadline - MIN_LEFT_MS).catch((error: unknown) => error);
  if (passage === 'all') return (await Promise.all(groups.map(([key, messages]) => deliverGroup(key, messages, deps)))).flat();
  const held = (error: unknown, ...left: readonly Group[]) => left.flatMap(([, messages]) => holdBack(messages, error, deps));
  if (passage !== 'one') return held(passage === 'none' ? new BreakerOpen() : passage, ...groups);
  const tried = await deliverGroup(...first, deps);
  return tried.length === 0 ? deliverGroups(rest, deps) : [...tried, ...held(new BreakerOpen(), ...rest)];
};

const deliverBatch = async ({ Records }: SQSEvent, { awsRequestId, getRemainingTimeInMillis }: Context, deps: DeliverDeps) => {
  const entityDeps = { ...deps, deadline: deps.now().getTime() + getRemainingTimeInMillis(), invocation: awsRequestId };
  const groups = new Map<string, InHand[]>();
  const returned: Returned[] = [];
  for (const record of Records) {
    const envelope = readEnvelope(record.body);
    const { messageId, receiptHandle } = record;
    const receiveCount = Number(record.attributes.ApproximateReceiveCount);
    if (envelope === undefined) {
      const seconds = backoffSeconds(receiveCount, deps.retry, deps.random());
      await setAside(record, deps).catch(() => returned.push({ messageId, receiptHandle, seconds }));
      continue;
    }
    const { source, change } = envelope;
    const message: InHand = {
      messageId,
      receiptHandle,
      receiveCount,
      envelope,
      arrival: { source, change, event: idempotencyKey(envelope) },
    };
    const key = entityKey(change);
    groups.set(key, [...(groups.get(key) ?? []), message]);
  }
  return comeBack([...returned, ...(await deliverGroups([...groups], entityDeps))], deps);
};

/** Without the API key nothing can be sent: the whole batch comes back. */
const allComeBack = ({ Records }: SQSEvent, deps: DeliverDeps): Promise<SQSBatchResponse> =>
  comeBack(
    Records.map(({ messageId, receiptHandle, attributes }) => ({
      messageId,
      receiptHandle,
      seconds: backoffSeconds(Number(attributes.ApproximateReceiveCount), deps.retry, deps.random()),
    })),
    deps,
  );

/** A batch of the FIFO queue in, the identifiers of the messages to see again out: an object with an array, on every path. */
export const createDeliver = (deps: DeliverDeps) =>
  // No early answer at the time limit: it would give the messages back while an attempt still runs, and a frozen attempt goes on later.
  middy<SQSEvent, SQSBatchResponse, Error, Context>({ requestEnd: () => deps.metrics.flush(), timeoutEarlyInMillis: 0 })
    .onError(async (request) => {
      request.response = await allComeBack(request.event, deps);
    })
    .use(logInvocation(deps.log))
    .use(withSecret(deps.apiKey))
    .handler((event, context) => deliverBatch(event, context, deps));
