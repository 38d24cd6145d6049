import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Starts to listen on 127.0.0.1; `port` 0 takes any free one. Returns the URL without a slash at the end. Rejects with EADDRINUSE. */
export const listenOnLoopback = async (server: Server, port = 0): Promise<string> => {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo; // it listens on TCP
  return `http://127.0.0.1:${address.port}`;
};

/** No new connections, and none left when it resolves: requests in hand get `graceMs` to finish, idle sockets none. */
export const closeServer = async (server: Server, graceMs = 0): Promise<void> => {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  if (graceMs === 0) server.closeAllConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
};

/** The bytes of a body; undefined when there are more than `maxBytes`, and then the rest is not kept. */
export const readBody = async (request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  return size <= maxBytes ? Buffer.concat(chunks) : undefined;
};

export const sendJson = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void => {
  const text = JSON.stringify(body) ?? 'null';
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers })
    .end(text);
};
