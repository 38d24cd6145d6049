import type { Pace } from '../core/pacing.ts';
import type { Refresh } from '../core/refresh.ts';
import type { Credential } from '../core/secrets.ts';
import type { SourceSettings } from '../core/settings.ts';

export interface ApiRequest {
  /** @default 'GET' */
  readonly method?: 'GET' | 'POST';
  /** Below the base URL with its leading slash, or a whole URL of one of the directory's hosts, as a vendor's "next" link is. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; URLSearchParams go as a form. */
  readonly body?: unknown;
}

export interface ApiAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON; undefined for an empty body, and at a login for one that is not JSON. */
  readonly body: unknown;
}

/**
 * A vendor's API: one base URL, fixed by configuration. Answers 2xx, and 404 and 410, which say that something is gone.
 * Throws a VendorError for everything else; 401 is tried once more with a new authorization.
 */
export type VendorApi = (request: ApiRequest) => Promise<ApiAnswer>;

/** What a call must carry, and until when it is good. */
export interface Authorization {
  readonly headers: Readonly<Record<string, string>>;
  /** Absent = it does not expire. */
  readonly expiresAt?: Date;
}

export interface Login {
  readonly credential: Credential;
  readonly settings: SourceSettings;
  /** For a token endpoint: without authorization, and any status but a redirect is an answer. */
  readonly call: VendorApi;
  readonly now: Date;
}

export interface ListOptions {
  /** Only what changed since, where the vendor can tell. Absent = all. */
  readonly since?: Date;
  /** When the run began: whoever signs up later is not of it, where the vendor can tell. */
  readonly startedAt: Date;
  readonly settings: SourceSettings;
}

/** Records that the source's own `schema` and `map` read, as if a webhook had brought them. `next` absent = the last page. */
export interface Page {
  readonly records: readonly unknown[];
  /** Opaque, without personal data: it is stored between pages. */
  readonly next?: string;
}

/** How a source's vendor is asked, instead of waiting to be told. */
export interface Directory {
  /**
   * Base URL, and further origins that may be called (a token endpoint). From settings and defaults alone, never from a payload.
   * Throws an Error that names the missing setting.
   */
  hosts(settings: SourceSettings): readonly [base: string, ...others: string[]];
  /** Members of `api` in the source's secret that `authorize` needs. */
  readonly credential: readonly string[];
  authorize(login: Login): Authorization | Promise<Authorization>;
  /** Calls that the vendor takes for sure, with room for others that use its API. */
  readonly pace: Pace;
  /** Seconds to keep away after a 429, where the vendor says it elsewhere than in Retry-After. */
  retryAfterSeconds?(answer: ApiAnswer, now: Date): number | undefined;
  /** The present state, as a record for `schema` and `map`; undefined when the vendor has none. Left out where no event is thin. */
  fetch?(api: VendorApi, refresh: Refresh, settings: SourceSettings): Promise<unknown>;
  /** The record that says what is gone since `at`. It must map to the deletion. */
  gone?(refresh: Refresh, at: Date): unknown;
  /** One page of existing users, for a resync. Left out when the vendor offers no listing. */
  list?(api: VendorApi, cursor: string | undefined, options: ListOptions): Promise<Page>;
}
