import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import * as z from 'zod';
import { digest } from '../core/digest.ts';
import type { QueueMessage, RejectedEvent } from '../core/envelope.ts';
import { type Parsed, parseJson, scrub } from '../core/json.ts';
import type { Log, LogFields } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { EventQueue, RejectedQueue } from '../core/ports.ts';
import type { RefusalCode, RejectedCode } from '../core/reasons.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import type { SecretCache } from '../core/secrets.ts';
import type { SourceSettings } from '../core/settings.ts';
import { METRICS, webhookPath } from '../manifest.ts';
import { logInvocation } from '../middleware/invocation.ts';
import { answer, answerProblems, type HttpAnswer, plain } from '../middleware/problem.ts';
import { secretOf, withSecret } from '../middleware/secrets.ts';
import type { EventHead, PublicKeys, Source } from '../sources/source.ts';
import { type HttpEvent, readHttpEvent } from './http-event.ts';
import { intake } from './intake.ts';

/** Well above any user event of the vendors, far below what could hurt. Checked before any work. */
export const MAX_BODY_BYTES = 262_144;

export interface ReceiveDeps {
  readonly source: Source;
  readonly settings: SourceSettings;
  /** The signing secrets that count right now. */
  readonly secrets: SecretCache<readonly string[]>;
  /** The vendor's public keys; left out for a source that has none. */
  readonly keys?: SecretCache<PublicKeys>;
  readonly queue: EventQueue;
  /** Of what is to be fetched from the vendor; left out where the settings name no `api`. */
  readonly refreshes?: EventQueue;
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

/** Before any refusal: a vendor may ask by another method. At another path nobody is told anything. */
const shakeHands = (http: HttpEvent, { source, log }: ReceiveDeps): HttpAnswer | undefined => {
  if (http.path.replace(/\/$/, '') !== webhookPath(source.id)) return undefined;
  const asked = source.handshake?.(http);
  if (asked === undefined) return undefined;
  log.info('handshake', { source: source.id, status: asked.status });
  return plain(asked);
};

const NO_KEYS: PublicKeys = new Map();
/** Refusals that a secret which was just rotated explains. */
const OUTDATED: ReadonlySet<RefusalCode> = new Set(['SIGNATURE_MISMATCH', 'NO_SECRET_CONFIGURED']);

/** Once more with secrets or keys fetched anew: the first event after a rotation must not be lost to a cache. */
const verify = async (request: RawRequest, secrets: readonly string[], deps: ReceiveDeps): Promise<Verdict> => {
  const { source, settings, secrets: secretCache, keys: keyCache } = deps;
  const keys = (await keyCache?.get()) ?? NO_KEYS;
  const verdict = source.verify(request, secrets, { settings, keys });
  if (verdict.ok) return verdict;
  if (verdict.code === 'KEY_UNKNOWN' && keyCache !== undefined) {
    const fetched = await keyCache.refresh();
    return fetched === keys ? verdict : source.verify(request, secrets, { settings, keys: fetched });
  }
  if (!OUTDATED.has(verdict.code)) return verdict;
  const fetched = await secretCache.refresh();
  return fetched === secrets ? verdict : source.verify(request, fetched, { settings, keys });
};

/** Where one event of a request ended. */
type Ending =
  | { readonly kind: 'accepted'; readonly queue: EventQueue; readonly messages: readonly QueueMessage[] }
  | { readonly kind: 'ignored'; readonly code: string }
  | { readonly kind: 'parked'; readonly code: RejectedCode; readonly event: unknown };
interface Told {
  readonly head: EventHead;
  readonly ending: Ending;
}

const METRIC = { accepted: METRICS.received, ignored: METRICS.ignored, parked: METRICS.rejected } as const;

const report = ({ head, ending }: Told, request: RawRequest, { source, log, metrics, now }: ReceiveDeps): void => {
  const milliseconds = now().getTime() - request.receivedAt.getTime();
  const fields: LogFields = {
    ...head,
    outcome: ending.kind === 'parked' ? 'rejected' : ending.kind,
    ...(ending.kind !== 'accepted' && { code: ending.code }),
  };
  metrics.add(METRIC[ending.kind], fields.code === undefined ? { source: source.id } : { source: source.id, code: fields.code });
  metrics.add(METRICS.acknowledgeMs, { source: source.id }, milliseconds, 'Milliseconds');
  log.info('webhook', { source: source.id, ...fields, milliseconds });
};

/** Schema and map of one event. What cannot be read is named by its content. */
const tell = (value: unknown, unreadableId: () => string, request: RawRequest, deps: ReceiveDeps): Told => {
  const { source, settings, queue, refreshes } = deps;
  const { receivedAt } = request;
  const event = source.schema.safeParse(value);
  if (!event.success) {
    const head = { eventId: unreadableId(), type: 'unknown' };
    return { head, ending: { kind: 'parked', code: 'SCHEMA_MISMATCH', event: scrub(value) } };
  }
  const { eventId, type } = source.head(event.data, request, settings);
  const head = { eventId, type: type.slice(0, 200) };
  const result = intake(source, { v: 1, source: source.id, ...head, receivedAt, event: event.data }, { settings, receivedAt });
  if (result.kind === 'ignored') return { head, ending: { kind: 'ignored', code: result.because } };
  if (result.kind === 'rejected') return { head, ending: { kind: 'parked', code: result.because, event: event.data } };
  const to = result.kind === 'refresh' ? refreshes : queue;
  if (to === undefined) return { head, ending: { kind: 'parked', code: 'NO_VENDOR_API', event: event.data } };
  return { head, ending: { kind: 'accepted', queue: to, messages: result.messages } };
};

/** No vendor's event is so small that a body holds more. Parking each of thousands would take longer than a vendor waits. */
const MAX_EVENTS = 1000;
/** Parked at the same time. */
const PARKED_AT_ONCE = 10;

const recordsOf = (body: unknown, { source }: ReceiveDeps): readonly unknown[] | undefined => {
  if (source.records === undefined) return [body];
  try {
    return source.records(body);
  } catch (error) {
    if (error instanceof z.ZodError) return undefined;
    throw error;
  }
};

const read = (body: Uint8Array, { source }: ReceiveDeps): Parsed => (source.read ?? parseJson)(body);

const tellAll = (value: unknown, request: RawRequest, deps: ReceiveDeps): readonly Told[] => {
  const bodyId = () => digest(Buffer.from(request.body).toString('base64'));
  const records = recordsOf(value, deps);
  const parkedWhole = (code: RejectedCode, event: unknown): readonly Told[] => [
    { head: { eventId: bodyId(), type: 'unknown' }, ending: { kind: 'parked', code, event: scrub(event) } },
  ];
  if (records === undefined) return parkedWhole('SCHEMA_MISMATCH', value);
  // The records, not the body: a source may have taken its secret out of each.
  if (records.length > MAX_EVENTS) return parkedWhole('EVENT_TOO_LARGE', records);
  const isOne = deps.source.records === undefined;
  return records.map((record) => tell(record, isOne ? bodyId : () => digest(JSON.stringify(record) ?? ''), request, deps));
};

const park = async (told: readonly Told[], { receivedAt }: RawRequest, { source, rejected, now }: ReceiveDeps): Promise<void> => {
  const kept = told.flatMap(({ head, ending }): readonly RejectedEvent[] => {
    if (ending.kind !== 'parked') return [];
    return [{ v: 1, source: source.id, ...head, receivedAt, rejectedAt: now(), reason: ending.code, event: ending.event }];
  });
  for (let from = 0; from < kept.length; from += PARKED_AT_ONCE) {
    await Promise.all(kept.slice(from, from + PARKED_AT_ONCE).map((event) => rejected.park(event)));
  }
};

/** The answer tells the most that became of any of them. */
const summary = (told: readonly Told[]): HttpAnswer => {
  const of = (kind: Ending['kind']) => told.find(({ ending }) => ending.kind === kind)?.ending;
  const ending = of('accepted') ?? of('parked') ?? of('ignored');
  if (ending === undefined) return answer(202, { status: 'ignored', code: 'NOTHING_CHANGED' });
  return answer(202, ending.kind === 'accepted' ? { status: 'accepted' } : { status: ending.kind, code: ending.code });
};

/**
 * Order of work: signature over the bytes, depth and JSON, schema, map, queue. Nothing else stands before the answer. What maps
 * to nothing sendable is kept and acknowledged, since vendors disable endpoints that answer errors.
 */
const receive = async (request: RawRequest, secrets: readonly string[], deps: ReceiveDeps): Promise<HttpAnswer> => {
  const verdict = await verify(request, secrets, deps);
  if (!verdict.ok) return refuse(401, verdict.code, deps);
  const json = read(request.body, deps);
  if (!json.ok) return refuse(400, 'MALFORMED_BODY', deps);
  const told = tellAll(json.value, request, deps);
  for (const queue of new Set(told.flatMap(({ ending }) => (ending.kind === 'accepted' ? ending.queue : [])))) {
    await queue.send(told.flatMap(({ ending }) => (ending.kind === 'accepted' && ending.queue === queue ? ending.messages : [])));
  }
  await park(told, request, deps);
  for (const one of told) report(one, request, deps);
  return summary(told);
};

/** Requests wait here between the middleware that reads them and the handler. */
const requests = new WeakMap<Context, RawRequest>();

const createHandler = (deps: ReceiveDeps) =>
  middy<unknown, HttpAnswer, Error, Context>({ requestEnd: () => deps.metrics.flush() })
    .use(logInvocation(deps.log))
    .use(answerProblems())
    .before(({ event, context }) => {
      const http = readHttpEvent(event);
      if (http === undefined) return refuse(400, 'NOT_AN_HTTP_EVENT', deps);
      requests.set(context, { headers: http.headers, body: http.body, receivedAt: deps.now() });
      return shakeHands(http, deps) ?? refusedAtTheDoor(http, deps);
    })
    .use(withSecret(deps.secrets))
    .handler(async (_, context) => {
      const request = requests.get(context);
      if (request === undefined) throw new Error('receive: no request was read');
      return receive(request, secretOf(context), deps);
    });

type Receive = (event: unknown, context: Context) => Promise<HttpAnswer>;

/** Wrong addresses are told as such: no sign-up waits for them. */
const MISDIRECTED = new Set([404, 405]);

/**
 * Lets a sign-up go on that waits for us, whatever happens here, forgeries included: a secret that does not fit must not lock
 * a customer's users out. What was genuine and could not be queued in time is told by an alarm.
 */
const answeringHooks = (handler: Receive, { source, log, metrics, now }: ReceiveDeps): Receive => {
  return async (event, context) => {
    const http = readHttpEvent(event);
    const hook = http === undefined ? undefined : source.hook?.({ headers: http.headers, body: http.body, receivedAt: now() });
    if (hook === undefined) return handler(event, context);
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), hook.withinMs);
    const outcome = await Promise.race([handler(event, context), late]).finally(() => clearTimeout(timer));
    if (outcome !== undefined && MISDIRECTED.has(outcome.statusCode)) return outcome;
    if (outcome === undefined || outcome.statusCode >= 500) {
      metrics.add(METRICS.lost, { source: source.id });
      metrics.flush();
      log.error('a sign-up could not be queued', { source: source.id, outcome: 'unavailable' });
    }
    return plain(hook.answer);
  };
};

/** One vendor's webhook: an event of API Gateway (HTTP or REST) or a Function URL in, an HTTP answer out. */
export const createReceive = (deps: ReceiveDeps): Receive => {
  const handler = createHandler(deps);
  const receiver: Receive = async (event, context) => handler(event, context);
  return deps.source.hook === undefined ? receiver : answeringHooks(receiver, deps);
};
