import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { ACCOUNT_ID } from './engines/aws.ts';

/** They speak of one connection and end at the gateway. Cookies travel in a field of their own. */
const NOT_PASSED_ON = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'cookie']);

/** Lower-case names, repeated ones joined by comma without a space: apigateway/latest/developerguide/http-api-develop-integrations-lambda.html */
const headersOf = (rawHeaders: readonly string[]): ReadonlyMap<string, string> => {
  const headers = new Map<string, string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    const value = rawHeaders[index + 1] ?? '';
    const former = headers.get(name);
    headers.set(name, former === undefined ? value : `${former},${value}`);
  }
  return headers;
};

/**
 * Whether a body of this type travels as text; all else does as base64, forms and a missing type too.
 * The developer guide lists no types; observed on AWS in github.com/ministackorg/ministack/pull/766.
 */
const isText = (contentType: string | undefined): boolean =>
  /^(text\/.*|application\/(json|xml|javascript))$/.test(contentType?.split(';')[0]?.trim().toLowerCase() ?? '');

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `23/Nov/2026:12:00:00 +0000` */
const commonLogTime = (moment: Date): string => {
  const [date = '', time = ''] = moment.toISOString().split('T');
  return `${date.slice(8)}/${MONTHS[moment.getUTCMonth()]}/${date.slice(0, 4)}:${time.slice(0, 8)} +0000`;
};

const joined = (query: string): Record<string, string> => {
  const values: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) values[name] = name in values ? `${values[name]},${value}` : value;
  return values;
};

/** What an HTTP API of API Gateway makes of a request: payload format 2.0, stage `$default`. */
export const toGatewayEvent = (request: IncomingMessage, body: Buffer): APIGatewayProxyEventV2 => {
  const headers = headersOf(request.rawHeaders);
  const cookies = headers.get('cookie')?.split(/;\s*/);
  const [path = '/', ...rest] = request.url?.split('?') ?? [];
  const query = rest.join('?');
  const host = headers.get('host') ?? '';
  const sourceIp = request.socket.remoteAddress ?? '127.0.0.1';
  const text = isText(headers.get('content-type'));
  const now = new Date();
  const routeKey = `ANY ${path}`;
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: query,
    ...(cookies && { cookies }),
    headers: {
      ...Object.fromEntries([...headers].filter(([name]) => !NOT_PASSED_ON.has(name))),
      'x-amzn-trace-id': `Root=1-${Math.floor(now.getTime() / 1000).toString(16)}-${randomUUID().replaceAll('-', '').slice(0, 24)}`,
      'x-forwarded-for': [headers.get('x-forwarded-for'), sourceIp].filter((part) => part !== undefined).join(', '),
      'x-forwarded-port': '443',
      'x-forwarded-proto': 'https',
    },
    ...(query !== '' && { queryStringParameters: joined(query) }),
    requestContext: {
      accountId: ACCOUNT_ID,
      apiId: 'local',
      domainName: host,
      domainPrefix: host.split('.')[0] ?? host,
      http: {
        method: request.method ?? 'GET',
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp,
        userAgent: headers.get('user-agent') ?? '',
      },
      requestId: randomUUID(),
      routeKey,
      stage: '$default',
      time: commonLogTime(now),
      timeEpoch: now.getTime(),
    },
    ...(body.byteLength > 0 && { body: body.toString(text ? 'utf8' : 'base64') }),
    isBase64Encoded: body.byteLength > 0 && !text,
  };
};
