import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { closeServer, listenOnLoopback } from '../../infra/local/http.ts';

export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface TestServer {
  readonly origin: string;
  /** Every request so far, whole. */
  readonly asked: readonly Asked[];
  close(): Promise<void>;
}

/** A server on a free port for one test; `answer` gets each request when it has come in whole. */
export const startServer = async (answer: (asked: Asked, response: ServerResponse) => void): Promise<TestServer> => {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = '', url = '', headers } = request;
    const one = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
    asked.push(one);
    answer(one, response);
  });
  return { origin: await listenOnLoopback(server), asked, close: () => closeServer(server) };
};
