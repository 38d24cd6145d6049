import { once } from 'node:events';
import { Agent, request as requestHttp } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import { type Front, startFront } from '../../../infra/local/front.ts';
import { createInvoke, type Handler } from '../../../infra/local/lambda.ts';

let front: Front;
afterEach(() => front.close());

const failures: unknown[] = [];
const start = async (handler: Handler, { healthy = true, timeoutMs = 30_000 } = {}) => {
  failures.length = 0;
  front = await startFront({
    port: 0,
    webhooks: new Map([['/webhooks/acme', createInvoke('receive-acme', handler, timeoutMs)]]),
    triggers: new Map([['/triggers/pool', createInvoke('receive-pool', handler, timeoutMs)]]),
    health: async () => ({ ok: healthy, body: { status: healthy ? 'ok' : 'down' } }),
    onFailure: (error) => failures.push(error),
  });
};

/** A handler that keeps what it was given. */
const recorder = (answer: unknown = { statusCode: 202 }) => {
  const seen: { readonly event: APIGatewayProxyEventV2; readonly context: Context }[] = [];
  const handler: Handler = async (event, context) => {
    seen.push({ event: event as APIGatewayProxyEventV2, context });
    return answer;
  };
  const only = () => {
    const [first] = seen;
    if (first === undefined) throw new Error('the handler was not called');
    return first;
  };
  return { handler, only };
};

const post = (
  path: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = { 'content-type': 'application/json' },
) => fetch(`${front.url}${path}`, { method: 'POST', headers, ...(body !== undefined && { body: Buffer.from(body) }) });

describe('an event of the gateway', () => {
  it('is one of an HTTP API, payload format 2.0', async () => {
    const { handler, only } = recorder();
    await start(handler);
    await post('/webhooks/acme?a=1&a=2&b=%20x', '{"é":1}', {
      'content-type': 'application/json; charset=utf-8',
      'X-Trace': 'T',
      cookie: 'k=v; l=w',
    });
    const { event } = only();
    expect(event).toMatchObject({
      version: '2.0',
      rawPath: '/webhooks/acme',
      rawQueryString: 'a=1&a=2&b=%20x',
      queryStringParameters: { a: '1,2', b: ' x' },
      cookies: ['k=v', 'l=w'],
      headers: {
        'x-trace': 'T',
        'content-type': 'application/json; charset=utf-8',
        'x-forwarded-proto': 'https',
        'content-length': '8',
      },
      body: '{"é":1}',
      isBase64Encoded: false,
      requestContext: {
        stage: '$default',
        routeKey: 'ANY /webhooks/acme',
        http: { method: 'POST', path: '/webhooks/acme', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1' },
      },
    });
    expect(event.headers).not.toHaveProperty('cookie');
    expect(event.headers).not.toHaveProperty('connection');
    expect(event.requestContext.time).toMatch(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
    expect(event.requestContext.requestId).toMatch(/^[\da-f-]{36}$/);
  });

  it.each([
    ['text/plain', false],
    ['application/json', false],
    ['Application/JSON; charset=utf-8', false],
    ['application/xml', false],
    ['application/x-www-form-urlencoded', true],
    ['application/octet-stream', true],
    ['application/vnd.acme+json', true],
    ['', true],
  ])('carries a body of type %j in base64: %s', async (type, isBase64Encoded) => {
    const { handler, only } = recorder();
    await start(handler);
    await post('/webhooks/acme', Buffer.from('{"a":1}'), type === '' ? {} : { 'content-type': type });
    expect(only().event).toMatchObject({ isBase64Encoded, body: isBase64Encoded ? 'eyJhIjoxfQ==' : '{"a":1}' });
  });

  it('loses no byte of a body that is not text', async () => {
    const { handler, only } = recorder();
    await start(handler);
    const bytes = Buffer.from([0xff, 0x00, 0xc3, 0x28, 0x80]);
    await post('/webhooks/acme', bytes, { 'content-type': 'application/octet-stream' });
    expect(Buffer.from(only().event.body ?? '', 'base64')).toEqual(bytes);
  });

  it('has no body when none was sent', async () => {
    const { handler, only } = recorder();
    await start(handler);
    await fetch(`${front.url}/webhooks/acme`);
    expect(only().event).not.toHaveProperty('body');
    expect(only().event).toMatchObject({ isBase64Encoded: false, requestContext: { http: { method: 'GET' } } });
  });

  it('joins repeated headers by comma', async () => {
    const { handler, only } = recorder();
    await start(handler);
    const request = requestHttp(`${front.url}/webhooks/acme`, { method: 'POST', agent: new Agent({ keepAlive: false }) });
    request.setHeader('X-Signature', ['one', 'two']);
    request.end('{}');
    const [response] = await once(request, 'response');
    await text(response);
    expect(only().event.headers['x-signature']).toBe('one,two');
  });

  it('comes with a context that counts the time down', async () => {
    const { handler, only } = recorder();
    await start(handler, { timeoutMs: 5000 });
    await post('/webhooks/acme', '{}');
    const { context } = only();
    expect(context.functionName).toBe('receive-acme');
    expect(context.getRemainingTimeInMillis()).toBeGreaterThan(0);
    expect(context.getRemainingTimeInMillis()).toBeLessThanOrEqual(5000);
  });
});

describe('an answer of the gateway', () => {
  const answered = async (answer: unknown) => {
    await start(async () => answer);
    const response = await post('/webhooks/acme', '{}');
    return { response, body: await response.text() };
  };

  it('is the function’s: status, headers, cookies, body', async () => {
    const answer = {
      statusCode: 503,
      headers: { 'retry-after': '30', 'content-type': 'application/json' },
      cookies: ['a=1', 'b=2'],
      body: '{"a":1}',
    };
    const { response, body } = await answered(answer);
    expect([response.status, response.headers.get('retry-after'), body]).toEqual([503, '30', '{"a":1}']);
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  });

  it('decodes a body in base64', async () => {
    const { body } = await answered({ statusCode: 200, body: Buffer.from('bytes').toString('base64'), isBase64Encoded: true });
    expect(body).toBe('bytes');
  });

  it.each([
    [{ fine: true }, '{"fine":true}'],
    ['done', '"done"'],
    [null, 'null'],
    [undefined, 'null'],
  ])('%j without a status code is the JSON body of a 200', async (answer, expected) => {
    const { response, body } = await answered(answer);
    expect([response.status, response.headers.get('content-type'), body]).toEqual([200, 'application/json', expected]);
  });

  it('is 500 when the function’s is none', async () => {
    const { response, body } = await answered({ statusCode: 'many' });
    expect([response.status, body]).toEqual([500, '{"message":"Internal Server Error"}']);
  });

  it('is 500 when the function throws, and nothing of the error gets out', async () => {
    await start(async () => {
      throw new TypeError('a secret');
    });
    const response = await post('/webhooks/acme', '{}');
    expect([response.status, await response.text()]).toEqual([500, '{"message":"Internal Server Error"}']);
    expect(failures).toHaveLength(1);
  });

  it('is 503 when the function takes too long', async () => {
    await start(() => new Promise(() => undefined), { timeoutMs: 20 });
    const response = await post('/webhooks/acme', '{}');
    expect([response.status, await response.text()]).toEqual([503, '{"message":"Service Unavailable"}']);
  });

  it('is 413 for more than 6 MB, and the function is not asked', async () => {
    const { handler, only } = recorder();
    await start(handler);
    const response = await post('/webhooks/acme', Buffer.alloc(6 * 1024 * 1024 + 1, 'x'));
    expect([response.status, await response.text()]).toEqual([413, '{"message":"Request Entity Too Large"}']);
    expect(only).toThrow('not called');
  });

  it.each(['/', '/webhooks/other', '/webhooks/acme/', '/triggers/other', '//webhooks/acme'])('is 404 at %s', async (path) => {
    await start(async () => ({ statusCode: 200 }));
    const response = await post(path, '{}');
    expect([response.status, await response.text()]).toEqual([404, '{"message":"Not Found"}']);
  });
});

describe('a trigger', () => {
  it('hands the event over and answers what the function returns', async () => {
    await start(async (event) => ({ ...(event as object), seen: true }));
    const response = await post('/triggers/pool', '{"userName":"ada"}');
    expect([response.status, await response.json()]).toEqual([200, { userName: 'ada', seen: true }]);
  });

  it('refuses what is not JSON', async () => {
    await start(async (event) => event);
    expect((await post('/triggers/pool', 'ada')).status).toBe(400);
  });

  it('shows a function that throws as an error', async () => {
    await start(async () => {
      throw new RangeError('no such pool');
    });
    const response = await post('/triggers/pool', '{}');
    expect([response.status, response.headers.get('x-amz-function-error')]).toEqual([500, 'Unhandled']);
    expect(await response.json()).toEqual({ errorType: 'RangeError', errorMessage: 'no such pool' });
  });
});

describe('the server', () => {
  it.each([
    [true, 200, 'ok'],
    [false, 503, 'down'],
  ])('tells its health: %s', async (healthy, status, word) => {
    await start(async () => null, { healthy });
    const response = await fetch(`${front.url}/health`);
    expect([response.status, await response.json()]).toEqual([status, { status: word }]);
  });

  it('listens on loopback only, and rejects a port that is taken', async () => {
    await start(async () => null);
    expect(front.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const again = startFront({
      port: Number(new URL(front.url).port),
      webhooks: new Map(),
      triggers: new Map(),
      health: async () => ({ ok: true, body: {} }),
      onFailure: () => undefined,
    });
    await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('answers what is in hand when it closes, ends that connection, and takes nothing new', async () => {
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    await start(async () => {
      begin();
      await mayEnd;
      return { statusCode: 202 };
    });
    const agent = new Agent({ keepAlive: true });
    const request = requestHttp(`${front.url}/webhooks/acme`, { method: 'POST', agent }).end('{}');
    await begun;
    const closed = front.close(10_000);
    await expect(fetch(`${front.url}/health`)).rejects.toThrow();
    end();
    const [response] = await once(request, 'response');
    expect(response.statusCode).toBe(202);
    await text(response);
    await closed;
    agent.destroy();
  });

  it('ends what is in hand when its grace is over', async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    await start(() => {
      begin();
      return new Promise(() => undefined);
    });
    const hanging = post('/webhooks/acme', '{}');
    await begun;
    await Promise.all([front.close(10), expect(hanging).rejects.toThrow()]);
  });

  it('survives a caller that hangs up in the middle of a body', async () => {
    await start(async () => ({ statusCode: 202 }));
    const socket = connect(Number(new URL(front.url).port), '127.0.0.1');
    socket.write('POST /webhooks/acme HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf');
    await once(socket, 'connect');
    socket.destroy();
    await once(socket, 'close');
    expect((await post('/webhooks/acme', '{}')).status).toBe(202);
    expect(failures).toEqual([]);
  });
});
