import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { compactVerify, exportJWK, exportSPKI, SignJWT } from 'jose';
import * as z from 'zod';
import {
  claimsOf,
  isGoodAt,
  readCertificates,
  readJwks,
  readToken,
  type SignatureAlgorithm,
  type Token,
  verifyKeyToken,
  verifyMacToken,
} from '../../functions/sources/jwt.ts';

const ok = { ok: true };
const refusal = (code: string) => ({ ok: false, code });
const malformed = refusal('SIGNATURE_MALFORMED');
const mismatch = refusal('SIGNATURE_MISMATCH');
const unknownKey = refusal('KEY_UNKNOWN');

const PAIRS = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: generateKeyPairSync('ed25519'),
};
type Named = keyof typeof PAIRS;
const NAMES = Object.keys(PAIRS) as Named[];
const SECRET = 'invented-secret-that-is-long-enough-for-every-one-of-the-algorithms';
const CLAIMS = { sub: 'u_invented', iss: 'https://issuer.example' };

/** The keys under the names of their algorithms, as a vendor's page would have them. */
const jwkOf = async (name: Named) => ({ ...(await exportJWK(PAIRS[name].publicKey)), kid: name, use: 'sig' });
const KEYS = readJwks({ keys: await Promise.all(NAMES.map(jwkOf)) });
const ALL: readonly SignatureAlgorithm[] = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'EdDSA'];

const byJose = (alg: string, key: KeyObject | Uint8Array, header: object = {}) =>
  new SignJWT(CLAIMS).setProtectedHeader({ alg, ...header }).sign(key);
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
/** A token that no library would make. */
const forged = (header: object, signed: (input: Buffer) => Uint8Array, claims: unknown = CLAIMS): string => {
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${Buffer.from(signed(Buffer.from(input))).toString('base64url')}`;
};
const tokenOf = (text: string): Token => {
  const token = readToken(text);
  if (token === undefined) throw new Error('the test made no token');
  return token;
};
/** No token counts as malformed, as the sources have it. */
const verifyKey = (text: string, algorithms = ALL, keys = KEYS) => {
  const token = readToken(text);
  return token === undefined ? malformed : verifyKeyToken(token, { algorithms, keys });
};
const verifyMac = (text: string, secrets: readonly string[] = [SECRET]) => {
  const token = readToken(text);
  return token === undefined ? malformed : verifyMacToken(token, secrets);
};
const joseTakes = (text: string, key: KeyObject | Uint8Array, algorithms: readonly string[]) =>
  compactVerify(text, key, { algorithms: [...algorithms] }).then(
    () => true,
    () => false,
  );
const altered = (text: string, at: number, to: (part: string) => string): string =>
  text
    .split('.')
    .map((one, index) => (index === at ? to(one) : one))
    .join('.');

describe('a token under a private key', () => {
  const cases = [
    ['RS256', 'RS256'],
    ['RS384', 'RS256'],
    ['RS512', 'RS256'],
    ['ES256', 'ES256'],
    ['ES384', 'ES384'],
    ['EdDSA', 'EdDSA'],
  ] as const;

  it.each(cases)('%s: passes as jose signs it, and by that algorithm alone', async (alg, name) => {
    const text = await byJose(alg, PAIRS[name].privateKey, { kid: name });
    expect(verifyKey(text, [alg])).toEqual(ok);
    expect(verifyKey(text)).toEqual(ok);
    expect(
      verifyKey(
        text,
        ALL.filter((other) => other !== alg),
      ),
    ).toEqual(malformed);
    expect(claimsOf(tokenOf(text), z.object({ sub: z.string() }))).toEqual({ sub: 'u_invented' });
  });

  it.each(cases)('%s: does not pass with any bit of it changed, in jose neither', async (alg, name) => {
    const { privateKey, publicKey } = PAIRS[name];
    const text = await byJose(alg, privateKey, { kid: name });
    // Not the very last character, whose spare bits jose ignores and we do not: see below.
    const starts = [0, text.indexOf('.') + 1, text.lastIndexOf('.') + 1];
    const changed = starts.flatMap((start, index) => {
      const end = (starts[index + 1] ?? text.length + 1) - 1;
      return [start, Math.floor((start + end) / 2), end - 2].map(
        (at) => `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`,
      );
    });
    expect(changed.filter((one) => verifyKey(one).ok)).toEqual([]);
    const taken = await Promise.all(changed.map((one) => joseTakes(one, publicKey, [alg])));
    expect(taken.filter(Boolean)).toEqual([]);
  });

  it('passes by the only key there is when it names none, and not by one of several', async () => {
    const text = await byJose('ES256', PAIRS.ES256.privateKey);
    expect(verifyKey(text, ALL, new Map([['any', PAIRS.ES256.publicKey]]))).toEqual(ok);
    expect(verifyKey(text)).toEqual(unknownKey);
    expect(verifyKey(text, ALL, new Map())).toEqual(unknownKey);
  });

  it.each(['another', 'constructor', '__proto__'])('is unknown under the key %s', async (kid) => {
    const text = await byJose('ES256', PAIRS.ES256.privateKey, { kid });
    expect(verifyKey(text)).toEqual(unknownKey);
    expect(verifyKey(text, ALL, new Map([['ES256', PAIRS.ES256.publicKey]]))).toEqual(unknownKey);
  });

  it('does not pass by another key of the same kind', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(verifyKey(await byJose('ES256', privateKey, { kid: 'ES256' }))).toEqual(mismatch);
  });

  it.each(NAMES.flatMap((alg) => NAMES.filter((name) => name !== alg).map((name) => [alg, name] as const)))(
    '%s: does not pass by the key of %s',
    async (alg, name) => {
      expect(verifyKey(await byJose(alg, PAIRS[alg].privateKey, { kid: name }))).toEqual(mismatch);
    },
  );

  it('says the algorithm of its key: another digest, or another curve, is none of ours', async () => {
    const bytes = (digest: string, key: KeyObject) => (input: Buffer) => sign(digest, input, { key, dsaEncoding: 'ieee-p1363' });
    const strange = [
      ['ES256', 'ES384', bytes('sha256', PAIRS.ES384.privateKey)],
      ['ES384', 'ES256', bytes('sha384', PAIRS.ES256.privateKey)],
      ['RS256', 'RS256', bytes('sha512', PAIRS.RS256.privateKey)],
    ] as const;
    for (const [alg, kid, signed] of strange) {
      const text = forged({ alg, kid }, signed);
      expect(verifyKey(text)).toEqual(mismatch);
      expect(await joseTakes(text, PAIRS[kid].publicKey, [alg])).toBe(false);
    }
  });

  it('takes no ECDSA signature in DER, the other spelling of the same numbers', () => {
    const text = forged({ alg: 'ES256', kid: 'ES256' }, (input) => sign('sha256', input, PAIRS.ES256.privateKey));
    expect(verifyKey(text)).toEqual(mismatch);
  });

  it.each(['none', 'None', 'NONE', '', 'HS256', 'PS256', 'constructor', 'rs256'])(
    'does not pass by the algorithm "%s"',
    (alg) => {
      for (const bytes of [Buffer.from('x'), sign('sha256', Buffer.from('x'), PAIRS.RS256.privateKey)])
        expect(verifyKey(forged({ alg, kid: 'RS256' }, () => bytes))).toEqual(malformed);
      expect(verifyKey(`${part({ alg, kid: 'RS256' })}.${part(CLAIMS)}.`)).toEqual(malformed);
    },
  );

  it('does not pass by a public key that is taken for a secret', async () => {
    const page = JSON.stringify(await jwkOf('RS256'));
    const spki = await exportSPKI(PAIRS.RS256.publicKey);
    const der = PAIRS.RS256.publicKey.export({ format: 'der', type: 'spki' });
    for (const secret of [page, spki, spki.trim(), der, Buffer.alloc(0)]) {
      const text = forged({ alg: 'HS256', kid: 'RS256' }, (input) => createHmac('sha256', secret).update(input).digest());
      expect(verifyKey(text)).toEqual(malformed);
      expect(verifyKey(text, ['RS256'])).toEqual(malformed);
    }
    const posing = forged({ alg: 'RS256', kid: 'RS256' }, (input) => createHmac('sha256', spki).update(input).digest());
    expect(verifyKey(posing)).toEqual(mismatch);
  });
});

describe('a token under a shared secret', () => {
  it.each(['HS256', 'HS384', 'HS512'])('%s: passes as jose signs it, under any of the secrets', async (alg) => {
    const text = await byJose(alg, Buffer.from(SECRET));
    expect(verifyMac(text)).toEqual(ok);
    expect(verifyMac(text, ['another', SECRET])).toEqual(ok);
    expect(verifyMac(text, ['another'])).toEqual(mismatch);
    expect(verifyMac(text, [])).toEqual(mismatch);
  });

  it.each(['none', 'RS256', 'ES256', 'EdDSA', 'HS1', 'toString', '__proto__'])('does not pass by the algorithm "%s"', (alg) => {
    expect(verifyMac(forged({ alg }, (input) => createHmac('sha256', SECRET).update(input).digest()))).toEqual(malformed);
  });

  it('does not pass by the digest of another algorithm', () => {
    expect(verifyMac(forged({ alg: 'HS512' }, (input) => createHmac('sha256', SECRET).update(input).digest()))).toEqual(mismatch);
  });

  it('does not pass under an empty secret', () => {
    for (const secret of ['', ' ']) {
      const text = forged({ alg: 'HS256' }, (input) => createHmac('sha256', secret).update(input).digest());
      expect(verifyMac(text, [secret])).toEqual(mismatch);
    }
  });
});

describe('reading a token', () => {
  const good = forged({ alg: 'HS256' }, (input) => createHmac('sha256', SECRET).update(input).digest());

  it('reads the form in which it was written', () => {
    expect(verifyMac(good)).toEqual(ok);
  });

  it.each([
    ['nothing', ''],
    ['two parts', good.split('.').slice(0, 2).join('.')],
    ['a fourth part', `${good}.e30`],
    ['an empty part', good.replace(/\.[^.]*\./, '..')],
    ['an empty signature', altered(good, 2, () => '')],
    ['padding', `${good}=`],
    ['space around it', ` ${good}`],
    ['a line end', `${good}\n`],
    ['the alphabet of plain base64', altered(good, 2, (text) => `+/${text.slice(2)}`)],
    ['a header that is no JSON', altered(good, 0, () => 'e30x')],
    ['a header that is a list', altered(good, 0, () => part([]))],
    ['a header without an algorithm', altered(good, 0, () => part({ typ: 'JWT' }))],
    ['an algorithm that is no text', altered(good, 0, () => part({ alg: ['HS256'] }))],
    ['a key id that is no text', altered(good, 0, () => part({ alg: 'HS256', kid: 7 }))],
    ['an empty key id', altered(good, 0, () => part({ alg: 'HS256', kid: '' }))],
    ['a key id without end', altered(good, 0, () => part({ alg: 'HS256', kid: 'x'.repeat(513) }))],
    ['a header above 2 KiB', altered(good, 0, () => part({ alg: 'HS256', x: 'x'.repeat(2048) }))],
    ['claims above 256 KiB', altered(good, 1, () => part('x'.repeat(262_144)))],
    ['a signature above 2 KiB', altered(good, 2, () => 'x'.repeat(2049))],
  ])('refuses %s', (_, text) => {
    expect(readToken(text)).toBeUndefined();
  });

  it.each([[['b64']], [['exp']], [[]], null, 'exp'])('refuses an extension that must be understood: crit %j', (crit) => {
    const text = forged({ alg: 'HS256', crit, b64: false }, (input) => createHmac('sha256', SECRET).update(input).digest());
    expect(readToken(text)).toBeUndefined();
  });

  it('refuses a second spelling of a signature: the spare bits of its last character', () => {
    const { length } = good;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const spellings = [...alphabet].map((last) => good.slice(0, length - 1) + last);
    const bytes = Buffer.from(good.split('.')[2] ?? '', 'base64url');
    const same = spellings.filter((text) => Buffer.from(text.split('.')[2] ?? '', 'base64url').equals(bytes));
    expect(same).toHaveLength(4);
    expect(same.filter((text) => verifyMac(text).ok)).toEqual([good]);
  });

  it('takes no claims of another form, and none that are no JSON', () => {
    const schema = z.object({ sub: z.string() });
    const token = (claims: string) => tokenOf(altered(good, 1, () => Buffer.from(claims).toString('base64url')));
    expect(claimsOf(token('{"sub":"u_1","more":1}'), schema)).toEqual({ sub: 'u_1' });
    for (const claims of ['{"sub":1}', '[]', '"sub"', '{"sub":', '['.repeat(100)])
      expect(claimsOf(token(claims), schema)).toBeUndefined();
  });
});

describe('isGoodAt', () => {
  const at = (seconds: number) => new Date(seconds * 1000);
  const T = 1_793_000_000;
  it.each([
    ['no times at all', {}, T, true],
    ['300 s past its end', { exp: T - 300 }, T, true],
    ['301 s past its end', { exp: T - 301 }, T, false],
    ['a millisecond more than 300 s past its end', { exp: T - 300 }, T + 0.001, false],
    ['300 s before its begin', { nbf: T + 300 }, T, true],
    ['301 s before its begin', { nbf: T + 301 }, T, false],
    ['made in the future, with no limit of age', { iat: T + 9999 }, T, true],
    ['an end at the epoch', { exp: 0 }, T, false],
    ['a moment that is none', { exp: T, nbf: T }, Number.NaN, false],
  ])('%s', (_, times, moment, expected) => {
    expect(isGoodAt(times, at(moment))).toBe(expected);
  });

  it.each([
    ['the age itself', { iat: T - 3600 }, T, true],
    ['a second more than the age', { iat: T - 3601 }, T, false],
    ['a clock that is 300 s behind', { iat: T + 300 }, T, true],
    ['a clock that is 301 s behind', { iat: T + 301 }, T, false],
    ['no word on when it was made', { exp: T + 60 }, T, false],
    ['young enough, and past its end', { iat: T - 400, exp: T - 301 }, T, false],
    ['a moment that is none', { iat: T }, Number.NaN, false],
  ])('with a limit of age: %s', (_, times, moment, expected) => {
    expect(isGoodAt(times, at(moment), { maxAgeSeconds: 3600 })).toBe(expected);
  });
});

describe('a page of public keys', () => {
  it('is read by name, without what is no key, has no name, or is for something else', async () => {
    const good = await jwkOf('RS256');
    const { kid: _, ...nameless } = good;
    const junk = [
      null,
      'text',
      [],
      {},
      nameless,
      { ...good, kid: '' },
      { ...good, kid: 7 },
      { ...good, kid: 'encryption', use: 'enc' },
      { ...good, kid: 'no type', kty: undefined },
      { ...good, kid: 'another type', kty: 'EC' },
      { ...good, kid: 'no modulus', n: undefined },
      { ...(await jwkOf('ES256')), kid: 'not on the curve', x: 'AAAA' },
      { kid: 'a secret', kty: 'oct', k: 'c2VjcmV0' },
    ];
    const { use: __, ...unsaid } = { ...good, kid: 'for anything' };
    const keys = readJwks({ keys: [...junk, good, unsaid, { ...good, kid: 'null', use: null }] });
    expect([...keys.keys()]).toEqual(['RS256', 'for anything', 'null']);
  });

  it('keeps the public half only, whatever stands there', () => {
    const jwk = { ...PAIRS.RS256.privateKey.export({ format: 'jwk' }), kid: 'leaked' };
    expect(readJwks({ keys: [jwk] }).get('leaked')?.type).toBe('public');
  });

  it('has at most 32 of them', async () => {
    const good = await jwkOf('ES256');
    const keys = Array.from({ length: 40 }, (_, index) => ({ ...good, kid: String(index) }));
    expect(readJwks({ keys }).size).toBe(32);
  });

  it('may be empty', () => {
    expect(readJwks({ keys: [] }).size).toBe(0);
  });

  it.each([undefined, null, '', '<html>', [], {}, { keys: {} }, { keys: null }, { error: 'none' }])('is not %j', (page) => {
    expect(() => readJwks(page)).toThrow(z.ZodError);
  });
});

describe('a page of certificates', () => {
  /** Made by openssl, as the token is; the private key was thrown away. */
  const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIDDzCCAfegAwIBAgIURM3DpAHNB3taqQJ76rM9FtMqq1MwDQYJKoZIhvcNAQEL
BQAwFzEVMBMGA1UEAwwMa2V5cy5leGFtcGxlMB4XDTI2MTEyNDE2NDk0N1oXDTQ2
MTExOTE2NDk0N1owFzEVMBMGA1UEAwwMa2V5cy5leGFtcGxlMIIBIjANBgkqhkiG
9w0BAQEFAAOCAQ8AMIIBCgKCAQEAz4w077eEyBHM+lwYbI9Yd18xyd72cisSBoku
ebq2pcd3vBnj6XaBoStqA2thvQ05pI7u7wNMpJAk9ilUy7yPsyaYvcYHQabi6S4y
i+J61UAnPFkf9zoBzG+yit3Yk8GDW3faJgDTXbDM/5U+k4W5EDjstm3mCYJYdx5g
N8/cBdiFnqUBnY4zxTV+UkUjlL9SuNJqRit25leONZiHUZJkut6ivZ1TzrtIMd1E
jsZIHPYtJ+XeABJxASrn3hzzaIzgKSBQNQJodZB6hNXAU7oB0x3WXK6H69DGV2+c
QMa7Mz3Eqk+aHS+I9rf+bkYavL9kHssRV+tV7OoS2nXWTkezcwIDAQABo1MwUTAd
BgNVHQ4EFgQUvnaZv6Iabe78sQ7myhi222XejBkwHwYDVR0jBBgwFoAUvnaZv6Ia
be78sQ7myhi222XejBkwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOC
AQEACTU15W8J9YNFfzIna/3ZYkg7AlHevLILUP/pRryvJq9yJFhHYwLy/kz4QrcQ
JDq6McgLU9a2tsFKZi8KCYOgjKy7x4JMCOsZzhVcoVUy7+TQSWOV7QCZ4bHpaPaw
PbSc0mMoWJa7krQ3M2Dp3Hp928/vUD62ZbMUvvVrRCtFrusWsBj6Sm37nXSQXidZ
UaXn/W6P1be6kqTDZ3iGcN79Q1FwpdBYqMxbkRKF8DO3OlBTBLaZxy76sTlWwU+i
VBE4yBsAT/bg9n6gSQv8jxvV5+oKWenD1m71aT3LVnbsm2xMvKhDsjkur4K1SUnv
qduRx85d27nwAqPAjqVJZs/VMw==
-----END CERTIFICATE-----
`;
  const TOKEN = [
    'eyJhbGciOiJSUzI1NiIsImtpZCI6ImludmVudGVkLTEifQ',
    'eyJzdWIiOiJpbnZlbnRlZCJ9',
    'mhbv7gDCIL5smTb-byXmSegjKdWN6JWRjbqSTocU1uZ4kp6K3fVmbtInpuuSHjH5POp9rgRsNUhJfP5vMl7NnXylVXJVBKp6cSbSXiKBOiPiv99M82NDZfKIU5BvF5LJl-awQMHvCp2iDUvGrQLhzgXhevcXk4-lIuFbObVzJGQH82dh1OzdgHHbGIFp98_ELPgA7Lyc5jbC21vVe9RS6IL6TnpyXuFZr8CEAx0QAm1NhOr9IrXswd6ZN_e1O9ddlq_0udAp1sTSNHL8sm8Kd4bnOx_YQAUq3qANQ7QTa_TY5W_HatKp-Vdj-4BSRlhb5Pg2n7FCYt79YA5Xkk_wlQ',
  ].join('.');

  it('is read by name, without what is no certificate', () => {
    const keys = readCertificates({
      'invented-1': CERTIFICATE,
      junk: 'text',
      empty: '',
      bare: PAIRS.RS256.publicKey.export({ format: 'pem', type: 'spki' }),
    });
    expect([...keys.keys()]).toEqual(['invented-1']);
    expect(verifyKey(TOKEN, ['RS256'], keys)).toEqual(ok);
    expect(
      verifyKey(
        altered(TOKEN, 1, () => part({ sub: 'another' })),
        ['RS256'],
        keys,
      ),
    ).toEqual(mismatch);
  });

  it.each([undefined, null, '', [CERTIFICATE], { a: 1 }, { a: null }])('is not %j', (page) => {
    expect(() => readCertificates(page)).toThrow(z.ZodError);
  });
});
