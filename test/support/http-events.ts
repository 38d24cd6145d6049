/** A request as it stands on the wire, before a front door of Lambda makes an event of it. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  /** In order, repeated ones included, in the sender's spelling. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** What is not text goes through in base64; a gateway may also be set to encode everything. */
export type BodyEncoding = 'as needed' | 'base64';

const isText = (body: Buffer): boolean => Buffer.from(body.toString('utf8')).equals(body);

const bodyOf = (body: Buffer, encoding: BodyEncoding) => {
  const isBase64Encoded = encoding === 'base64' || !isText(body);
  return { body: body.toString(isBase64Encoded ? 'base64' : 'utf8'), isBase64Encoded };
};

const ADDRESS = '192.0.2.7';
const TIME = { epoch: Date.parse('2026-11-23T12:00:00Z'), text: '23/Nov/2026:12:00:00 +0000' };

const grouped = (headers: WireRequest['headers'], nameOf: (name: string) => string) => {
  const values = new Map<string, readonly string[]>();
  for (const [name, value] of headers) values.set(nameOf(name), [...(values.get(nameOf(name)) ?? []), value]);
  return [...values];
};

/**
 * Payload 2.0: lower-case names, repeated headers joined by comma:
 * docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
const payload2 = (
  { method, path, headers, body }: WireRequest,
  encoding: BodyEncoding,
  { routeKey, domainName }: { readonly routeKey: string; readonly domainName: string },
) => ({
  version: '2.0',
  routeKey,
  rawPath: path,
  rawQueryString: '',
  headers: Object.fromEntries(grouped(headers, (name) => name.toLowerCase()).map(([name, values]) => [name, values.join(',')])),
  requestContext: {
    accountId: '000000000000',
    apiId: 'invented',
    domainName,
    domainPrefix: 'invented',
    http: { method, path, protocol: 'HTTP/1.1', sourceIp: ADDRESS, userAgent: 'Invented/1.0' },
    requestId: 'invented-request',
    routeKey,
    stage: '$default',
    time: TIME.text,
    timeEpoch: TIME.epoch,
  },
  ...bodyOf(body, encoding),
});

/** API Gateway HTTP API. */
export const httpApiEvent = (request: WireRequest, encoding: BodyEncoding = 'as needed') =>
  payload2(request, encoding, {
    routeKey: 'POST /webhooks/{source}',
    domainName: 'invented.execute-api.eu-west-1.amazonaws.com',
  });

/** Lambda Function URL: docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html */
export const functionUrlEvent = (request: WireRequest, encoding: BodyEncoding = 'as needed') =>
  payload2(request, encoding, { routeKey: '$default', domainName: 'invented.lambda-url.eu-west-1.on.aws' });

/**
 * API Gateway REST API, payload 1.0: names as sent, all values in one map and the last in the other:
 * docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
 */
export const restApiEvent = ({ method, path, headers, body }: WireRequest, encoding: BodyEncoding = 'as needed') => {
  const all = grouped(headers, (name) => name);
  return {
    resource: '/webhooks/{source}',
    path,
    httpMethod: method,
    headers: Object.fromEntries(all.map(([name, values]) => [name, values.at(-1) ?? ''])),
    multiValueHeaders: Object.fromEntries(all),
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: { source: 'invented' },
    stageVariables: null,
    requestContext: {
      accountId: '000000000000',
      apiId: 'invented',
      httpMethod: method,
      identity: { sourceIp: ADDRESS, userAgent: 'Invented/1.0' },
      path: `/prod${path}`,
      protocol: 'HTTP/1.1',
      requestId: 'invented-request',
      requestTime: TIME.text,
      requestTimeEpoch: TIME.epoch,
      resourcePath: '/webhooks/{source}',
      stage: 'prod',
    },
    ...bodyOf(body, encoding),
  };
};

/** The front doors that the handlers must read alike. */
export const FRONT_DOORS = { 'HTTP API': httpApiEvent, 'Function URL': functionUrlEvent, 'REST API': restApiEvent } as const;
export type FrontDoor = keyof typeof FRONT_DOORS;
