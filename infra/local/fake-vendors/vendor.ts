import type { SourceId } from '../../../functions/manifest.ts';
import type { Invented } from '../../../functions/sources/sender.ts';

/** Somebody whom a fake vendor knows. Whoever is not among its users but was invented by `npm run send` is known as well. */
export interface FakeUser {
  readonly who: Invented;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What a fake vendor answers from. */
export interface FakeWorld {
  /** In order of creation. */
  readonly users: readonly FakeUser[];
  /** Undefined when the vendor has no such user, or has them no more. */
  user(id: string): FakeUser | undefined;
  readonly now: () => Date;
  /** The base URL at which this vendor is served, for links to a next page: `http://127.0.0.1:4020/okta`. */
  readonly base: string;
}

export interface FakeRequest {
  readonly method: string;
  /** Below the base URL, with its leading slash, decoded nowhere. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, or URLSearchParams of a form; undefined for anything else. */
  readonly body: unknown;
}

export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/**
 * The API of a vendor, as far as a source asks it: enforces its credential, its largest page, its cursors. Keeps no state but
 * what it is given. The server around it counts calls, answers 429 above `limit`, and breaks it on demand.
 */
export interface FakeVendor {
  readonly id: SourceId;
  /** The only credential that it takes, as `api` of the source's secret; invented. */
  readonly credential: Readonly<Record<string, string>>;
  /** Its rate limit: so many calls in so many milliseconds. */
  readonly limit: { readonly calls: number; readonly perMs: number };
  /** How it says that calls are taken again in so many seconds. @default 429 with Retry-After */
  tooMany?(seconds: number, now: Date): FakeAnswer;
  /** 404 for what it does not know, 401 without the credential, 400 for a page that is too large. */
  answer(request: FakeRequest, world: FakeWorld): FakeAnswer;
}

/** The users after the one that a token means, or the first. Undefined for a token that no page gave, and for one whose user left. */
export const pageAfter = (
  users: readonly FakeUser[],
  token: string | undefined,
  size: number,
): { readonly page: readonly FakeUser[]; readonly next: string | undefined } | undefined => {
  const after = token === undefined ? undefined : Buffer.from(token, 'base64url').toString();
  const from = after === undefined ? 0 : users.findIndex(({ who }) => who.id === after) + 1;
  if (after !== undefined && from === 0) return undefined;
  const page = users.slice(from, from + size);
  const last = from + size < users.length ? page.at(-1) : undefined;
  return { page, next: last && Buffer.from(last.who.id).toString('base64url') };
};
