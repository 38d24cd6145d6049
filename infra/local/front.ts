import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { sendFunctionAnswer } from './gateway-answer.ts';
import { toGatewayEvent } from './gateway-event.ts';
import { closeServer, listenOnLoopback, readBody, sendJson } from './http.ts';
import { FunctionTimeout, type Invoke } from './lambda.ts';

export interface FrontOptions {
  /** 0 = any free one. */
  readonly port: number;
  /** Functions behind the gateway by their path, any method. */
  readonly webhooks: ReadonlyMap<string, Invoke>;
  /** Functions that AWS invokes with an event, here by a POST of that event to a path. */
  readonly triggers: ReadonlyMap<string, Invoke>;
  /** The body of `GET /health`, and whether all is well. */
  readonly health: () => Promise<{ readonly ok: boolean; readonly body: unknown }>;
  /** Told when a function threw or took too long. */
  readonly onFailure: (error: unknown) => void;
}

export interface Front {
  readonly url: string;
  /** Takes no more requests; those in hand get `graceMs` to be answered. */
  close(graceMs?: number): Promise<void>;
}

/** A synchronous invocation of Lambda takes 6 MB: lambda/latest/dg/gettingstarted-limits.html */
const MAX_BODY_BYTES = 6 * 1024 * 1024;

const answerWebhook = async (invoke: Invoke, request: IncomingMessage, response: ServerResponse, { onFailure }: FrontOptions) => {
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body === undefined) return sendJson(response, 413, { message: 'Request Entity Too Large' });
  try {
    sendFunctionAnswer(response, await invoke(toGatewayEvent(request, body)));
  } catch (error) {
    onFailure(error);
    const late = error instanceof FunctionTimeout;
    sendJson(response, late ? 503 : 500, { message: late ? 'Service Unavailable' : 'Internal Server Error' });
  }
};

const answerTrigger = async (invoke: Invoke, request: IncomingMessage, response: ServerResponse, { onFailure }: FrontOptions) => {
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body === undefined) return sendJson(response, 413, { message: 'Request must be smaller than 6291456 bytes' });
  let event: unknown;
  try {
    event = JSON.parse(body.toString());
  } catch {
    return sendJson(response, 400, { message: 'Could not parse request body into json' });
  }
  try {
    sendJson(response, 200, await invoke(event));
  } catch (error) {
    onFailure(error);
    // Lambda answers 200 with this header; over plain HTTP that would look like success.
    const { name, message } = error instanceof Error ? error : { name: 'Error', message: 'unknown' };
    sendJson(response, 500, { errorType: name, errorMessage: message }, { 'x-amz-function-error': 'Unhandled' });
  }
};

const route = async (request: IncomingMessage, response: ServerResponse, options: FrontOptions): Promise<void> => {
  const path = request.url?.split('?')[0] ?? '/';
  const webhook = options.webhooks.get(path);
  if (webhook !== undefined) return answerWebhook(webhook, request, response, options);
  const trigger = request.method === 'POST' ? options.triggers.get(path) : undefined;
  if (trigger !== undefined) return answerTrigger(trigger, request, response, options);
  request.resume();
  if (path !== '/health' || request.method !== 'GET') return sendJson(response, 404, { message: 'Not Found' });
  const { ok, body } = await options.health();
  sendJson(response, ok ? 200 : 503, body);
};

/** The part of API Gateway, and of Cognito where it invokes a function. Rejects with EADDRINUSE when the port is taken. */
export const startFront = async (options: FrontOptions): Promise<Front> => {
  const server = createServer((request, response) => {
    // After `close`, connections that vendors keep alive must not bring another request.
    response.on('finish', () => server.listening || request.socket.end());
    route(request, response, options).catch((error: unknown) => {
      if (request.destroyed && !request.complete) return; // the caller hung up while sending
      options.onFailure(error);
      response.destroy();
    });
  });
  return { url: await listenOnLoopback(server, options.port), close: (graceMs = 0) => closeServer(server, graceMs) };
};
