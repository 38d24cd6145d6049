import { httpApiEvent, restApiEvent, type WireRequest } from '../support/http-events.ts';
import type { Case, Expected, Mutation } from './case.ts';
import { canaries, contentOf, signed, type Target } from './target.ts';

const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'post', 'POST ', 'PO\0ST', ''];

const pathsBeside = (path: string): readonly string[] => [
  '',
  '/',
  '/webhooks',
  '/webhooks/',
  `/${path}`,
  `${path}//`,
  `${path}/${canaries.body}`,
  `${path}%2f`,
  `${path}%00`,
  `${path};v=1`,
  `${path}?source=other`,
  `${path}#x`,
  `${path} `,
  path.toUpperCase(),
  path.slice(1),
  path.slice(0, -1),
  path.replace(/\/(?=[^/]*$)/, '%2F'),
  path.replace(/\/(?=[^/]*$)/, '\\'),
  path.replace(/.$/, (sign) => `%${sign.charCodeAt(0).toString(16)}`),
  path.replace('/webhooks', '/webhooks/..%2fwebhooks'),
  path.replace('/webhooks', '/webhooks/./'),
  `/prod${path}`,
  `http://invented.example${path}`,
  path.replace('/webhooks/', '/webhooks/__proto__/'),
];

/** Genuine deliveries at a wrong place or in a wrong way. */
export const misplaced = (target: Target): readonly Mutation[] => {
  const genuine = signed(target);
  return [
    ...METHODS.map((method): Mutation => ({ name: `method "${method}"`, request: { ...genuine, method }, expected: 405 })),
    ...pathsBeside(genuine.path).map(
      (path): Mutation => ({ name: `path "${path}"`, request: { ...genuine, path }, expected: 404 }),
    ),
    { name: 'path with one slash at its end', request: { ...genuine, path: `${genuine.path}/` }, expected: 'accepted' },
    { name: 'body in base64', request: genuine, encoding: 'base64', expected: 'accepted' },
  ];
};

type Altered = readonly [name: string, expected: Expected, event: unknown];

/** What both payload forms share, told apart by the place of the request's data. */
const sharedFaults = (event: object, target: Target, body: string): readonly Altered[] => {
  const bare = target.proves.body || target.proofInBody === true ? 401 : 400;
  const headless = target.proofs.length > 0 ? 401 : 'accepted';
  return [
    ['without headers', headless, { ...event, headers: undefined, multiValueHeaders: undefined }],
    ['headers null', headless, { ...event, headers: null, multiValueHeaders: null }],
    ['headers empty', headless, { ...event, headers: {}, multiValueHeaders: {} }],
    ['headers as a string', 400, { ...event, headers: canaries.header }],
    ['headers with a number', 400, { ...event, headers: { 'content-length': 7 } }],
    [
      'headers with null values only',
      headless,
      { ...event, headers: { authorization: null, 'svix-id': null }, multiValueHeaders: null },
    ],
    ['without a body', bare, { ...event, body: undefined }],
    ['body null', bare, { ...event, body: null }],
    ['body as an object', 400, { ...event, body: JSON.parse(contentOf(target).toString('utf8')) }],
    ['body as a number', 400, { ...event, body: 7 }],
    ['body text said to be base64', bare, { ...event, body, isBase64Encoded: true }],
    ['body base64 said to be text', bare, { ...event, body: Buffer.from(body).toString('base64'), isBase64Encoded: false }],
    [
      'body base64 of base64',
      bare,
      { ...event, body: Buffer.from(Buffer.from(body).toString('base64')).toString('base64'), isBase64Encoded: true },
    ],
    ['body base64 that holds none', bare, { ...event, body: '====', isBase64Encoded: true }],
    ['body in the URL alphabet', 'accepted', { ...event, body: Buffer.from(body).toString('base64url'), isBase64Encoded: true }],
    ['base64 flag null', 'accepted', { ...event, body, isBase64Encoded: null }],
    ['base64 flag left out', 'accepted', { ...event, body, isBase64Encoded: undefined }],
    ['base64 flag as text', 400, { ...event, isBase64Encoded: 'true' }],
    ['members of a prototype', 'accepted', JSON.parse(`{"__proto__":{"polluted":true},${JSON.stringify(event).slice(1)}`)],
  ];
};

const httpApiFaults = (event: ReturnType<typeof httpApiEvent>): readonly Altered[] => [
  ['without a version', 400, { ...event, version: undefined }],
  ['of version 3.0', 400, { ...event, version: '3.0' }],
  ['version as a number', 400, { ...event, version: 2 }],
  ['without a path', 400, { ...event, rawPath: undefined }],
  ['path null', 400, { ...event, rawPath: null }],
  ['without a context', 400, { ...event, requestContext: undefined }],
  ['context null', 400, { ...event, requestContext: null }],
  ['without a method', 400, { ...event, requestContext: { ...event.requestContext, http: {} } }],
  ['http null', 400, { ...event, requestContext: { ...event.requestContext, http: null } }],
  ['stage null', 'accepted', { ...event, requestContext: { ...event.requestContext, stage: null } }],
  [
    'a stage before the path',
    'accepted',
    { ...event, rawPath: `/prod${event.rawPath}`, requestContext: { ...event.requestContext, stage: 'prod' } },
  ],
  [
    'two stages before the path',
    404,
    { ...event, rawPath: `/prod/prod${event.rawPath}`, requestContext: { ...event.requestContext, stage: 'prod' } },
  ],
  ['a stage named like the path', 404, { ...event, requestContext: { ...event.requestContext, stage: 'webhooks' } }],
];

const restApiFaults = (event: ReturnType<typeof restApiEvent>, { proofs }: Target): readonly Altered[] => {
  const multi: Readonly<Record<string, readonly string[]>> = event.multiValueHeaders;
  const contradicted = (name: string, values: readonly (string | null)[] | null) => ({
    ...event,
    multiValueHeaders: { ...multi, [name]: values },
  });
  return [
    ['without a path', 400, { ...event, path: undefined }],
    ['method null', 400, { ...event, httpMethod: null }],
    ['one map only, single values', 'accepted', { ...event, multiValueHeaders: null }],
    ['one map only, lists of values', 'accepted', { ...event, headers: null }],
    ['a list that is none', 400, { ...event, multiValueHeaders: { 'x-invented': 'x' } }],
    ['version 1.0 of an HTTP API', 'accepted', { ...event, version: '1.0' }],
    ...proofs.flatMap((name): readonly Altered[] => [
      [`${name} the same value twice`, 'accepted', contradicted(name, [...(multi[name] ?? []), ...(multi[name] ?? [])])],
      [`${name} contradicted by the other map`, 401, contradicted(name, ['t=1,v1=1'])],
      [`${name} contradicted in capitals`, 401, contradicted(name.toUpperCase(), ['t=1,v1=1'])],
      [`${name} in one map only`, 'accepted', contradicted(name, null)],
      [`${name} with a list of null`, 400, contradicted(name, [null])],
    ]),
  ];
};

const NO_REQUESTS: Readonly<Record<string, unknown>> = {
  'null instead of an event': null,
  'a number instead of an event': 7,
  'a string instead of an event': canaries.body,
  'a list instead of an event': [],
  'an empty event': {},
  'an SQS event': { Records: [{ messageId: 'invented', body: canaries.body }] },
  'a scheduled event': { 'detail-type': 'Scheduled Event', source: 'aws.events', detail: {} },
  'a load balancer event': { requestContext: { elb: {} }, httpMethod: 'POST', headers: {}, body: canaries.body },
  'a socket event': { requestContext: { connectionId: 'invented', routeKey: '$connect' }, isBase64Encoded: false },
};

/** Events that no front door makes, or that one makes of an odd request. */
export const brokenEvents = (target: Target): readonly Case[] => {
  const genuine: WireRequest = signed(target);
  const [http, rest, body] = [httpApiEvent(genuine), restApiEvent(genuine), genuine.body.toString('utf8')];
  const cases = (door: string, altered: readonly Altered[]): readonly Case[] =>
    altered.map(([name, expected, event]) => ({ name: `${target.name}, ${door}: ${name}`, target, event, expected }));
  return [
    ...cases('HTTP API', [...sharedFaults(http, target, body), ...httpApiFaults(http)]),
    ...cases('REST API', [...sharedFaults(rest, target, body), ...restApiFaults(rest, target)]),
    ...cases(
      'no door',
      Object.entries(NO_REQUESTS).map(([name, event]) => [name, 400, event]),
    ),
  ];
};
