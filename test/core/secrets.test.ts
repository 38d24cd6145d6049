import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  apiKeyOf,
  createSecretCache,
  REFRESH_MS,
  type SecretCache,
  STALE_MS,
  signingSecretsOf,
  TTL_MS,
} from '../../functions/core/secrets.ts';

const at = (text: string, createdAt?: Date) => ({ text, createdAt });
const NOW = new Date('2026-11-23T12:00:00Z');
const hoursAgo = (hours: number) => new Date(NOW.getTime() - hours * 3_600_000);

let problems: string[];
const heard = (problem: string) => void problems.push(problem);
beforeEach(() => {
  problems = [];
});

describe('signingSecretsOf', () => {
  const signing = (...secrets: string[]) => JSON.stringify({ signingSecrets: secrets });
  it('accepts the former secret for a day after a rotation, newest first', () => {
    const stored = { current: at(signing('new'), hoursAgo(23)), previous: at(signing('old')) };
    expect(signingSecretsOf(stored, NOW, heard)).toEqual(['new', 'old']);
    expect(signingSecretsOf({ ...stored, current: at(signing('new'), hoursAgo(24)) }, NOW, heard)).toEqual(['new']);
    expect(problems).toEqual([]);
  });
  it.each(['', 'whsec_plain', '{}', '{"signingSecrets":[]}', '{"signingSecrets":[""]}', '{"signingSecrets":"x"}', 'null'])(
    'has none in %j, and says so',
    (text) => {
      expect(signingSecretsOf({ current: at(text) }, NOW, heard)).toEqual([]);
      expect(problems).toEqual(['SECRET_MALFORMED']);
    },
  );
  it('has none while nothing was put in, and says so', () => {
    expect(signingSecretsOf({}, NOW, heard)).toEqual([]);
    expect(problems).toEqual(['SECRET_EMPTY']);
  });
  it('goes on with the former secret when the new one was put in wrongly, and says so', () => {
    expect(signingSecretsOf({ current: at('oops', hoursAgo(1)), previous: at(signing('old')) }, NOW, heard)).toEqual(['old']);
    expect(problems).toEqual(['SECRET_MALFORMED']);
  });
});

describe('apiKeyOf', () => {
  it('reads the documented form', () => {
    expect(apiKeyOf({ current: at('{"apiKey":"invented-key"}') }, heard)).toBe('invented-key');
    expect(problems).toEqual([]);
  });
  it.each(['{"apiKey":""}', '{"apiKey":"a b"}', '{"apiKey":"a\\nb"}', 'invented-key'])(
    'has none in %j, which could not stand in a header',
    (text) => {
      expect(apiKeyOf({ current: at(text) }, heard)).toBeUndefined();
      expect(problems).toEqual(['SECRET_MALFORMED']);
    },
  );
});

describe('secret cache', () => {
  let clock: number;
  let fetches: number;
  let answer: () => Promise<string>;
  let failures: number;
  let cache: SecretCache<string>;
  beforeEach(() => {
    clock = 1_000_000;
    fetches = 0;
    failures = 0;
    answer = async () => 'one';
    const read = () => {
      fetches += 1;
      return answer();
    };
    cache = createSecretCache({ read, now: () => new Date(clock), onFailure: () => (failures += 1) });
  });
  const down = async () => {
    throw new Error('down');
  };

  it('fetches once for many that ask at the same time', async () => {
    expect(await Promise.all([cache.get(), cache.get(), cache.refresh()])).toEqual(['one', 'one', 'one']);
    expect(fetches).toBe(1);
  });
  it('fetches again after its time to live', async () => {
    await cache.get();
    answer = async () => 'two';
    clock += TTL_MS - 1;
    expect(await cache.get()).toBe('one');
    clock += 1;
    expect(await cache.get()).toBe('two');
  });
  it('serves a known value for a day while the store is down, and asks no more than twice a minute', async () => {
    await cache.get();
    answer = down;
    clock += TTL_MS;
    expect(await cache.get()).toBe('one');
    expect(await cache.get()).toBe('one');
    expect([fetches, failures]).toEqual([2, 1]);
    clock += REFRESH_MS;
    expect(await cache.get()).toBe('one');
    expect(fetches).toBe(3);
    clock += STALE_MS;
    await expect(cache.get()).rejects.toMatchObject({ name: 'DependencyError', code: 'SECRETS' });
  });
  it('throws when it never had a value, and tries again at the next event', async () => {
    answer = down;
    await expect(cache.get()).rejects.toMatchObject({ code: 'SECRETS' });
    answer = async () => 'late';
    expect(await cache.get()).toBe('late');
  });
  it('refreshes a value that proved wrong, at most once per 30 s', async () => {
    await cache.get();
    answer = async () => 'two';
    expect(await cache.refresh()).toBe('one');
    clock += REFRESH_MS;
    expect(await cache.refresh()).toBe('two');
    for (let forged = 0; forged < 100; forged += 1) await cache.refresh();
    expect(fetches).toBe(2);
  });
});
