import * as z from 'zod';

const Names = z.record(z.string(), z.string().nullish()).nullish();
const Body = { body: z.string().nullish(), isBase64Encoded: z.boolean().nullish() };

/** API Gateway HTTP API (payload 2.0) and Function URL. */
const V2 = z.object({
  version: z.literal('2.0'),
  rawPath: z.string(),
  headers: Names,
  queryStringParameters: Names,
  requestContext: z.object({ stage: z.string().nullish(), http: z.object({ method: z.string() }) }),
  ...Body,
});
/** API Gateway REST API (payload 1.0), and HTTP APIs set to it. */
const V1 = z.object({
  httpMethod: z.string(),
  path: z.string(),
  headers: Names,
  multiValueHeaders: z.record(z.string(), z.array(z.string()).nullish()).nullish(),
  queryStringParameters: Names,
  ...Body,
});

export interface HttpEvent {
  readonly method: string;
  readonly path: string;
  /** Lower-case names; repeated ones joined by comma, as HTTP API does it. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decoded. */
  readonly query: Readonly<Record<string, string>>;
  /** The bytes on the wire. */
  readonly body: Uint8Array;
}

/** A stage other than $default stands before the path of an HTTP API. */
const withoutStage = (path: string, stage: string | null | undefined): string =>
  stage && stage !== '$default' && path.startsWith(`/${stage}/`) ? path.slice(stage.length + 1) : path;

const headersOf = (
  single: z.infer<typeof Names>,
  multi: z.infer<typeof V1>['multiValueHeaders'] = undefined,
): Readonly<Record<string, string>> => {
  const values = new Map<string, Set<string>>();
  const add = (name: string, value: string) => {
    const key = name.toLowerCase();
    values.set(key, (values.get(key) ?? new Set()).add(value));
  };
  for (const [name, list] of Object.entries(multi ?? {})) for (const value of list ?? []) add(name, value);
  // REST v1 repeats one value of `multiValueHeaders` here; the set swallows it.
  for (const [name, value] of Object.entries(single ?? {})) if (typeof value === 'string') add(name, value);
  return Object.fromEntries([...values].map(([name, set]) => [name, [...set].join(',')]));
};

const queryOf = (query: z.infer<typeof Names>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(query ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

const bytesOf = ({ body, isBase64Encoded }: z.infer<typeof V1> | z.infer<typeof V2>): Uint8Array =>
  Buffer.from(body ?? '', isBase64Encoded === true ? 'base64' : 'utf8');

/** One form for API Gateway HTTP API, REST API and Function URL events; undefined when it is none of them. */
export const readHttpEvent = (event: unknown): HttpEvent | undefined => {
  const v2 = V2.safeParse(event).data;
  if (v2 !== undefined) {
    const { rawPath, headers, requestContext } = v2;
    return {
      method: requestContext.http.method,
      path: withoutStage(rawPath, requestContext.stage),
      headers: headersOf(headers),
      query: queryOf(v2.queryStringParameters),
      body: bytesOf(v2),
    };
  }
  const v1 = V1.safeParse(event).data;
  if (v1 === undefined) return undefined;
  return {
    method: v1.httpMethod,
    path: v1.path,
    headers: headersOf(v1.headers, v1.multiValueHeaders),
    query: queryOf(v1.queryStringParameters),
    body: bytesOf(v1),
  };
};
