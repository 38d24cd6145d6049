import type { ServerResponse } from 'node:http';
import * as z from 'zod';

const Answer = z.object({
  statusCode: z.coerce.number().int().min(100).max(599),
  headers: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).nullish(),
  cookies: z.array(z.string()).nullish(),
  body: z.string().nullish(),
  isBase64Encoded: z.boolean().nullish(),
});

const hasStatus = (value: unknown): boolean => typeof value === 'object' && value !== null && 'statusCode' in value;

const ANSWERLESS: z.infer<typeof Answer> = { statusCode: 500, body: '{"message":"Internal Server Error"}' };

/** Without a status code the value itself is the body. */
const answerOf = (value: unknown): z.infer<typeof Answer> =>
  hasStatus(value) ? (Answer.safeParse(value).data ?? ANSWERLESS) : { statusCode: 200, body: JSON.stringify(value) ?? 'null' };

/**
 * A function's return value as the answer that an HTTP API makes of it; one that is no answer becomes 500.
 * docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export const sendFunctionAnswer = (response: ServerResponse, value: unknown): void => {
  const { statusCode, headers, cookies, body, isBase64Encoded } = answerOf(value);
  const bytes = Buffer.from(body ?? '', isBase64Encoded === true ? 'base64' : 'utf8');
  for (const [name, header] of Object.entries(headers ?? {})) response.setHeader(name, header);
  if (cookies) response.setHeader('set-cookie', cookies);
  if (!response.hasHeader('content-type')) response.setHeader('content-type', 'application/json');
  response.writeHead(statusCode, { 'content-length': bytes.byteLength }).end(bytes);
};
