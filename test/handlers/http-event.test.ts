import { describe, expect, it } from '@jest/globals';
import { readHttpEvent } from '../../functions/handlers/http-event.ts';

const v2 = (changes: object = {}) => ({
  version: '2.0',
  rawPath: '/webhooks/clerk',
  headers: { 'svix-id': 'msg_1' },
  requestContext: { stage: '$default', http: { method: 'POST' } },
  body: '{}',
  isBase64Encoded: false,
  ...changes,
});
const v1 = (changes: object = {}) => ({
  httpMethod: 'POST',
  path: '/webhooks/clerk',
  headers: {},
  multiValueHeaders: {},
  body: '{}',
  ...changes,
});

describe('readHttpEvent', () => {
  it('reads HTTP API and Function URL events', () => {
    expect(readHttpEvent(v2())).toEqual({
      method: 'POST',
      path: '/webhooks/clerk',
      headers: { 'svix-id': 'msg_1' },
      query: {},
      body: Buffer.from('{}'),
    });
  });
  it('reads a decoded query, for a vendor that asks by one', () => {
    const queryStringParameters = { validationToken: 'a b', empty: null };
    expect(readHttpEvent(v2({ queryStringParameters }))?.query).toEqual({ validationToken: 'a b' });
    expect(readHttpEvent(v1({ queryStringParameters }))?.query).toEqual({ validationToken: 'a b' });
  });
  it('takes a named stage off the path', () => {
    const event = v2({ rawPath: '/prod/webhooks/clerk', requestContext: { stage: 'prod', http: { method: 'POST' } } });
    expect(readHttpEvent(event)?.path).toBe('/webhooks/clerk');
  });
  it('reads REST API events, lower-cases names and merges both header maps', () => {
    const headers = { 'Svix-Id': 'msg_1', 'X-One': 'a' };
    const multiValueHeaders = { 'Svix-Id': ['msg_1'], 'x-one': ['a', 'b'], 'X-Two': ['c'] };
    expect(readHttpEvent(v1({ headers, multiValueHeaders }))?.headers).toEqual({
      'svix-id': 'msg_1',
      'x-one': 'a,b',
      'x-two': 'c',
    });
  });
  it('keeps two values of one header apart, so that the conflict can be seen', () => {
    expect(
      readHttpEvent(v1({ headers: { 'svix-id': 'b' }, multiValueHeaders: { 'Svix-Id': ['a', 'b'] } }))?.headers['svix-id'],
    ).toBe('a,b');
  });
  it('gives the bytes on the wire, base64 or not, invalid UTF-8 included', () => {
    const raw = Buffer.from([0x7b, 0xff, 0x00, 0x7d]);
    expect(readHttpEvent(v2({ body: raw.toString('base64'), isBase64Encoded: true }))?.body).toEqual(raw);
    expect(readHttpEvent(v2({ body: 'é' }))?.body).toEqual(Buffer.from('é', 'utf8'));
    expect(readHttpEvent(v2({ body: undefined }))?.body).toEqual(Buffer.alloc(0));
  });
  it.each([undefined, null, 'text', {}, { Records: [] }, { version: '2.0' }])('is undefined for %j', (event) => {
    expect(readHttpEvent(event)).toBeUndefined();
  });
});
