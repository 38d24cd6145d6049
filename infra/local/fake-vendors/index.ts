import { fakeAuth0 } from './auth0.ts';
import { fakeStripe } from './stripe.ts';
import { fakeStytch } from './stytch.ts';
import type { FakeVendor } from './vendor.ts';

/** The fakes that the local stack runs, for those sources of its stage that ask their vendor. */
export const fakeVendors: readonly FakeVendor[] = [fakeAuth0, fakeStripe, fakeStytch];
