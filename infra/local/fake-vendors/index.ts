import { fakeFusionauth } from './fusionauth.ts';
import { fakeKeycloak } from './keycloak.ts';
import { fakeOkta } from './okta.ts';
import type { FakeVendor } from './vendor.ts';
import { fakeZitadel } from './zitadel.ts';

/** The fakes that the local stack runs, for those sources of its stage that ask their vendor. */
export const fakeVendors: readonly FakeVendor[] = [fakeFusionauth, fakeKeycloak, fakeOkta, fakeZitadel];
