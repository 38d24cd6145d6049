import type { BulkUser } from '../../functions/userpilot/client.ts';
import type { World } from './world.ts';

/** What Userpilot holds of one user or company. */
export interface Profile {
  readonly properties: Map<string, unknown>;
  company: string | undefined;
}

/** One identify call that reached Userpilot. */
export interface Arrived {
  /** Epoch milliseconds of the world. */
  readonly at: number;
  /** `user:…` or `company:…` */
  readonly entity: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly company: string | undefined;
  readonly landed: boolean;
  /** The process that sent it. */
  readonly by: string;
  /** The key did not count. */
  readonly refused: boolean;
}

interface Arriving {
  readonly by: string;
  readonly key: string;
  /** What it will be answered, if the key counts. */
  readonly status: number;
  readonly lands: boolean;
}

/** Stands in for Userpilot: merges by property as docs.userpilot.com/reference/data-model says, and keeps a full log. */
export interface Judge {
  /** A call, with or without effect. Answers the status for a key that does not count, undefined for one that does. */
  arrives(path: string, body: string, call: Arriving): number | undefined;
  /** The keys that count from now on, and the answer to every other. @default 401 */
  accept(keys: readonly string[], otherwise?: number): void;
  /** A row of a bulk job is written. */
  writes(row: BulkUser): void;
  profile(entity: string): Profile | undefined;
  readonly log: readonly Arrived[];
  /** Entities of which a call was answered 400, 413 or 422. */
  readonly refused: ReadonlySet<string>;
}

interface Body {
  readonly user_id?: string;
  readonly company_id?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly company?: { readonly id: string };
}

const REFUSALS = new Set([400, 413, 422]);
const WINDOW_MS = 60_000;

/** The most that happened in any 60 seconds, both ends included. */
export const mostInAMinute = (times: readonly number[]): number => {
  const sorted = Float64Array.from(times).sort();
  let most = 0;
  let from = 0;
  for (let to = 0; to < sorted.length; to += 1) {
    while ((sorted[to] as number) - (sorted[from] as number) > WINDOW_MS) from += 1; // from <= to < length
    most = Math.max(most, to - from + 1);
  }
  return most;
};

export const createJudge = (world: World): Judge => {
  const profiles = new Map<string, Profile>();
  const log: Arrived[] = [];
  let keys = new Set<string>();
  let otherwise = 401;
  const refused = new Set<string>();
  const merge = (entity: string, metadata: Readonly<Record<string, unknown>>, company: string | undefined) => {
    const profile = profiles.get(entity) ?? { properties: new Map(), company: undefined };
    profiles.set(entity, profile);
    for (const [name, value] of Object.entries(metadata)) {
      if (value === null) profile.properties.delete(name);
      else profile.properties.set(name, value);
    }
    if (company !== undefined) profile.company = company;
  };
  return {
    writes: ({ user_id, company_id, metadata = {} }) => merge(`user:${user_id}`, metadata, company_id),
    arrives(path, body, { by, key, status, lands }) {
      const counts = keys.has(key);
      const { user_id, company_id, metadata = {}, company } = JSON.parse(body) as Body; // our own client made it
      const entity = path === '/v1/identify' ? `user:${user_id}` : `company:${company_id}`;
      const landed = counts && lands;
      if (REFUSALS.has(status)) refused.add(entity);
      log.push({ at: world.now(), entity, properties: metadata, company: company?.id, landed, by, refused: !counts });
      world.note(`userpilot ${entity} ${JSON.stringify(metadata)} ${landed ? 'lands' : 'does not land'}`);
      const answer = counts ? undefined : otherwise;
      if (landed) merge(entity, metadata, company?.id);
      return answer;
    },
    accept(accepted, status = 401) {
      keys = new Set(accepted);
      otherwise = status;
    },
    profile: (entity) => profiles.get(entity),
    log,
    refused,
  };
};
