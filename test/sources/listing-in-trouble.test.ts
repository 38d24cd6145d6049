import { afterEach, describe, expect, it } from '@jest/globals';
import { VendorError } from '../../functions/core/errors.ts';
import type { SourceSettings } from '../../functions/core/settings.ts';
import type { Page } from '../../functions/sources/directory.ts';
import { sources } from '../../functions/sources/index.ts';
import type { Source } from '../../functions/sources/source.ts';
import { fakeVendors } from '../../infra/local/fake-vendors/index.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';
import { parseStage } from '../../infra/stages.ts';
import { personOf } from '../../infra/tools/send/person.ts';
import { directoryOf, userIdsOn, vendorApiOf } from '../support/directories.ts';
import { type FakeVendorServer, startFakeVendorServer, type VendorFault } from '../support/fake-vendor-server.ts';

const NOON = Date.parse('2031-04-09T12:00:00Z');
/** Several pages of every vendor but the largest, and more than one of those. */
const USERS = 1203;
const FAULTS: readonly VendorFault[] = ['500', '429-retry-after', 'reset', '429'];

/** They page by number or offset: when somebody goes, whoever stands at the border of a page moves to one that was read already. */
const BY_NUMBER = new Set(['descope', 'frontegg', 'hanko', 'keycloak', 'logto', 'propelauth', 'supabase', 'zitadel']);
/** Newest first, by number: a sign-up meanwhile pushes one user onto the next page. Listed twice, that user is identified once. */
const TWICE_AT_MOST = new Set(['logto', 'supabase']);

const PLACEHOLDER = 'http://127.0.0.1:4020';
const local = parseStage('local').sources;
const pointedTo = (origin: string, settings: SourceSettings): SourceSettings =>
  JSON.parse(JSON.stringify(settings).replaceAll(PLACEHOLDER, origin));

/** Cognito speaks another protocol: cognito.directory.test.ts. */
const listing = sources.filter(({ id, directory }) => directory?.list !== undefined && id !== 'cognito');

let server: FakeVendorServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

describe('a vendor that stumbles while users come and go', () => {
  it('is every one that lists its users', () => {
    const asked = fakeVendors.map(({ id }) => id);
    expect(listing.map(({ id }) => id).filter((id) => !asked.includes(id))).toEqual([]);
  });

  it.each(listing)(
    '$id: whoever was there all the time is listed',
    async (source: Source) => {
      const fake = fakeVendors.find(({ id }) => id === source.id);
      if (fake === undefined) throw new Error(`${source.id} has no fake`);
      let clock = NOON;
      const now = () => new Date(clock);
      const users = inventUsers(USERS, new Date(NOON - 86_400_000));
      const vendor = await startFakeVendorServer({ vendors: [fake], users, now });
      server = vendor;
      const settings = pointedTo(vendor.origin, local[source.id] ?? {});
      const api = vendorApiOf(source, { settings, credential: fake.credential, now });
      const options = { settings, startedAt: new Date(NOON) };
      const listPage = async (cursor: string | undefined): Promise<Page | undefined> => {
        for (;;) {
          // Beyond the vendor's own limit, and past whatever it asked for.
          clock += 120_000;
          try {
            return await directoryOf(source).list?.(api, cursor, options);
          } catch (error) {
            if (!(error instanceof VendorError)) throw error;
          }
        }
      };
      const pages: Page[] = [];
      const gone = users[3]?.who.id ?? '';
      let cursor: string | undefined;
      for (let round = 0; ; round += 1) {
        const fault = FAULTS[round % FAULTS.length];
        if (fault !== undefined) vendor.breakNext(source.id, round === 0 ? [fault, 'slow'] : [fault]);
        const page = await listPage(cursor);
        if (page === undefined) throw new Error(`${source.id} lists nobody`);
        pages.push(page);
        cursor = page.next;
        if (cursor === undefined) break;
        if (round > 0) continue;
        const who = personOf(USERS + 1);
        vendor.add({ who, createdAt: now(), updatedAt: now() });
        if (!BY_NUMBER.has(source.id)) vendor.remove(gone);
      }
      const counts = new Map<string, number>();
      for (const id of userIdsOn(source, pages, settings, new Date(NOON))) counts.set(id, (counts.get(id) ?? 0) + 1);
      const stayed = users.map(({ who }) => who.id).filter((id) => BY_NUMBER.has(source.id) || id !== gone);
      const most = TWICE_AT_MOST.has(source.id) ? 2 : 1;
      expect(stayed.filter((id) => !counts.has(id) || Number(counts.get(id)) > most)).toEqual([]);
    },
    60_000,
  );
});
