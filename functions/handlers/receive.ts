import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { digest } from '../core/digest.ts';
import type { RejectedEvent } from '../core/envelope.ts';
import { parseJson, scrub } from '../core/json.ts';
import type { Log, LogFields } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { EventQueue, RejectedQueue } from '../core/ports.ts';
import type { RejectedCode } from '../core/reasons.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import type { SecretCache } from '../core/secrets.ts';
import type { SourceSettings } from '../core/settings.ts';
import { METRICS, webhookPath } from '../manifest.ts';
import { logInvocation } from '../middleware/invocation.ts';
import { answer, answerProblems, type HttpAnswer } from '../middleware/problem.ts';
import { secretOf, withSecret } from '../middleware/secrets.ts';
import type { EventHead, Source } from '../sources/source.ts';
import { type HttpEvent, readHttpEvent } from './http-event.ts';
import { intake } from './intake.ts';

/** Well above any user event of the vendors, far below what could hurt. Checked before any work. */
export const MAX_BODY_BYTES = 262_144;

export interface ReceiveDeps {
  readonly source: Source;
  readonly settings: SourceSettings;
  /** The signing secrets that count right now. */
  readonly secrets: SecretCache<readonly string[]>;
  readonly queue: EventQueue;
  readonly rejected: RejectedQueue;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly now: () => Date;
}

/** `code` goes to the log and the metric; the caller sees it too, except for a 401, which gives nothing away. */
const refuse = (status: number, code: string, { source, log, metrics }: ReceiveDeps, headers = {}): HttpAnswer => {
  metrics.add(METRICS.refused, { source: source.id, code });
  log.info('webhook', { source: source.id, outcome: 'refused', code, status });
  return answer(status, { status: 'refused', code: status === 401 ? 'NOT_AUTHENTIC' : code }, headers);
};

/** What can be said without looking at the body. */
const refusedAtTheDoor = ({ method, path, headers, body }: HttpEvent, deps: ReceiveDeps): HttpAnswer | undefined => {
  if (path.replace(/\/$/, '') !== webhookPath(deps.source.id)) return refuse(404, 'UNKNOWN_PATH', deps);
  if (method !== 'POST') return refuse(405, 'METHOD_NOT_ALLOWED', deps, { allow: 'POST' });
  if (body.byteLength > MAX_BODY_BYTES) return refuse(413, 'BODY_TOO_LARGE', deps);
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  return encoding === '' || encoding === 'identity' ? undefined : refuse(415, 'CONTENT_ENCODING', deps);
};

/** Once more with secrets fetched anew: the first event after a rotation must not be lost to a cache. */
const verify = async (
  request: RawRequest,
  secrets: readonly string[],
  { source, secrets: cache }: ReceiveDeps,
): Promise<Verdict> => {
  const verdict = source.verify(request, secrets);
  if (verdict.ok || (verdict.code !== 'SIGNATURE_MISMATCH' && verdict.code !== 'NO_SECRET_CONFIGURED')) return verdict;
  const fetched = await cache.refresh();
  return fetched === secrets ? verdict : source.verify(request, fetched);
};

/** A verified event that maps to nothing sendable: kept, counted, and acknowledged, since vendors disable endpoints that answer errors. */
const park = async (
  reason: RejectedCode,
  head: EventHead,
  event: unknown,
  request: RawRequest,
  deps: ReceiveDeps,
): Promise<HttpAnswer> => {
  const { source, rejected, now } = deps;
  const kept: RejectedEvent = {
    v: 1,
    source: source.id,
    ...head,
    receivedAt: request.receivedAt,
    rejectedAt: now(),
    reason,
    event,
  };
  await rejected.park(kept);
  report(deps, request, METRICS.rejected, { ...head, outcome: 'rejected', code: reason });
  return answer(202, { status: 'parked', code: reason });
};

const report = ({ source, log, metrics, now }: ReceiveDeps, request: RawRequest, metric: string, fields: LogFields): void => {
  const milliseconds = now().getTime() - request.receivedAt.getTime();
  metrics.add(metric, fields.code === undefined ? { source: source.id } : { source: source.id, code: fields.code });
  metrics.add(METRICS.acknowledgeMs, { source: source.id }, milliseconds, 'Milliseconds');
  log.info('webhook', { source: source.id, ...fields, milliseconds });
};

/** Order of work: signature over the bytes, depth and JSON, schema, map, queue. Nothing else stands before the answer. */
const receive = async (request: RawRequest, secrets: readonly string[], deps: ReceiveDeps): Promise<HttpAnswer> => {
  const { source, settings, queue } = deps;
  const verdict = await verify(request, secrets, deps);
  if (!verdict.ok) return refuse(401, verdict.code, deps);
  const json = parseJson(request.body);
  if (!json.ok) return refuse(400, 'MALFORMED_BODY', deps);
  const event = source.schema.safeParse(json.value);
  if (!event.success) {
    const unknown = { eventId: digest(Buffer.from(request.body).toString('base64')), type: 'unknown' };
    return park('SCHEMA_MISMATCH', unknown, scrub(json.value), request, deps);
  }
  const { eventId, type } = source.head(event.data, request);
  const head = { eventId, type: type.slice(0, 200) };
  const { receivedAt } = request;
  const result = intake(source, { v: 1, source: source.id, ...head, receivedAt, event: event.data }, { settings, receivedAt });
  if (result.kind === 'ignored') {
    report(deps, request, METRICS.ignored, { ...head, outcome: 'ignored', code: result.because });
    return answer(202, { status: 'ignored', code: result.because });
  }
  if (result.kind === 'rejected') return park(result.because, head, event.data, request, deps);
  await queue.send(result.messages);
  report(deps, request, METRICS.received, { ...head, outcome: 'accepted' });
  return answer(202, { status: 'accepted' });
};

/** Requests wait here between the middleware that reads them and the handler. */
const requests = new WeakMap<Context, RawRequest>();

/** One vendor's webhook: an event of API Gateway (HTTP or REST) or a Function URL in, an HTTP answer out. */
export const createReceive = (deps: ReceiveDeps) =>
  middy<unknown, HttpAnswer, Error, Context>({ requestEnd: () => deps.metrics.flush() })
    .use(logInvocation(deps.log))
    .use(answerProblems())
    .before(({ event, context }) => {
      const http = readHttpEvent(event);
      if (http === undefined) return refuse(400, 'NOT_AN_HTTP_EVENT', deps);
      requests.set(context, { headers: http.headers, body: http.body, receivedAt: deps.now() });
      return refusedAtTheDoor(http, deps);
    })
    .use(withSecret(deps.secrets))
    .handler(async (_, context) => {
      const request = requests.get(context);
      if (request === undefined) throw new Error('receive: no request was read');
      return receive(request, secretOf(context), deps);
    });
