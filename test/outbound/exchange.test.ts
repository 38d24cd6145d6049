import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Exchange, type ExchangeOptions, exchange, jsonOf, retryAfterSeconds } from '../../functions/outbound/exchange.ts';
import { type Asked, startServer, type TestServer } from '../support/http-server.ts';

const servers: TestServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));
const serve = async (answer: (asked: Asked, response: ServerResponse) => void): Promise<TestServer> => {
  const server = await startServer(answer);
  servers.push(server);
  return server;
};
const ask = (url: string, changes: Partial<Exchange> = {}, options: ExchangeOptions = {}) =>
  exchange({ method: 'GET', url, headers: {}, timeoutMs: 10_000, maxBytes: 100, ...changes }, options);

describe('a request', () => {
  it('goes out as it is, with its body', async () => {
    const { origin, asked } = await serve((_, response) => response.end('{}'));
    await ask(`${origin}/v1/users?limit=2`, { method: 'POST', headers: { 'x-invented': 'yes' }, body: '{"name":"Zoë"}' });
    await ask(`${origin}/v1/users`);
    expect(asked).toMatchObject([
      { method: 'POST', url: '/v1/users?limit=2', headers: { 'x-invented': 'yes' }, body: '{"name":"Zoë"}' },
      { method: 'GET', url: '/v1/users', body: '' },
    ]);
  });

  it.each([200, 204, 404, 429, 500])('takes %i for an answer', async (status) => {
    const { origin } = await serve((_, response) => response.writeHead(status, { 'Retry-After': '7' }).end());
    const answer = await ask(origin);
    expect(answer).toMatchObject({ status, text: '', isWhole: true });
    expect(answer.headers.get('retry-after')).toBe('7');
  });

  it('follows no redirect', async () => {
    const elsewhere = await serve((_, response) => response.end('stolen'));
    const { origin } = await serve((_, response) => response.writeHead(307, { location: elsewhere.origin }).end());
    expect((await ask(origin, { headers: { authorization: 'Bearer invented' } })).status).toBe(307);
    expect(elsewhere.asked).toEqual([]);
  });
});

describe('a body', () => {
  it('is read up to the cap, in bytes, and what is longer counts as none', async () => {
    const { origin } = await serve(({ url }, response) => response.end(url === '/whole' ? 'é'.repeat(50) : `${'é'.repeat(50)}!`));
    expect(await ask(`${origin}/whole`)).toMatchObject({ text: 'é'.repeat(50), isWhole: true });
    expect(await ask(`${origin}/longer`)).toMatchObject({ status: 200, text: '', isWhole: false });
  });

  it('that never ends is let go of', async () => {
    const gone = Promise.withResolvers<void>();
    const { origin } = await serve((_, response) => {
      const more = () => void response.write('x'.repeat(1000), (error) => (error ? undefined : more()));
      response.on('close', gone.resolve);
      more();
    });
    expect(await ask(origin)).toMatchObject({ text: '', isWhole: false });
    await gone.promise;
  });

  it('may arrive in the middle of a character', async () => {
    const { origin } = await serve((_, response) => {
      const [first, ...rest] = Buffer.from('ü');
      response.write(Buffer.from([first ?? 0]), () => response.end(Buffer.from(rest)));
    });
    expect((await ask(origin)).text).toBe('ü');
  });
});

describe('no answer', () => {
  /** Aborts when it is told to, instead of after a time. */
  const limit = () => {
    const controller = new AbortController();
    const asked: number[] = [];
    const abortAfter = (milliseconds: number) => {
      asked.push(milliseconds);
      return controller.signal;
    };
    return { abortAfter, asked, end: () => controller.abort() };
  };

  it.each([
    ['headers', () => undefined],
    ['the rest of the body', (response: ServerResponse) => response.write('{"half":')],
  ])('comes when the time is up before %s', async (_, begin) => {
    const { abortAfter, asked, end } = limit();
    const { origin } = await serve((_asked, response) => {
      begin(response);
      setImmediate(end);
    });
    await expect(ask(origin, { timeoutMs: 4321 }, { abortAfter })).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(asked).toEqual([4321]);
  });

  it('comes after the real time when nothing else is said', async () => {
    const { origin } = await serve(() => undefined);
    await expect(ask(origin, { timeoutMs: 20 })).rejects.toMatchObject({ name: 'NoAnswer', code: 'UNREACHABLE' });
  });

  it.each([
    ['before the headers', () => undefined],
    ['within the body', (response: ServerResponse) => response.writeHead(200, { 'content-length': 50 }).write('{"half":')],
  ])('comes of a connection that ends %s', async (_, begin) => {
    const { origin } = await serve((_asked, response) => {
      begin(response);
      setImmediate(() => response.destroy());
    });
    await expect(ask(origin)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('comes from where nobody listens', async () => {
    const { origin, close } = await serve(() => undefined);
    await close();
    await expect(ask(origin)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });
});

describe('jsonOf', () => {
  it.each(['', '{', 'undefined', '<html>', '\ufeff{}'])('%j is none', (text) => {
    expect(jsonOf(text)).toBeUndefined();
  });
  it('reads what is one', () => {
    expect([jsonOf('{"a":[1]}'), jsonOf('null')]).toEqual([{ a: [1] }, null]);
  });
});

describe('retryAfterSeconds', () => {
  const NOW = new Date('2026-11-23T12:00:00.500Z');
  it.each([
    [null, undefined],
    ['7', 7],
    ['0', 0],
    ['0.2', 1],
    ['999999', 999_999],
    ['Mon, 23 Nov 2026 12:01:00 GMT', 60],
    ['Mon, 23 Nov 2026 11:00:00 GMT', 0],
    ['', undefined],
    [' ', undefined],
    ['-5', undefined],
    ['1e3', undefined],
    ['1000000', undefined],
    ['2026-11-23', undefined],
    ['soon', undefined],
    ['Mon, whenever GMT', undefined],
  ])('%j is %j', (value, expected) => {
    expect(retryAfterSeconds(value, NOW)).toBe(expected);
  });
});
