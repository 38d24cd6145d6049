import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type Answer, refuse } from './errors.ts';
import type { Fault } from './faults.ts';

const HTML = '<!doctype html><html><head><title>Service</title></head><body><h1>Something else answered</h1></body></html>';
const MALFORMED = '{"errors": [{"mess';
const DRIP_EVERY_MS = 20;
const HUGE_BYTES = 8_000_000;

/** What Userpilot's own replies carry, as captured in its published OpenAPI file. */
const standardHeaders = (): Record<string, string> => ({
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'max-age=0, private, must-revalidate',
  'x-request-id': randomBytes(15).toString('base64url'),
  server: 'Cowboy',
});

interface Wire {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const toWire = ({ status, body, headers = {} }: Answer): Wire => ({ status, headers, body: JSON.stringify(body) });

const toOddWire = (
  status: number,
  kind: 'html' | 'empty' | 'malformed',
  headers: Readonly<Record<string, string>> = {},
): Wire => {
  if (kind === 'html') return { status, body: HTML, headers: { ...headers, 'content-type': 'text/html; charset=utf-8' } };
  return { status, body: kind === 'empty' ? '' : MALFORMED, headers };
};

const send = (response: ServerResponse, { status, body, headers }: Wire): void => {
  response.writeHead(status, { ...standardHeaders(), 'content-length': String(Buffer.byteLength(body)), ...headers }).end(body);
};

export const sendAnswer = (response: ServerResponse, answer: Answer): void => send(response, toWire(answer));

/** Faults that answer for Userpilot, so that nothing takes effect. */
export type FrontFault = Extract<Fault, { kind: 'status' | 'redirect' | 'hang' | 'reset-before' }>;

export const isFrontFault = (fault: Fault | undefined): fault is FrontFault =>
  fault?.kind === 'status' || fault?.kind === 'redirect' || fault?.kind === 'hang' || fault?.kind === 'reset-before';

const scriptedWire = ({ status, retryAfterSeconds, body }: Extract<Fault, { kind: 'status' }>): Wire => {
  const headers: Record<string, string> = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  return body ? toOddWire(status, body, headers) : toWire(refuse(status, 'a scripted fault', headers));
};

/** Returns the status that was sent, or null for none. */
export const playFrontFault = (response: ServerResponse, fault: FrontFault, ownAddress: string): number | null => {
  if (fault.kind === 'reset-before') response.socket?.resetAndDestroy();
  if (fault.kind === 'reset-before' || fault.kind === 'hang') return null;
  const location = fault.kind === 'redirect' ? (fault.location ?? ownAddress) : '';
  const wire = fault.kind === 'redirect' ? toOddWire(fault.status ?? 307, 'empty', { location }) : scriptedWire(fault);
  send(response, wire);
  return wire.status;
};

const drip = (response: ServerResponse, status: number): void => {
  response.writeHead(status, standardHeaders()).write('{"slow":"');
  const dripping = setInterval(() => response.write('.'), DRIP_EVERY_MS);
  response.once('close', () => clearInterval(dripping));
};

const spoil = (answer: Answer, fault: Fault | undefined): Wire => {
  switch (fault?.kind) {
    case 'huge-body':
      return toWire({ ...answer, body: { padding: '.'.repeat(fault.bytes ?? HUGE_BYTES) } });
    case 'ok-but-html':
      return toOddWire(answer.status, 'html');
    case 'ok-but-empty':
      return toOddWire(answer.status, 'empty');
    case 'ok-but-malformed':
      return toOddWire(answer.status, 'malformed');
    default:
      return toWire(answer);
  }
};

/** Delivers what Userpilot decided, spoilt by the fault. A refusal is never dressed up as a success. */
export const sendSpoilt = (response: ServerResponse, answer: Answer, fault: Fault | undefined): void => {
  const isGood = answer.status < 300;
  if (fault?.kind === 'reset-after') response.socket?.resetAndDestroy();
  else if (fault?.kind === 'drip' && isGood) drip(response, answer.status);
  else send(response, isGood ? spoil(answer, fault) : toWire(answer));
};
