import { fakeClerk } from './clerk.ts';
import { fakeOry } from './ory.ts';
import { fakePropelauth } from './propelauth.ts';
import type { FakeVendor } from './vendor.ts';
import { fakeWorkos } from './workos.ts';

/** The fakes that the local stack runs, for those sources of its stage that ask their vendor. */
export const fakeVendors: readonly FakeVendor[] = [fakeClerk, fakeOry, fakePropelauth, fakeWorkos];
