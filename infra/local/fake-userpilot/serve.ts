import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, type ApiRequest, isIdentify } from './api.ts';
import { contentOf, decodeBody, readBytes, userIdIn } from './body.ts';
import type { Clock } from './clock.ts';
import { type Inside, inspect } from './inspect.ts';
import { isFrontFault, playFrontFault, sendAnswer, sendSpoilt } from './reply.ts';

export interface ServeOptions extends Inside {
  readonly api: Api;
  readonly clock: Clock;
  /** Ends the waits of delayed answers; the promises of their requests then reject. */
  readonly closing: AbortSignal;
}

/** One request in, one answer out, through whatever fault is scripted. Rejects on a bug in the fake. */
export const createServe = (options: ServeOptions) => {
  const { api, clock, faults, log, closing } = options;

  const serveApi = async (request: ApiRequest, response: ServerResponse, bytes: Buffer | 'too-large'): Promise<void> => {
    const caller = api.callerOf(request.headers);
    // A body without a good key is never parsed.
    const body = caller ? await decodeBody(bytes, request.headers['content-type']) : ({ kind: 'absent' } as const);
    const at = clock.now();
    if (caller && isIdentify(request)) log.countIdentify(clock.callersNow());
    const content = contentOf(body);
    const fault = faults.take(request.path, userIdIn(content));
    const note = (status: number | null, warnings: readonly string[] = []) => {
      const entry = { at, method: request.method, path: request.path, status, keyOk: caller !== undefined };
      const extras = { ...(fault && { fault: fault.kind }), ...(warnings.length > 0 && { warnings }) };
      if (content === undefined) log.add({ ...entry, ...extras }, 0);
      else log.add({ ...entry, ...extras, body: content }, bytes.length);
    };
    if (isFrontFault(fault)) return note(playFrontFault(response, fault, request.path));

    const jobFails = fault?.kind === 'fail-job' ? { jobFails: fault.afterRows ?? ('validating' as const) } : {};
    if (fault?.kind === 'delay' && fault.late) await sleep(fault.ms, undefined, { signal: closing });
    const answer = api.answer(request, caller, { body, at: clock.now(), ...jobFails });
    note(answer.status, answer.warnings);
    if (fault?.kind === 'delay' && !fault.late) await sleep(fault.ms, undefined, { signal: closing });
    sendSpoilt(response, answer, fault);
  };

  return async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path = '/', query = ''] = (message.url ?? '/').split('?');
    const method = message.method ?? 'GET';
    const bytes = await readBytes(message);
    if (bytes === 'hung-up') return;
    if (path.startsWith('/v1/')) return serveApi({ method, path, headers: message.headers }, response, bytes);
    const body = await decodeBody(bytes, 'application/json');
    sendAnswer(response, inspect({ method, path, query, json: contentOf(body) }, options));
  };
};
