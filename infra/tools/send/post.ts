import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';
import * as z from 'zod';
import { codeOf } from '../../local/problem.ts';

/** How one event fared, and why where the answer says so. */
export interface Fate {
  readonly kind: 'accepted' | 'ignored' | 'parked' | 'refused' | 'failed';
  /** A code of the answer, an HTTP status, or a code of the network. */
  readonly reason?: string;
  readonly milliseconds: number;
}

export interface Poster {
  /** Never rejects: no answer is a fate too. */
  post(url: string, body: Uint8Array, headers: Readonly<Record<string, string>>): Promise<Fate>;
  close(): void;
}

const PATIENCE_MS = 30_000;

/** What receive answers with; other answers (a Cognito trigger's event) say no more than their status. */
const Answer = z.object({ status: z.enum(['accepted', 'ignored', 'parked']).catch('accepted'), code: z.string().optional() });

const parse = (body: string): z.infer<typeof Answer> => {
  try {
    return Answer.safeParse(JSON.parse(body)).data ?? { status: 'accepted' };
  } catch {
    return { status: 'accepted' };
  }
};

const fateOf = (status: number, body: string): Omit<Fate, 'milliseconds'> => {
  const answer = parse(body);
  const code = answer.code === undefined ? {} : { reason: answer.code };
  if (status >= 200 && status < 300) return { kind: answer.status, ...code };
  return {
    kind: status >= 500 ? 'failed' : 'refused',
    reason: [status, answer.code].filter((part) => part !== undefined).join(' '),
  };
};

/** Connections are kept open between requests; not more of them than `concurrency`. */
export const createPoster = (concurrency: number): Poster => {
  const plain = new HttpAgent({ keepAlive: true, maxSockets: concurrency });
  const secure = new HttpsAgent({ keepAlive: true, maxSockets: concurrency });

  const exchange = (url: URL, body: Uint8Array, headers: Readonly<Record<string, string>>) =>
    new Promise<Omit<Fate, 'milliseconds'>>((resolve, reject) => {
      const common = {
        method: 'POST',
        headers: { ...headers, 'content-length': body.byteLength },
        signal: AbortSignal.timeout(PATIENCE_MS),
      };
      const request =
        url.protocol === 'https:'
          ? requestHttps(url, { ...common, agent: secure })
          : requestHttp(url, { ...common, agent: plain });
      request.on('error', reject);
      request.on('response', (response) => {
        text(response).then((answer) => resolve(fateOf(response.statusCode ?? 0, answer)), reject);
      });
      request.end(body);
    });

  return {
    async post(url, body, headers) {
      const start = performance.now();
      const fate = await exchange(new URL(url), body, headers).catch((error: unknown) => {
        return { kind: 'failed', reason: codeOf(error) ?? 'no answer' } as const;
      });
      return { ...fate, milliseconds: performance.now() - start };
    },
    close() {
      plain.destroy();
      secure.destroy();
    },
  };
};
