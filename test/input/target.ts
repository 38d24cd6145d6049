import { webhookPath } from '../../functions/manifest.ts';
import { webhookSourceById } from '../../functions/sources/index.ts';
import { deliveryOf, type Invented } from '../../functions/sources/sender.ts';
import { type Canaries, makeCanaries } from '../support/canaries.ts';
import { contracts } from '../support/contracts/index.ts';
import type { WireRequest } from '../support/http-events.ts';
import type { Contract } from '../support/sources.ts';

/** The handlers' clock stands still here. */
export const NOW = new Date('2026-11-23T12:00:00Z');

/** Fixed, so that a failing seed fails again. */
export const canaries = makeCanaries('f3a90c41d87e');

export const who: Invented = {
  id: 'user_invented1',
  email: canaries.email,
  firstName: canaries.firstName,
  lastName: canaries.lastName,
  companyId: 'org_invented1',
  companyName: canaries.companyName,
};

/** A source under attack, and the one secret that its function knows. */
export interface Target extends Contract {
  readonly secret: string;
}

/** Every source behind a URL. */
export const targets: readonly Target[] = contracts
  .filter(({ source }) => webhookSourceById(source.id) !== undefined)
  .map((contract, index) => ({ ...contract, secret: contract.sender.secret(new Uint8Array(32).fill(0xa1 + index)) }));

/** What must stand in no log line, answer or queue attribute. A secret counts without its prefix, which is no secret. */
export const forbidden: Canaries = {
  ...canaries,
  ...Object.fromEntries(
    targets.map(({ source, secret }) => [`secret of ${source.id}`, secret.replace(/^(?:whsec|wh_secret)_/, '')]),
  ),
};

export interface Signed {
  readonly type?: string;
  readonly body?: string | Buffer;
  readonly secret?: string;
  readonly at?: Date;
  readonly eventId?: string;
}

/** A genuine delivery of the target's vendor, or what somebody made with another secret, at another time. */
export const signed = ({ sender, source, secret }: Target, parts: Signed = {}): WireRequest => {
  const { type = sender.types[0], at = NOW, eventId = 'invented1' } = parts;
  const moment = { now: at, eventId };
  const json = Buffer.from(parts.body ?? sender.body(type, who, moment));
  const { body, headers } = deliveryOf(sender, json, { secret: parts.secret ?? secret, moment });
  return {
    method: 'POST',
    path: webhookPath(source.id),
    headers: [...Object.entries(headers), ['x-invented', canaries.header]],
    body: Buffer.from(body),
  };
};

export const headerOf = ({ headers }: WireRequest, name: string): string =>
  headers.find(([candidate]) => candidate === name)?.[1] ?? '';

/** With other values for a header; none takes it away. */
export const withHeader = (request: WireRequest, name: string, ...values: readonly string[]): WireRequest => {
  const before = request.headers.filter(([candidate]) => candidate !== name);
  return { ...request, headers: [...before, ...values.map((value) => [name, value] as const)] };
};

/** Without what proves nothing: Stripe puts a made-up `v0` on test events, and a change there is no forgery. */
export const provenOnly = (request: WireRequest): WireRequest => ({
  ...request,
  headers: request.headers.map(([name, value]) => [name, value.replace(/,v0=[0-9a-f]+$/, '')] as const),
});

/** Whether the time that is signed stands in the body alone: then an altered body may be too old as well. */
export const isDatedByBody = (target: Target): boolean => {
  const genuine = signed(target);
  const seconds = String(Math.floor(NOW.getTime() / 1000));
  return target.proves.time && !target.proofs.some((name) => headerOf(genuine, name).includes(seconds));
};

/** The signature inside a proof header, or the token where nothing is signed. */
export interface Mark {
  readonly header: string;
  readonly kind: 'jwt' | 'hex' | 'base64' | 'token';
  readonly before: string;
  readonly text: string;
  readonly after: string;
}

const MARKS = [
  ['jwt', /^[\w-]+\.[\w-]+\.[\w-]+$/],
  ['hex', /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/],
  ['base64', /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=/],
  ['token', /[^ ]+$/],
] as const;

/** Throws an Error when no proof header carries anything that looks like a signature. */
export const markOf = ({ proofs, source }: Target, request: WireRequest): Mark => {
  for (const [kind, pattern] of MARKS) {
    for (const header of proofs) {
      const value = headerOf(request, header);
      const found = kind === 'token' && proofs.length > 1 ? null : pattern.exec(value);
      if (found !== null) {
        const [text] = found;
        return { header, kind, before: value.slice(0, found.index), text, after: value.slice(found.index + text.length) };
      }
    }
  }
  throw new Error(`${source.id}: no signature found in ${proofs.join(', ')}`);
};
