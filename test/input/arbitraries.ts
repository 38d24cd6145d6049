import fc from 'fast-check';
import type { RawRequest } from '../../functions/core/request.ts';
import type { Sender } from '../../functions/sources/sender.ts';
import { FRONT_DOORS, type WireRequest } from '../support/http-events.ts';
import { HOSTILE_MOMENTS, HOSTILE_VALUES } from './hostile-values.ts';
import { changedAt, type JsonPath, pathsIn } from './json-paths.ts';
import { canaries, headerOf, isLeftIn, markOf, NOW, provenOnly, signed, type Target, targets, who, withMark } from './target.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 });
const json = fc.jsonValue({ stringUnit: 'binary', maxDepth: 3 });
const date = fc.date({ noInvalidDate: true });

/** JSON text of one value: hostile ones as they stand on the wire, and random ones of every type. */
const raw: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...Object.values(HOSTILE_VALUES)) },
  { weight: 4, arbitrary: fc.constantFrom(...Object.values(HOSTILE_MOMENTS)) },
  { weight: 4, arbitrary: text.map((value) => JSON.stringify(value)) },
  { weight: 2, arbitrary: json.map((value) => JSON.stringify(value)) },
  { weight: 2, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String) },
  { weight: 2, arbitrary: fc.integer().map(String) },
  { weight: 2, arbitrary: date.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.nat({ max: 70_000 }).map((length) => JSON.stringify('x'.repeat(length))) },
);

interface Edit {
  /** Modulo the number of places. */
  readonly place: number;
  /** What stands there now; absent = nothing. */
  readonly raw: string | undefined;
}
const edits = fc.array(fc.record({ place: fc.nat(), raw: fc.option(raw, { nil: undefined, freq: 4 }) }), {
  minLength: 1,
  maxLength: 4,
});

/** A document to edit, read once. */
interface Original {
  readonly value: unknown;
  readonly paths: readonly JsonPath[];
}
const originalOf = (value: unknown): Original => ({ value, paths: pathsIn(value) });

const placeholder = (index: number): string => `PUT-TEXT-${index}-HERE`;

/** JSON text of the original after the edits. A later edit inside what an earlier one took away changes nothing. */
const edited = ({ value, paths }: Original, list: readonly Edit[]): string => {
  const marked = list.reduce<unknown>(
    (document, { place, raw: inserted }, index) =>
      changedAt(document, paths[place % paths.length] ?? [], () => (inserted === undefined ? undefined : placeholder(index))),
    value,
  );
  return list.reduce(
    (body, { raw: inserted = '' }, index) => body.replace(`"${placeholder(index)}"`, () => inserted),
    JSON.stringify(marked),
  );
};

/** Every event of a vendor, with a mark where the vendor has no member. */
const eventsOf = (sender: Sender): readonly object[] =>
  sender.types.map((type) => ({
    ...(JSON.parse(sender.body(type, who, { now: NOW, eventId: 'invented1' })) as object),
    invented_note: canaries.body,
  }));

/** Events of the vendor with members at any depth replaced, retyped or taken away. */
export const editedEvents = (sender: Sender): fc.Arbitrary<string> =>
  fc.tuple(fc.constantFrom(...eventsOf(sender).map(originalOf)), edits).map(([original, list]) => edited(original, list));

/** The head of an event as it is, and `value` for each of its parts. */
const refilled = (event: object, value: unknown): object =>
  Object.fromEntries(Object.entries(event).map(([name, member]) => [name, typeof member === 'object' ? value : member]));

/** Any JSON, alone or where a vendor's event has its subject. */
export const randomEvents = ({ sender }: Target): fc.Arbitrary<string> =>
  fc.tuple(json, fc.constantFrom(...eventsOf(sender)), fc.nat({ max: 3 })).map(([value, event, form]) => {
    const all = [value, refilled(event, value), refilled(event, { object: value }), { ...event, ...(value as object) }];
    return JSON.stringify(all[form]);
  });

const seconds = fc.integer({ min: -400, max: 400 }).map((off) => String(Math.floor(NOW.getTime() / 1000) + off));
const mac = fc.uint8Array({ minLength: 31, maxLength: 33 }).map((bytes) => Buffer.from(bytes));
/** Values in the forms of all vendors, so that the checks behind the patterns are reached as well. */
const headerValue = fc.oneof(
  text,
  seconds,
  fc.constantFrom('msg_1', 'v1,', 't=,v1=', 'Bearer ', 'Basic Og==', 'e30.e30.e30', ''),
  mac.map((bytes) => bytes.toString('hex')),
  fc.tuple(seconds, mac).map(([time, bytes]) => `t=${time},v1=${bytes.toString('hex')}`),
  fc.array(mac, { maxLength: 12 }).map((macs) => macs.map((bytes) => `v1,${bytes.toString('base64')}`).join(' ')),
  mac.map((bytes) => `Bearer ${bytes.toString('base64url')}`),
);
const headerName = fc.constantFrom(
  ...targets.flatMap(({ proofs }) => proofs),
  ...['webhook-id', 'webhook-timestamp', 'webhook-signature', 'content-encoding', 'Svix-Id', '__proto__'],
);
const headers = fc.array(fc.tuple(headerName, headerValue), { maxLength: 6 });

/** Tokens that nobody signed, whose heads get past a reader's first look. */
const tokenHead = fc.oneof(
  fc.record({
    alg: fc.constantFrom('RS256', 'ES256', 'HS256', 'none', ''),
    kid: fc.oneof(text, fc.constantFrom('__proto__', 'invented')),
  }),
  json,
);
const tokenBits = fc.oneof(
  mac,
  fc.uint8Array({ minLength: 256, maxLength: 256 }).map((bits) => Buffer.from(bits)),
);
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = fc
  .tuple(tokenHead, json, tokenBits)
  .map(([head, claims, bits]) => `${base64url(head)}.${base64url(claims)}.${bits.toString('base64url')}`);

const bytes = fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array));
/** Bodies in which a token stands where a vendor puts its own. */
const tokenBodies = targets
  .filter(({ proofInBody }) => proofInBody)
  .map((target) => {
    const genuine = signed(target);
    const mark = markOf(target, genuine);
    return token.map((forged) => withMark(genuine, mark, forged).body);
  });
const anyBody = fc.oneof({ weight: 2, arbitrary: bytes }, ...tokenBodies);

/** Requests that nobody signed. */
export const randomRequests: fc.Arbitrary<RawRequest> = fc
  .tuple(headers, anyBody)
  .map(([list, body]) => ({ headers: Object.fromEntries(list), body, receivedAt: NOW }));

interface Slip {
  readonly at: number;
  readonly kind: 'flip' | 'insert' | 'remove' | 'repeat' | 'cut' | 'capital';
  readonly code: number;
}
const slips = fc.array(
  fc.record({
    at: fc.nat(),
    kind: fc.constantFrom('flip', 'insert', 'remove', 'repeat', 'cut', 'capital'),
    code: fc.nat({ max: 255 }),
  }),
  { minLength: 1, maxLength: 3 },
) as fc.Arbitrary<readonly Slip[]>; // constantFrom widens its literals

const slipped = (value: string, list: readonly Slip[]): string =>
  list.reduce((current, { at: anywhere, kind, code }) => {
    const at = current.length === 0 ? 0 : anywhere % current.length;
    const [before, sign, after] = [current.slice(0, at), current.slice(at, at + 1), current.slice(at + 1)];
    if (kind === 'flip') return before + String.fromCharCode(sign.charCodeAt(0) ^ (1 << (code & 7))) + after;
    if (kind === 'insert') return before + String.fromCharCode(code) + sign + after;
    if (kind === 'remove') return before + after;
    if (kind === 'repeat') return before + sign + sign + after;
    if (kind === 'cut') return before;
    return before + (sign === sign.toUpperCase() ? sign.toLowerCase() : sign.toUpperCase()) + after;
  }, value);

export interface Tampered {
  readonly request: RawRequest;
  /** Whether everything that the vendor signed still stands there: then it may be accepted. */
  readonly isGenuine: boolean;
}

/** Svix and those like Stripe put several signatures into one header: there it is enough that the genuine parts are left. */
const isLeft = (genuine: string, altered: string): boolean => {
  if (!/v1[,=]/.test(genuine)) return altered === genuine;
  const left = altered.split(/[ ,]+/);
  return genuine.split(/[ ,]+/).every((part) => left.includes(part));
};

/** A genuine delivery with slips in its body or in a header of the proof. */
const slippedRequests = (target: Target): fc.Arbitrary<Tampered> => {
  const genuine = provenOnly(signed(target));
  const proof = target.proofs.map((name) => [name, headerOf(genuine, name)] as const);
  const body = genuine.body.toString('latin1');
  return fc.tuple(fc.nat({ max: proof.length }), slips).map(([index, list]) => {
    const altered = proof.map(([name, value], place) => [name, place === index ? slipped(value, list) : value] as const);
    const alteredBody = index === proof.length ? slipped(body, list) : body;
    const complete = proof.every(([, value], place) => isLeft(value, altered[place]?.[1] ?? ''));
    const wire = Buffer.from(alteredBody, 'latin1');
    return {
      request: { headers: Object.fromEntries(altered), body: wire, receivedAt: NOW },
      isGenuine: complete && isLeftIn(target, genuine.body, wire),
    };
  });
};

/** A genuine token with members of its head or its claims replaced, retyped or taken away; undefined where the proof is none. */
const editedTokens = (target: Target): fc.Arbitrary<Tampered> | undefined => {
  const genuine = signed(target);
  const mark = markOf(target, genuine);
  if (mark.kind !== 'jwt') return undefined;
  const parts = mark.text.split('.');
  const originals = parts
    .slice(0, 2)
    .map((part) => originalOf(JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))))
    .map((original, index) => [index, original] as const);
  return fc.tuple(fc.constantFrom(...originals), edits).map(([[index, original], list]) => {
    const altered = parts.with(index, Buffer.from(edited(original, list)).toString('base64url')).join('.');
    const { headers: sent, body } = withMark(genuine, mark, altered);
    return { request: { headers: Object.fromEntries(sent), body, receivedAt: NOW }, isGenuine: altered === mark.text };
  });
};

export const tamperedRequests = (target: Target): fc.Arbitrary<Tampered> => {
  const [slipped, tokens] = [slippedRequests(target), editedTokens(target)];
  return tokens === undefined ? slipped : fc.oneof(slipped, tokens);
};

const doors = fc.constantFrom(...Object.values(FRONT_DOORS));
const encoding = fc.constantFrom('as needed' as const, 'base64' as const);

/** Function events that no holder of the secret made: random requests, and the events of a forged delivery with edits. */
export const forgedEvents = (target: Target): fc.Arbitrary<unknown> => {
  const forged = signed(target, { secret: target.sender.secret(new Uint8Array(32).fill(1)) });
  const methods = fc.constantFrom('POST', 'POST', 'POST', 'GET', 'post');
  const paths = fc.oneof({ weight: 4, arbitrary: fc.constant(forged.path) }, { weight: 1, arbitrary: text });
  const wire: fc.Arbitrary<WireRequest> = fc
    .tuple(methods, paths, headers, anyBody)
    .map(([method, path, list, body]) => ({ method, path, headers: [...list, ['x-invented', canaries.header]], body }));
  const originals = Object.values(FRONT_DOORS).map((door) => originalOf(door(forged)));
  const broken = fc.tuple(fc.constantFrom(...originals), edits).map(([original, list]) => edited(original, list));
  return fc.oneof(
    { weight: 5, arbitrary: fc.tuple(doors, wire, encoding).map(([door, request, how]) => door(request, how)) },
    { weight: 4, arbitrary: broken.map((event) => JSON.parse(event) as unknown) },
    { weight: 1, arbitrary: json },
  );
};
