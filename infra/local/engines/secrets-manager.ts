import { createServer } from 'node:http';
import * as z from 'zod';
import { closeServer, listenOnLoopback, readBody, sendJson } from '../http.ts';
import { Problem } from '../problem.ts';
import type { SecretStore } from '../secret-store.ts';
import { SECRET_IDS } from '../secrets-file.ts';
import { ACCOUNT_ID, REGION } from './aws.ts';

export interface SecretsManagerEngine {
  readonly url: string;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Secrets Manager takes values of up to 64 KiB. */
const MAX_REQUEST_BYTES = 128 * 1024;

const Get = z.strictObject({ SecretId: z.string(), VersionStage: z.enum(['AWSCURRENT', 'AWSPREVIOUS']).default('AWSCURRENT') });
const Put = z.strictObject({ SecretId: z.string(), SecretString: z.string(), ClientRequestToken: z.string() });

const ok = (body: unknown): Answer => ({ status: 200, body });
const refuse = (type: string, message: string): Answer => ({ status: 400, body: { __type: type, Message: message } });

const arnOf = (id: string): string => `arn:aws:secretsmanager:${REGION}:${ACCOUNT_ID}:secret:${id}`;
const unknownSecret = refuse('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");

const get = (store: SecretStore, input: unknown): Answer => {
  const { SecretId, VersionStage } = Get.parse(input);
  const id = SECRET_IDS.find((known) => known === SecretId);
  if (id === undefined) return unknownSecret;
  const version = store.version(id, VersionStage);
  if (version === undefined) {
    const message = `Secrets Manager can't find the specified secret value for staging label: ${VersionStage}`;
    return refuse('ResourceNotFoundException', message);
  }
  return ok({
    ARN: arnOf(id),
    Name: id,
    VersionId: version.versionId,
    VersionStages: [VersionStage],
    SecretString: version.text,
    CreatedDate: version.createdAt.getTime() / 1000,
  });
};

const put = (store: SecretStore, input: unknown): Answer => {
  const { SecretId, SecretString, ClientRequestToken } = Put.parse(input);
  const id = SECRET_IDS.find((known) => known === SecretId);
  if (id === undefined) return unknownSecret;
  store.put(id, SecretString, ClientRequestToken);
  return ok({ ARN: arnOf(id), Name: id, VersionId: ClientRequestToken, VersionStages: ['AWSCURRENT'] });
};

const OPERATIONS: Readonly<Record<string, (store: SecretStore, input: unknown) => Answer>> = {
  'secretsmanager.GetSecretValue': get,
  'secretsmanager.PutSecretValue': put,
};

const answerTo = (store: SecretStore, target: unknown, body: Buffer | undefined): Answer => {
  const operation = typeof target === 'string' && Object.hasOwn(OPERATIONS, target) ? OPERATIONS[target] : undefined;
  if (operation === undefined)
    return refuse('UnknownOperationException', 'This endpoint knows GetSecretValue and PutSecretValue.');
  try {
    return operation(store, JSON.parse(body?.toString() ?? ''));
  } catch (error) {
    if (error instanceof Problem) return refuse('InvalidRequestException', error.message);
    if (error instanceof SyntaxError) return refuse('InvalidRequestException', 'Request and secret must be valid JSON.');
    if (error instanceof z.ZodError) return refuse('InvalidParameterException', z.prettifyError(error));
    throw error;
  }
};

/** Secrets Manager on loopback, as far as the functions and a rotation need it: AWS JSON 1.1, errors spelled as AWS does. */
export const startSecretsManager = async (store: SecretStore): Promise<SecretsManagerEngine> => {
  const server = createServer((request, response) => {
    void readBody(request, MAX_REQUEST_BYTES)
      .then((body) => answerTo(store, request.headers['x-amz-target'], body))
      .catch(() => ({ status: 500, body: { __type: 'InternalServiceError', Message: 'An error occurred on the server side.' } }))
      .then(({ status, body }) => sendJson(response, status, body, { 'content-type': 'application/x-amz-json-1.1' }));
  });
  return { url: await listenOnLoopback(server), close: () => closeServer(server) };
};
