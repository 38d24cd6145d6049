import { readdirSync, readFileSync } from 'node:fs';
import * as z from 'zod';
import type { RawRequest, Verdict } from '../../functions/core/request.ts';
import { SourceSettings } from '../../functions/core/settings.ts';
import type { SourceId } from '../../functions/manifest.ts';
import { readJwks, type SignatureAlgorithm } from '../../functions/sources/jwt.ts';
import { deliveryOf, type Invented, type Moment, type Sender } from '../../functions/sources/sender.ts';
import { type Mapped, type PublicKeys, recordsIn, type Source, type Trust } from '../../functions/sources/source.ts';
import { publicJwkOf } from '../../functions/sources/token.sender.ts';

const Expected = z.looseObject({ kind: z.enum(['changes', 'refresh', 'ignored', 'rejected']) });
const Fixture = z.strictObject({
  /** Who made the signature. Not this project, or a round trip would prove nothing. */
  signedBy: z.string(),
  headers: z.record(z.string(), z.string()),
  /** Of a vendor that publishes keys: the public half, as JSON of a JWK with its `kid`. */
  secret: z.string(),
  receivedAt: z.iso.datetime(),
  settings: SourceSettings.optional(),
  eventId: z.string(),
  type: z.string(),
  expected: Expected,
  /** What the further events of a body with several are expected to become. */
  more: z.array(z.strictObject({ eventId: z.string(), type: z.string(), expected: Expected })).optional(),
  body: z.string(),
});
export type Fixture = z.infer<typeof Fixture> & { readonly name: string };

export const fixture = (source: SourceId, name: string): Fixture => ({
  name,
  ...Fixture.parse(JSON.parse(readFileSync(`${import.meta.dirname}/../fixtures/${source}/${name}.json`, 'utf8'))),
});

export const fixturesOf = (source: SourceId): readonly Fixture[] =>
  readdirSync(`${import.meta.dirname}/../fixtures/${source}`)
    .sort()
    .map((file) => fixture(source, file.replace(/\.json$/, '')));

export const requestOf = ({ headers, body, receivedAt }: Fixture): RawRequest => ({
  headers,
  body: Buffer.from(body, 'utf8'),
  receivedAt: new Date(receivedAt),
});

/** What a source without public keys and settings goes by. */
export const NO_TRUST: Trust = { settings: {}, keys: new Map() };

const keysOf = (secrets: readonly string[]): PublicKeys => {
  const pages = secrets.flatMap((secret) => publicJwkOf(secret) ?? []);
  return readJwks({ keys: pages });
};

/**
 * The source's word on a request, by the secrets given. Of a vendor that publishes keys it goes by their public halves alone; of
 * one that has shared secrets besides, each counts as what it is.
 */
export const verdictOf = (
  { source, settings = {}, publishesKeys = false }: Pick<Contract, 'source' | 'settings' | 'publishesKeys'>,
  request: RawRequest,
  secrets: readonly string[],
): Verdict => {
  const isKey = (secret: string): boolean => source.keys !== undefined && publicJwkOf(secret) !== undefined;
  const shared = publishesKeys ? [] : secrets.filter((secret) => !isKey(secret));
  return source.verify(request, shared, { settings, keys: keysOf(secrets.filter(isKey)) });
};

/** The first event in a body, as it comes before the schema. */
export const recordIn = (source: Source, body: Uint8Array): object => {
  const [record] = recordsIn(source, body) ?? [];
  if (typeof record !== 'object' || record === null) throw new Error(`${source.id}: the body holds no event`);
  return record;
};

/** The same request, received so many seconds later. */
export const later = (request: RawRequest, seconds: number): RawRequest => ({
  ...request,
  receivedAt: new Date(request.receivedAt.getTime() + seconds * 1000),
});

export const withHeaders = (request: RawRequest, changed: Readonly<Record<string, string | undefined>>): RawRequest => {
  const headers = Object.entries({ ...request.headers, ...changed }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { ...request, headers: Object.fromEntries(headers) };
};

/** Every request that differs in one bit of this header. */
export const flippedHeader = (request: RawRequest, name: string): readonly RawRequest[] => {
  const value = request.headers[name] ?? '';
  return Array.from({ length: value.length * 8 }, (_, bit) => {
    const at = bit >> 3;
    const character = String.fromCharCode(value.charCodeAt(at) ^ (1 << (bit & 7)));
    return withHeaders(request, { [name]: value.slice(0, at) + character + value.slice(at + 1) });
  });
};

/** One request per byte of the body, each with one bit of it flipped. */
export const flippedBody = (request: RawRequest): readonly RawRequest[] =>
  Array.from(request.body, (byte, at) => {
    const body = Uint8Array.from(request.body);
    body[at] = byte ^ (1 << (at % 8));
    return { ...request, body };
  });

/** What becomes of an authentic body: parsed, stripped, mapped, in the form in which it goes over a queue. */
export const mapBody = (
  source: Source,
  body: unknown,
  { receivedAt, settings }: Pick<Fixture, 'receivedAt' | 'settings'>,
): Mapped =>
  JSON.parse(
    JSON.stringify(source.map(source.schema.parse(body), { settings: settings ?? {}, receivedAt: new Date(receivedAt) })),
  );

/** One invented person; the ids look like the vendor's. */
export const person: Invented = {
  id: 'user_inventedNadia1',
  email: 'nadia@example.com',
  firstName: 'Nadia',
  lastName: 'Öztürk',
  companyId: 'org_inventedHarbour1',
  companyName: 'Harbour & Söhne',
};

export const momentAt = (now: Date, eventId = 'invented-event-1'): Moment => ({ now, eventId });

export const sentBy = (
  sender: Sender,
  type: string,
  { secret, moment }: { readonly secret: string; readonly moment: Moment },
): RawRequest => {
  const json = Buffer.from(sender.body(type, person, moment), 'utf8');
  return { ...deliveryOf(sender, json, { secret, moment }), receivedAt: moment.now };
};

/** Another way in which a vendor sends, with a sender and a proof of its own. */
export interface Channel extends Pick<Contract, 'sender' | 'proofs' | 'proves' | 'userId'> {
  readonly name: string;
}

export interface Contract {
  readonly source: Source;
  readonly sender: Sender;
  /** A sign-up. */
  readonly signUp: Fixture;
  /** What the source goes by in these tests, its issuer for instance; a fixture's own come on top. */
  readonly settings?: SourceSettings;
  /** The vendor signs with a private key: the secret in a fixture or of a sender is that key. @default false */
  readonly publishesKeys?: boolean;
  /** What a token may be signed by, of a vendor that publishes its keys. @default ['RS256'] */
  readonly algorithms?: readonly SignatureAlgorithm[];
  /** Other ways than that of the sign-up, for the tests of hostile input. */
  readonly channels?: readonly Channel[];
  /** Headers that carry the proof, in the sign-up. */
  readonly proofs: readonly string[];
  /** The proof, or a part of it, lies in the body: a token that is the body, or stands in it. @default false */
  readonly proofInBody?: boolean;
  /** Finds the proof in a body that nothing signs: a shared text stands there. @default it is a token, told by its form */
  readonly sharedText?: RegExp;
  /** What the proof covers. Where a part is missing the tests assert that a change of it goes unseen, so that nobody forgets. */
  readonly proves: { readonly sender: boolean; readonly body: boolean; readonly time: boolean };
  /** The proof stands for the JSON as well as for its bytes: the same events pass in any spelling. @default false */
  readonly provesJson?: boolean;
  /** The proof says something of what it proves, so that not any bytes pass that the vendor's key signed. @default false */
  readonly provesContent?: boolean;
  /** False: no event of the vendor says that a user came to be. @default true */
  readonly tellsCreation?: boolean;
  /** Without its subject a sign-up is parked for want of a user id, not for its form. @default false */
  readonly parksWithoutSubject?: boolean;
  /** An event of a type that does not exist, with `data` for a subject, where it does not follow from the sign-up. */
  readonly unknownWith?: (data: unknown) => object;
  /** Seconds for which a delivery stays good. @default 300 */
  readonly maxAge?: number;
  /** Where the user id stands in the event of the sign-up. */
  readonly userId: readonly string[];
  /** Members without which an event that we act on is refused; all others may be missing or null. */
  readonly required: readonly string[];
  /** Parts of the senders' and the fixtures' bodies that must not get past the schema. */
  readonly planted: readonly string[];
}

/** Numbers in the fixtures and the senders' events. */
export const PHONES = ['+15555550142', '+15555550187'] as const;
