import { isDeepStrictEqual } from 'node:util';
import { MAX_BODY_BYTES } from '../../functions/handlers/receive.ts';
import { webhookPath } from '../../functions/manifest.ts';
import { webhookSourceById } from '../../functions/sources/index.ts';
import { deliveryOf, type Invented } from '../../functions/sources/sender.ts';
import { type Canaries, makeCanaries } from '../support/canaries.ts';
import { contracts } from '../support/contracts/index.ts';
import type { WireRequest } from '../support/http-events.ts';
import type { Contract } from '../support/sources.ts';
import type { Expected } from './case.ts';

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

/** A source under attack in one of its channels, and the one secret that its function knows. */
export interface Target extends Contract {
  readonly name: string;
  readonly secret: string;
}

/** Every source behind a URL, in each channel. */
export const targets: readonly Target[] = contracts
  .filter(({ source }) => webhookSourceById(source.id) !== undefined)
  .flatMap(({ channels = [], ...contract }) => [
    { ...contract, name: contract.source.id },
    ...channels.map((channel) => ({ ...contract, ...channel, name: `${contract.source.id} ${channel.name}` })),
  ])
  .map((contract, index) => ({ ...contract, secret: contract.sender.secret(new Uint8Array(32).fill(0xa1 + index)) }));

/** Those of other vendors. */
export const othersThan = ({ source }: Target): readonly Target[] => targets.filter((other) => other.source !== source);

/** What must stand in no log line, answer or queue attribute. A secret counts without its prefix, which is no secret. */
export const forbidden: Canaries = {
  ...canaries,
  ...Object.fromEntries(
    targets.map(({ name, secret }) => [`secret of ${name}`, secret.replace(/^(?:v1,)?(?:whsec|wh_secret)_/, '')]),
  ),
};

interface Told {
  readonly type?: string;
  readonly at?: Date;
  readonly eventId?: string;
}
export interface Signed extends Told {
  /** The JSON of the event, before the vendor makes a token of it where it does. */
  readonly body?: string | Buffer;
  readonly secret?: string;
}

/** The JSON of a genuine event. */
export const contentOf = ({ sender }: Target, { type = sender.types[0], at = NOW, eventId = 'invented1' }: Told = {}): Buffer =>
  Buffer.from(sender.body(type, who, { now: at, eventId }));

/** A genuine delivery of the target's vendor, or what somebody made with another secret, at another time. */
export const signed = (target: Target, parts: Signed = {}): WireRequest => {
  const { sender, source, secret } = target;
  const { at = NOW, eventId = 'invented1' } = parts;
  const moment = { now: at, eventId };
  const json = Buffer.from(parts.body ?? contentOf(target, parts));
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

export const padded = (bytes: Buffer, length: number): Buffer =>
  Buffer.concat([bytes, Buffer.alloc(Math.max(0, length - bytes.length), 0x20)]);

const rooms = new Map<Target, number>();

/** The length of the longest JSON that a body may hold: less than the body's own where that is a token. */
export const roomOf = (target: Target): number => {
  const known = rooms.get(target);
  if (known !== undefined) return known;
  const content = contentOf(target);
  let [room, tooLong] = [content.length, MAX_BODY_BYTES + 1];
  while (tooLong - room > 1) {
    const middle = (room + tooLong) >> 1;
    if (signed(target, { body: padded(content, middle) }).body.length <= MAX_BODY_BYTES) room = middle;
    else tooLong = middle;
  }
  rooms.set(target, room);
  return room;
};

/** What comes of a signed body when `expected` comes of its JSON. What is no event of the vendor's is no proof either, if that is its token. */
export const expectedOf = ({ provesContent }: Target, { body }: WireRequest, expected: Expected): Expected => {
  if (body.length > MAX_BODY_BYTES) return 413;
  if (provesContent !== true) return expected;
  if (expected === 400 || expected === 'parked') return 401;
  return expected === 'authentic' || expected === 'answered' ? 'claimed' : expected;
};

const jsonIn = (body: Buffer): { readonly value: unknown } | undefined => {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) };
  } catch {
    return undefined;
  }
};

/**
 * Whether all of a body that is proven, or is the proof, stands in the altered one: nothing where the proof is a fixed text in a
 * header, that text where it stands in the body, and else the bytes, or the JSON where it may be written in any way.
 */
export const isLeftIn = (
  { proofInBody = false, provesJson = false, proves, sharedText }: Target,
  genuine: Buffer,
  altered: Buffer,
): boolean => {
  if (genuine.equals(altered) || !(proves.body || proofInBody)) return true;
  const [before, after] = [jsonIn(genuine), jsonIn(altered)];
  if (before === undefined || after === undefined) return false;
  if (sharedText === undefined) return (proofInBody || provesJson) && isDeepStrictEqual(before, after);
  const [text, left] = [genuine, altered].map((bytes) => sharedText.exec(bytes.toString('utf8'))?.[0]);
  return text !== undefined && text === left;
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

/** The signature inside a proof header or the body, or the token where nothing is signed. */
export interface Mark {
  /** Undefined = it stands in the body. */
  readonly header: string | undefined;
  readonly kind: 'jwt' | 'hex' | 'base64' | 'token';
  readonly before: string;
  readonly text: string;
  readonly after: string;
}

const MARKS = [
  ['jwt', /(?<![\w.-])[\w-]{16,}\.[\w-]+\.[\w-]{16,}(?![\w.-])/],
  ['hex', /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/],
  ['base64', /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=/],
  ['token', /[^ ]+$/],
] as const;

/** What stands in a header, or in the body. */
const textAt = (request: WireRequest, header: string | undefined): string =>
  header === undefined ? request.body.toString('utf8') : headerOf(request, header);

/** With another text in the place of the whole header or body in which the mark stands. */
export const withText = (request: WireRequest, { header }: Pick<Mark, 'header'>, text: string): WireRequest =>
  header === undefined ? { ...request, body: Buffer.from(text) } : withHeader(request, header, text);

/** With another text in the place of the mark. */
export const withMark = (request: WireRequest, mark: Mark, text: string): WireRequest =>
  withText(request, mark, mark.before + text + mark.after);

/** Throws an Error when neither a proof header nor a body of proof carries anything that looks like a signature. */
export const markOf = ({ proofs, proofInBody, sharedText, name: target }: Target, request: WireRequest): Mark => {
  const places = proofInBody === true ? [...proofs, undefined] : proofs;
  const marks = sharedText === undefined ? MARKS : ([['token', sharedText]] as const);
  for (const [kind, pattern] of marks) {
    for (const header of places) {
      const value = textAt(request, header);
      const found = kind === 'token' && places.length > 1 ? null : pattern.exec(value);
      if (found !== null) {
        const [text] = found;
        return { header, kind, before: value.slice(0, found.index), text, after: value.slice(found.index + text.length) };
      }
    }
  }
  throw new Error(`${target}: no signature found in ${proofs.join(', ') || 'the body'}`);
};
