import * as z from 'zod';
import { DependencyError, type DependencyName } from './errors.ts';

export interface SecretVersion {
  readonly text: string;
  readonly createdAt?: Date | undefined;
}
/** One secret as the store holds it; both absent when no value was ever put in. */
export interface StoredSecret {
  readonly current?: SecretVersion | undefined;
  readonly previous?: SecretVersion | undefined;
}
/** Secrets Manager behind core's rules. Throws a DependencyError when it cannot answer. */
export type ReadSecret = (id: string) => Promise<StoredSecret>;

/** A former signing secret stays good for as long as senders keep using it after a rotation: a day, as with Svix and Stripe. */
export const OVERLAP_MS = 24 * 3_600_000;

/** What a source's secret holds. A vendor whose public keys verify its events needs no signing secret. */
export const SourceSecret = z
  .strictObject({
    signingSecrets: z
      .array(z.string().min(1, 'write the secret that the vendor shows for the endpoint'))
      .min(1, 'write at least one secret')
      .optional(),
    /** The credential for the vendor's API: which members it has, the source's page says. */
    api: z.record(z.string(), z.string().min(1, 'write a value')).optional(),
  })
  .refine(({ signingSecrets, api }) => signingSecrets !== undefined || api !== undefined, 'write signingSecrets, api or both');
/** The credential for a vendor's API, by member. */
export type Credential = Readonly<Record<string, string>>;

const ApiKey = z.strictObject({ apiKey: z.string().regex(/^[\x21-\x7e]+$/) });

/** What is wrong with a secret, for the operator. The remedy is the same: put in the JSON that `FORMS` shows. */
export type SecretProblem = 'SECRET_EMPTY' | 'SECRET_MALFORMED';
export const FORMS = {
  signing: '{"signingSecrets":["..."]}',
  apiKey: '{"apiKey":"..."}',
  api: '{"api":{...}} as the page of the source shows it',
} as const;
type OnProblem = (problem: SecretProblem) => void;

const jsonOf = <T>(schema: z.ZodType<T>, { text }: SecretVersion): T | undefined => {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
};

const currentOf = <T>(schema: z.ZodType<T>, { current }: StoredSecret, onProblem: OnProblem): T | undefined => {
  const value = current === undefined ? undefined : jsonOf(schema, current);
  if (value === undefined) onProblem(current === undefined ? 'SECRET_EMPTY' : 'SECRET_MALFORMED');
  return value;
};

/** The signing secrets that count right now, newest first; empty when none is configured as `FORMS.signing` shows. */
export const signingSecretsOf = (stored: StoredSecret, now: Date, onProblem: OnProblem = () => undefined): readonly string[] => {
  const { current, previous } = stored;
  const overlapping = current?.createdAt === undefined || now.getTime() - current.createdAt.getTime() < OVERLAP_MS;
  const former = overlapping && previous !== undefined ? jsonOf(SourceSecret, previous) : undefined;
  return [...new Set([currentOf(SourceSecret, stored, onProblem), former].flatMap((version) => version?.signingSecrets ?? []))];
};

/** The credential for the vendor's API; undefined when none is configured as `FORMS.api` says. */
export const credentialOf = (stored: StoredSecret, onProblem: OnProblem = () => undefined): Credential | undefined => {
  const secret = currentOf(SourceSecret, stored, onProblem);
  if (secret !== undefined && secret.api === undefined) onProblem('SECRET_EMPTY');
  return secret?.api;
};

/** Userpilot's API key; undefined when none is configured as `FORMS.apiKey` shows. */
export const apiKeyOf = (stored: StoredSecret, onProblem: OnProblem = () => undefined): string | undefined =>
  currentOf(ApiKey, stored, onProblem)?.apiKey;

/** A value kept between invocations. No timers: they freeze with the function. */
export interface SecretCache<T> {
  /** Fetched at most every `TTL_MS`; a known value is served for up to `STALE_MS` while the store is down. */
  get(): Promise<T>;
  /** For a value that proved wrong: fetches now, but at most once per `REFRESH_MS`, so that forged traffic cannot hammer the store. */
  refresh(): Promise<T>;
}

export const TTL_MS = 300_000;
export const STALE_MS = 24 * 3_600_000;
export const REFRESH_MS = 30_000;

export interface SecretCacheOptions<T> {
  readonly read: () => Promise<T>;
  readonly now: () => Date;
  /** Told when a fetch failed, whether or not a known value could be served. */
  readonly onFailure: (error: unknown) => void;
  /** What did not answer, when there is no value at all. @default 'SECRETS' */
  readonly dependency?: DependencyName;
}

export const createSecretCache = <T>({ read, now, onFailure, dependency = 'SECRETS' }: SecretCacheOptions<T>): SecretCache<T> => {
  let known: { readonly value: T; readonly at: number } | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let flight: Promise<T> | undefined;

  const load = (): Promise<T> => {
    flight ??= (async () => {
      triedAt = now().getTime();
      try {
        known = { value: await read(), at: now().getTime() };
        return known.value;
      } catch (error) {
        onFailure(error);
        if (known !== undefined && now().getTime() - known.at < STALE_MS) return known.value;
        throw new DependencyError(dependency, { cause: error });
      } finally {
        flight = undefined;
      }
    })();
    return flight;
  };

  return {
    async get() {
      const moment = now().getTime();
      if (flight !== undefined) return flight;
      if (known === undefined) return load();
      const fresh = moment - known.at < TTL_MS || (moment - triedAt < REFRESH_MS && moment - known.at < STALE_MS);
      return fresh ? known.value : load();
    },
    async refresh() {
      if (flight !== undefined) return flight;
      if (known !== undefined && now().getTime() - triedAt < REFRESH_MS) return known.value;
      return load();
    },
  };
};
