import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { RawRequest } from '../../functions/core/request.ts';
import {
  svixId,
  textKeys,
  verifyAuthorization,
  verifyHmac,
  verifyStripe,
  verifySvix,
  verifyText,
} from '../../functions/sources/signatures.ts';

/** The schemes themselves. What a vendor's library signs and a vendor's fixtures are in the tests of the sources. */
const SECONDS = 1_793_000_000;
const T = String(SECONDS);
const BODY = Buffer.from('{"id":"invented","name":"Zoë"}');
const receivedAt = new Date(SECONDS * 1000);

const ok = { ok: true };
const refusal = (code: string) => ({ ok: false, code });
const malformed = refusal('SIGNATURE_MALFORMED');
const mismatch = refusal('SIGNATURE_MISMATCH');
const late = refusal('TIMESTAMP_OUTSIDE_TOLERANCE');

/** What an attacker would also compute, had he the key. */
const hmac = (key: Buffer, prefix: string) => createHmac('sha256', key).update(prefix).update(BODY).digest();
const requestWith = (headers: RawRequest['headers'], changes: Partial<RawRequest> = {}): RawRequest => ({
  headers,
  body: BODY,
  receivedAt,
  ...changes,
});
const secondsLater = (offset: number) => ({ receivedAt: new Date((SECONDS + offset) * 1000) });

const KEY = Buffer.from('invented-signing-key-for-tests-1');
const OTHER_KEY = Buffer.from('invented-signing-key-for-tests-2');

describe('Svix', () => {
  const secretOf = (key: Buffer) => `whsec_${key.toString('base64')}`;
  const SECRET = secretOf(KEY);
  const ID = 'msg_invented-1';
  const sign = (key: Buffer, id = ID, timestamp = T) => `v1,${hmac(key, `${id}.${timestamp}.`).toString('base64')}`;
  const GOOD = sign(KEY);
  const OTHER = sign(OTHER_KEY);
  const headersOf = (signature: string, id = ID, timestamp = T, family = 'svix') => ({
    [`${family}-id`]: id,
    [`${family}-timestamp`]: timestamp,
    [`${family}-signature`]: signature,
  });
  const verify = (signature: string, secrets: readonly string[] = [SECRET]) =>
    verifySvix(requestWith(headersOf(signature)), secrets);

  it.each(['svix', 'webhook'])('takes a signature over id, time and body under the names of %s', (family) => {
    expect(verifySvix(requestWith(headersOf(GOOD, ID, T, family)), [SECRET])).toEqual(ok);
    expect(verifySvix(requestWith(headersOf(GOOD, 'msg_other', T, family)), [SECRET])).toEqual(mismatch);
    expect(verifySvix(requestWith(headersOf(GOOD, ID, String(SECONDS + 1), family)), [SECRET])).toEqual(mismatch);
    expect(verifySvix(requestWith(headersOf(GOOD, ID, T, family), { body: Buffer.from('{}') }), [SECRET])).toEqual(mismatch);
  });
  it('takes either of two secrets and either of two signatures, in any order', () => {
    const secrets = [SECRET, secretOf(OTHER_KEY)];
    for (const list of [secrets, secrets.toReversed()]) expect([verify(GOOD, list), verify(OTHER, list)]).toEqual([ok, ok]);
    for (const text of [`${GOOD} ${OTHER}`, `${OTHER} ${GOOD}`]) expect(verify(text)).toEqual(ok);
    expect(verify(OTHER)).toEqual(mismatch);
  });
  it('refuses without a secret, and without any of its headers', () => {
    expect(verify(GOOD, [])).toEqual(refusal('NO_SECRET_CONFIGURED'));
    for (const family of ['svix', 'webhook']) {
      for (const part of ['id', 'timestamp', 'signature']) {
        const { [`${family}-${part}`]: _, ...rest } = headersOf(GOOD, ID, T, family);
        expect(verifySvix(requestWith(rest), [SECRET])).toEqual(refusal('SIGNATURE_MISSING'));
        expect(verifySvix(requestWith({ ...rest, [`${family}-${part}`]: '' }), [SECRET])).toEqual(refusal('SIGNATURE_MISSING'));
      }
    }
  });
  it('refuses two families of headers that say different things, also when either alone would do', () => {
    for (const part of ['id', 'timestamp', 'signature']) {
      const doubled = { ...headersOf(GOOD), ...headersOf(GOOD, ID, T, 'webhook') };
      expect(verifySvix(requestWith(doubled), [SECRET])).toEqual(ok);
      expect(verifySvix(requestWith({ ...doubled, [`webhook-${part}`]: 'x' }), [SECRET])).toEqual(refusal('HEADER_CONFLICT'));
    }
  });
  it('reads the id from the family that it verified, and has none without one', () => {
    expect(svixId(requestWith(headersOf(GOOD)))).toBe(ID);
    expect(svixId(requestWith(headersOf(GOOD, 'msg_2', T, 'webhook')))).toBe('msg_2');
    expect(svixId(requestWith({ 'webhook-id': 'msg_2', 'svix-timestamp': T }))).toBe('');
    expect(svixId(requestWith({}))).toBe('');
  });

  it.each(['a', '-', '_', '9', 'a'.repeat(128)])('takes the id %j', (id) => {
    expect(verifySvix(requestWith(headersOf(sign(KEY, id), id)), [SECRET])).toEqual(ok);
  });
  it.each(['a'.repeat(129), 'a b', '.a', 'a.', 'a,a', 'ä'])('refuses the id %j although it was signed', (id) => {
    expect(verifySvix(requestWith(headersOf(sign(KEY, id), id)), [SECRET])).toEqual(malformed);
  });
  it.each([`0${T}`, `00${T}`])('takes the time %j', (timestamp) => {
    expect(verifySvix(requestWith(headersOf(sign(KEY, ID, timestamp), ID, timestamp)), [SECRET])).toEqual(ok);
  });
  it.each(['5', '999999999999'])('takes %j for a time, if not for a good one', (timestamp) => {
    expect(verifySvix(requestWith(headersOf(sign(KEY, ID, timestamp), ID, timestamp)), [SECRET])).toEqual(late);
  });
  it.each([`000${T}`, ` ${T}`, `${T} `, `${T}.0`, `+${T}`, '1e9', 'x'])(
    'refuses the time %j although it was signed',
    (timestamp) => {
      expect(verifySvix(requestWith(headersOf(sign(KEY, ID, timestamp), ID, timestamp)), [SECRET])).toEqual(malformed);
    },
  );

  it.each(['v1a,AAAA', 'v2,x', 'v12345678,AAAA', 'v_,A-_+/=', `v2,${'A'.repeat(256)}`, 'v1,short', `v1,${'A'.repeat(44)}`])(
    'passes over the foreign entry %j',
    (entry) => {
      expect(verify(`${entry} ${GOOD}`)).toEqual(ok);
      expect(verify(entry)).toEqual(malformed);
    },
  );
  it.each([
    '',
    'v1',
    'v1,',
    'v,AAAA',
    ',AAAA',
    'w1,AAAA',
    'v123456789,AAAA',
    `v2,${'A'.repeat(257)}`,
    'v2,A,A',
    'v2,A!',
    '!v2,A',
  ])('refuses all when one entry is %j', (entry) => {
    expect(verify(`${GOOD} ${entry}`)).toEqual(malformed);
  });
  it('does not find a signature inside a longer entry', () => {
    expect(verify(`vv1,${GOOD.slice(3)}`)).toEqual(malformed);
    expect(verify(`${GOOD}=`)).toEqual(malformed);
    expect(verify(`${GOOD}A`)).toEqual(malformed);
    expect(verify(GOOD.replace('v1,', 'v1,A'))).toEqual(malformed);
  });
  it('takes 4096 characters of signatures, and not one more', () => {
    const filled = (length: number) => {
      let text = GOOD;
      while (length - text.length > 200) text += ` v2,${'A'.repeat(100)}`;
      return `${text} v2,${'A'.repeat(length - text.length - 4)}`;
    };
    expect([filled(4096).length, filled(4097).length]).toEqual([4096, 4097]);
    expect([verify(filled(4096)), verify(filled(4097))]).toEqual([ok, malformed]);
  });
  it('compares ten signatures and no more', () => {
    const behind = (count: number) => verify(`${`${OTHER} `.repeat(count)}${GOOD}`);
    expect([behind(9), behind(10)]).toEqual([ok, mismatch]);
  });
  it('allows five minutes both ways, of whole seconds', () => {
    const at = (offset: number) => verifySvix(requestWith(headersOf(GOOD), secondsLater(offset)), [SECRET]);
    expect([300, 300.999, -300].map(at)).toEqual([ok, ok, ok]);
    expect([301, -300.001, -301, Number.NaN].map(at)).toEqual([late, late, late, late]);
  });

  it.each([1, 2, 3, 24, 31, 32, 33, 64])('takes a secret of %d bytes, with its prefix or without', (length) => {
    const key = Buffer.alloc(length, 0xfb);
    expect(verify(sign(key), [secretOf(key)])).toEqual(ok);
    expect(verify(sign(key), [key.toString('base64')])).toEqual(ok);
  });
  it.each([
    '',
    '====',
    'A',
    'AA',
    'AAA',
    '%AAAA',
    'AAAA%',
    '-A==',
    'AA-=',
    'AAA%',
    'AA==AAAA',
    'AAA=AAAA',
    'whsec_AAAA',
    '%%==',
    '%%%=',
  ])('makes no key of %j, although a lenient decoder would', (text) => {
    const lenient = Buffer.from(text, 'base64');
    expect(verify(sign(lenient), [`whsec_${text}`])).toEqual(mismatch);
    expect(verify(GOOD, [`whsec_${text}`, SECRET])).toEqual(ok);
  });
  it('cuts the prefix off the front and nowhere else', () => {
    const key = Buffer.from('AAAA', 'base64');
    expect([verify(sign(key), ['whsec_AAAA']), verify(sign(key), ['AAAAwhsec_'])]).toEqual([ok, mismatch]);
  });
  it('keeps its verdicts while secrets come and go', () => {
    const secrets = Array.from({ length: 40 }, (_, index) => Buffer.alloc(32, index + 1));
    for (const key of [...secrets, ...secrets]) {
      expect([verify(sign(key), [secretOf(key)]), verify(sign(key), ['whsec_%', SECRET])]).toEqual([ok, mismatch]);
    }
  });
});

describe('Stripe', () => {
  const SECRET = 'whsec_invented-for-tests';
  const sign = (secret = SECRET, timestamp = T) => hmac(Buffer.from(secret, 'utf8'), `${timestamp}.`).toString('hex');
  const GOOD = sign();
  const OTHER = sign('whsec_another');
  const verify = (header: string | undefined, secrets: readonly string[] = [SECRET], changes: Partial<RawRequest> = {}) =>
    verifyStripe(requestWith(header === undefined ? {} : { 'stripe-signature': header }, changes), secrets);

  it('takes a signature over time and body, under the whole text of the secret', () => {
    expect(verify(`t=${T},v1=${GOOD}`)).toEqual(ok);
    expect(verify(`t=${SECONDS + 1},v1=${GOOD}`)).toEqual(mismatch);
    expect(verify(`t=${T},v1=${GOOD}`, [SECRET], { body: Buffer.from('{}') })).toEqual(mismatch);
    expect(verify(`t=${T},v1=${sign('invented-for-tests')}`)).toEqual(mismatch);
    expect(verify(`t=${T},v1=${sign('whsec_ä')}`, ['whsec_ä'])).toEqual(ok);
  });
  it('takes either of two secrets and either of two signatures, in any order of the parts', () => {
    for (const list of [
      [SECRET, 'whsec_another'],
      ['whsec_another', SECRET],
    ]) {
      expect([verify(`t=${T},v1=${GOOD}`, list), verify(`t=${T},v1=${OTHER}`, list)]).toEqual([ok, ok]);
    }
    for (const text of [`t=${T},v1=${GOOD},v1=${OTHER}`, `v1=${OTHER},v0=x,v1=${GOOD},t=${T}`]) expect(verify(text)).toEqual(ok);
  });
  it('refuses without a secret and without a header', () => {
    expect(verify(`t=${T},v1=${GOOD}`, [])).toEqual(refusal('NO_SECRET_CONFIGURED'));
    expect([verify(undefined), verify('')]).toEqual([refusal('SIGNATURE_MISSING'), refusal('SIGNATURE_MISSING')]);
  });
  it.each(['', ' ', '\n\t'])('makes no key of the blank secret %j', (secret) => {
    expect(verify(`t=${T},v1=${sign(secret)}`, [secret])).toEqual(mismatch);
    expect(verify(`t=${T},v1=${GOOD}`, [secret, SECRET])).toEqual(ok);
  });
  it('makes a key of every other text, one character included', () => {
    for (const secret of ['x', ' x ', 'Stryker']) expect(verify(`t=${T},v1=${sign(secret)}`, [secret])).toEqual(ok);
  });

  it.each([
    ['no time', `v1=${GOOD}`],
    ['two times', `t=${T},t=${T},v1=${GOOD}`],
    ['another name for the time', `tt=${T},v1=${GOOD}`],
    ['no signature', `t=${T}`],
    ['only v0, the invented one of test events', `t=${T},v0=${GOOD}`],
    ['another name for the signature', `t=${T},xv1=${GOOD}`],
    ['capital letters', `t=${T},v1=${GOOD.toUpperCase()}`],
    ['a digit too many', `t=${T},v1=${GOOD}0`],
    ['a digit too many in front', `t=${T},v1=0${GOOD}`],
    ['a digit too few', `t=${T},v1=${GOOD.slice(1)}`],
    ['a letter that is no digit', `t=${T},v1=${GOOD.slice(1)}g`],
    ['a space', `t=${T}, v1=${GOOD}`],
    ['a tab at the end', `t=${T},v1=${GOOD}\t`],
    ['a time that is no number', `t=x,v1=${sign(SECRET, 'x')}`],
    ['a time with a sign', `t=+${T},v1=${sign(SECRET, `+${T}`)}`],
    ['a time with a fraction', `t=${T}.0,v1=${sign(SECRET, `${T}.0`)}`],
    ['a time of 13 digits', `t=000${T},v1=${sign(SECRET, `000${T}`)}`],
    ['an empty time', `t=,v1=${sign(SECRET, '')}`],
  ])('refuses a header with %s', (_, header) => {
    expect(verify(header)).toEqual(malformed);
  });
  it('takes 4096 characters, and not one more', () => {
    const filled = (length: number) => `t=${T},v1=${GOOD},x=`.padEnd(length, 'x');
    expect([verify(filled(4096)), verify(filled(4097))]).toEqual([ok, malformed]);
  });
  it('compares ten signatures and no more', () => {
    const behind = (count: number) => verify(`t=${T}${`,v1=${OTHER}`.repeat(count)},v1=${GOOD}`);
    expect([behind(9), behind(10)]).toEqual([ok, mismatch]);
  });
  it('allows five minutes both ways', () => {
    const at = (offset: number) => verify(`t=${T},v1=${GOOD}`, [SECRET], secondsLater(offset));
    expect([300, -300].map(at)).toEqual([ok, ok]);
    expect([301, -301, Number.NaN].map(at)).toEqual([late, late, late]);
  });
});

describe('a fixed credential', () => {
  const verify = (authorization: string | undefined, secrets: readonly string[]) =>
    verifyAuthorization(requestWith(authorization === undefined ? {} : { authorization }), secrets);

  it('is the bearer token, or the whole header', () => {
    expect(verify('Bearer invented-token', ['invented-token'])).toEqual(ok);
    expect(verify('Bearer invented-token', ['Bearer invented-token'])).toEqual(ok);
    expect(verify('Basic aW52ZW50ZWQ6', ['Basic aW52ZW50ZWQ6'])).toEqual(ok);
    expect(verify('Basic aW52ZW50ZWQ6', ['aW52ZW50ZWQ6'])).toEqual(mismatch);
    expect(verify('Bearer Bearer', ['Bearer'])).toEqual(ok);
  });
  it('may be any of several, in any order', () => {
    for (const list of [
      ['a', 'b'],
      ['b', 'a'],
    ])
      expect([verify('Bearer a', list), verify('Bearer b', list)]).toEqual([ok, ok]);
    expect(verify('Bearer c', ['a', 'b'])).toEqual(mismatch);
  });
  it('is needed on both sides', () => {
    expect(verify('Bearer a', [])).toEqual(refusal('NO_SECRET_CONFIGURED'));
    expect([verify(undefined, ['a']), verify('', ['a'])]).toEqual([refusal('SIGNATURE_MISSING'), refusal('SIGNATURE_MISSING')]);
  });
  it.each(['Bearer !"#$%&\'()*+', 'Bearer -./09:;<=>?@AZ[\\]^_`az{|}~', 'Basic x'])(
    'may hold any visible character but a comma: %j',
    (header) => {
      expect(verify(header, [header])).toEqual(ok);
    },
  );
  it.each([
    'Bearer ',
    'Bearer',
    'Bearer  a',
    'Bearer a ',
    'Bearer a,b',
    'Bearer a b',
    'bearer a',
    'Digest a',
    ' Bearer a',
    'xBasic a',
    'Bearer \x7f',
    'Bearer a\n',
    'Basic ä',
  ])('cannot be %j, even when configured so', (header) => {
    expect(verify(header, [header, header.slice('Bearer '.length)])).toEqual(malformed);
  });
  it('has at most 4096 characters with its scheme', () => {
    const filled = (length: number) => 'Bearer '.padEnd(length, 'x');
    expect([verify(filled(4096), [filled(4096)]), verify(filled(4097), [filled(4097)])]).toEqual([ok, malformed]);
  });
});

describe('what the schemes are made of', () => {
  const signed = { keys: textKeys(['invented']), prefix: 'p.', body: BODY };
  const signature = (algorithm: string) => createHmac(algorithm, 'invented').update('p.').update(BODY).digest();

  it('has no key for a secret that is none, however often it is asked', () => {
    for (const _ of [1, 2]) expect(textKeys(['invented', ' '])).toHaveLength(1);
  });
  it('makes a key once while few are in use, and does not keep all that it ever made', () => {
    const secrets = ['invented-a', 'invented-b'];
    textKeys(secrets);
    const [first, second] = [textKeys(secrets), textKeys(secrets)];
    expect(second.map((key, index) => key === first[index])).toEqual([true, true]);
    textKeys(Array.from({ length: 40 }, (_, index) => `invented-${index}`));
    expect(textKeys(secrets).map((key, index) => key === first[index])).toEqual([false, false]);
  });
  it('compares by the algorithm that is asked for, SHA-256 unless told otherwise', () => {
    expect(verifyHmac({ ...signed, signatures: [signature('sha256')] })).toEqual(ok);
    expect(verifyHmac({ ...signed, algorithm: 'sha512', signatures: [signature('sha512')] })).toEqual(ok);
    expect(verifyHmac({ ...signed, algorithm: 'sha384', signatures: [signature('sha384')] })).toEqual(ok);
  });
  it('takes a signature of another length for a wrong one, and for no reason to throw', () => {
    for (const other of [signature('sha512'), signature('sha256').subarray(1), Buffer.alloc(0)]) {
      expect(verifyHmac({ ...signed, signatures: [other] })).toEqual(mismatch);
      expect(verifyHmac({ ...signed, signatures: [other, signature('sha256')] })).toEqual(ok);
    }
  });
  it('matches nothing where there is no key or no signature', () => {
    expect(verifyHmac({ ...signed, signatures: [] })).toEqual(mismatch);
    expect(verifyHmac({ ...signed, keys: [], signatures: [signature('sha256')] })).toEqual(mismatch);
  });
  it('compares a fixed text as a whole, with any of several', () => {
    for (const list of [['a', 'b'], ['b', 'a'], ['a']]) expect(verifyText('a', list)).toEqual(ok);
    for (const list of [['b'], ['ab'], ['A'], ['']]) expect(verifyText('a', list)).toEqual(mismatch);
    expect([verifyText('a', []), verifyText('', [])]).toEqual([mismatch, mismatch]);
  });
});
