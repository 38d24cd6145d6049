import { isRunning } from '../core/bulk-job.ts';
import type { LedgerItem } from '../core/ledger.ts';
import { type Census, isMassMissing, type ListedKeys, MOST_BURIED, whereaboutsOf } from '../core/missing.ts';
import type { Missing, ResyncState } from '../core/resync.ts';
import type { ResyncDeps } from './resync-work.ts';

/** By which a run finds out who is missing at the vendor. */
export interface MissingStores {
  readonly listed: ListedKeys;
  readonly census: Census;
}

/** A function lives 15 minutes. */
const COUNT_MS = 12 * 60_000;

type Known = readonly [key: string, item: LedgerItem];

interface Found {
  /** Users of the source who count as living. */
  readonly known: number;
  readonly missing: number;
  /** Some of them, and all when they are no mass. */
  readonly users: readonly Known[];
}

const find = async (
  { census, listed }: MissingStores,
  { runId, startedAt, chunks }: { readonly runId: string; readonly startedAt: number; readonly chunks: number },
  { source: { id: source }, log, now }: ResyncDeps,
): Promise<Found | undefined> => {
  const unknown = (code: string) => log.warn('nobody can tell who is missing at the vendor', { source, code });
  const keys = await listed.read(runId, chunks);
  if (keys === undefined) return void unknown('LIST_NOT_KEPT');
  const deadline = now().getTime() + COUNT_MS;
  const users: Known[] = [];
  let [known, missing] = [0, 0];
  for await (const page of census.listUsers(source)) {
    if (now().getTime() > deadline) return void unknown('OUT_OF_TIME');
    for (const user of page) {
      const whereabouts = whereaboutsOf(user, { source, startedAt, listed: keys });
      if (whereabouts === 'DELETED') continue;
      known += 1;
      if (whereabouts !== 'MISSING') continue;
      missing += 1;
      if (users.length < MOST_BURIED) users.push(user);
    }
  }
  return { known, missing, users };
};

/** As a deletion at the vendor: no late update brings them back. Userpilot cannot be told to delete them, the ledger holds no ids. */
const bury = async (users: readonly Known[], deletedAt: number, { census }: MissingStores, { jobs, now }: ResyncDeps) => {
  let deleted = 0;
  for (const [key, item] of users) {
    const job = item.job === undefined ? undefined : await jobs.read(item.job);
    if (job !== undefined && isRunning(job, now().getTime())) continue;
    if (await census.bury(key, item, deletedAt)) deleted += 1;
  }
  return deleted;
};

/** Counts the users of whom the source told something and whom a full run did not list, and takes them for deleted where the stage says so. */
export const findMissing = async (
  stores: MissingStores,
  { runId, startedAt, state }: { readonly runId: string; readonly startedAt: string; readonly state: ResyncState },
  deps: ResyncDeps,
): Promise<Missing> => {
  const { source, settings, log } = deps;
  const began = Date.parse(startedAt);
  const found = await find(stores, { runId, startedAt: began, chunks: state.chunk }, deps);
  if (found === undefined) return {};
  const { known, missing, users } = found;
  if (settings.resync?.missing !== 'tombstone' || missing === 0) return { missing };
  const refused = (code: string) => {
    log.error('missing users are not taken for deleted', { source: source.id, code, count: missing });
    return { missing };
  };
  // A record that could not be read may be any of them.
  if (Object.keys(state.counts.rejected).length > 0) return refused('LIST_NOT_READABLE');
  if (isMassMissing(missing, known)) return refused('TOO_MANY');
  return { missing, deleted: await bury(users, began, stores, deps) };
};
