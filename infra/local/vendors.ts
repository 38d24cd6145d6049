import { type SourceId, WEBHOOK_SOURCES, type WebhookSourceId } from '../../functions/manifest.ts';
import { sourceById } from '../../functions/sources/index.ts';
import { jwksOf } from '../../functions/sources/token.sender.ts';
import type { Stage } from '../stages.ts';
import { fakeCognito } from './fake-vendors/cognito.ts';
import { fakeVendors } from './fake-vendors/index.ts';
import { type FakeVendorServer, startFakeVendors } from './fake-vendors/server.ts';
import type { FakeUser } from './fake-vendors/vendor.ts';
import { inventUsers } from './fake-vendors/world.ts';
import type { SecretStore } from './secret-store.ts';

/** Stands for the fake vendors in the settings of the local stage: where they really are is new at every start. */
export const VENDORS_ORIGIN = 'http://127.0.0.1:4020';
/** Enough for several pages of the smallest vendor that lists by 25. */
const USERS = 60;

const isBelow = (value: unknown, origin: string): value is string =>
  typeof value === 'string' && (value === origin || value.startsWith(`${origin}/`));

/** The stage with the vendors' origin in the place of the one that stands for it. */
export const withVendorsAt = (stage: Stage, origin: string): Stage => ({
  ...stage,
  // Settings are JSON, and only their texts change.
  sources: JSON.parse(JSON.stringify(stage.sources), (_, value: unknown) =>
    isBelow(value, VENDORS_ORIGIN) ? `${origin}${value.slice(VENDORS_ORIGIN.length)}` : value,
  ) as Stage['sources'],
});

/** Sources of the stage that look for something at the fake vendors. */
const vendorsOf = ({ sources }: Stage): readonly WebhookSourceId[] =>
  WEBHOOK_SOURCES.filter((id) => Object.values(sources[id] ?? {}).some((value) => isBelow(value, VENDORS_ORIGIN)));

/** Whether anything could prove a sender: a secret, or the public keys of a vendor, which a fake one has from its secret. */
export const canProve = (id: SourceId, { sources }: Stage, hasSecret: boolean): boolean => {
  const page = sourceById(id)?.keys?.url(sources[id] ?? {});
  return hasSecret || (page !== undefined && !isBelow(page, VENDORS_ORIGIN));
};

/** The vendors that the stage asks; undefined when it asks none that is a fake. */
export const startVendorsOf = async (
  stage: Stage,
  store: SecretStore,
  users: readonly FakeUser[] = inventUsers(USERS, new Date()),
): Promise<FakeVendorServer | undefined> => {
  const asked = vendorsOf(stage);
  // A service of AWS is never named in a stage; its SDK is told where it is.
  const ofAws = stage.sources.cognito === undefined ? [] : [fakeCognito];
  const vendors = [...fakeVendors.filter(({ id }) => asked.some((source) => source === id)), ...ofAws];
  if (vendors.length === 0) return undefined;
  return startFakeVendors({
    vendors,
    users,
    keysOf: (id) => {
      const known = asked.find((source) => source === id);
      return known && jwksOf(store.secrets()[known]?.signingSecrets ?? []);
    },
  });
};
