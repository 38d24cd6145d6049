import type { Credential } from '../../functions/core/secrets.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import { createVendorApi } from '../../functions/outbound/vendor-api.ts';
import type { Directory, ListOptions, Page, VendorApi } from '../../functions/sources/directory.ts';
import type { Mapped, Source } from '../../functions/sources/source.ts';

export const directoryOf = ({ id, directory }: Source): Directory => {
  if (directory === undefined) throw new Error(`${id} has no directory`);
  return directory;
};

export interface ApiOptions {
  readonly settings: SourceSettings;
  readonly credential: Credential | undefined;
  readonly now?: () => Date;
  /** Told of each 429, with the seconds that the vendor asked for. */
  readonly onRateLimit?: (seconds: number | undefined) => void;
}

/** The API of a source's vendor over real HTTP, with a permit for every call. */
export const vendorApiOf = (source: Source, { settings, credential, now, onRateLimit }: ApiOptions): VendorApi =>
  createVendorApi({
    directory: directoryOf(source),
    settings,
    credential: async () => credential,
    now: now ?? (() => new Date()),
    permit: async () => undefined,
    onRateLimit: async (seconds) => onRateLimit?.(seconds),
  });

const MAX_PAGES = 100;

/** Every page there is, by the cursors of the pages before. */
export const listAll = async (source: Source, api: VendorApi, options: ListOptions): Promise<readonly Page[]> => {
  const { list } = directoryOf(source);
  const pages: Page[] = [];
  for (let cursor: string | undefined; pages.length < MAX_PAGES; ) {
    const page = await list?.(api, cursor, options);
    if (page === undefined) throw new Error(`${source.id} lists nobody`);
    pages.push(page);
    cursor = page.next;
    if (cursor === undefined) return pages;
  }
  throw new Error(`${source.id}: no end after ${MAX_PAGES} pages`);
};

/** What becomes of a listed or fetched record, stripped and mapped as one that a webhook brought. */
export const mapRecord = (source: Source, record: unknown, settings: SourceSettings, receivedAt: Date): Mapped =>
  source.map(source.schema.parse(record), { settings, receivedAt });

/** The ids of the users that these pages identify, in their order. */
export const userIdsOn = (source: Source, pages: readonly Page[], settings: SourceSettings, at: Date): readonly string[] =>
  pages
    .flatMap(({ records }) => records)
    .flatMap((record) => {
      const mapped = mapRecord(source, record, settings, at);
      return mapped.kind === 'changes' ? mapped.changes : [];
    })
    .flatMap(({ call, facet }) => (call.kind === 'identifyUser' && facet === 'profile' ? call.user_id : []));
