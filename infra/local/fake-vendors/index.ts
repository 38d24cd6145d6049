import { fakeAuth0 } from './auth0.ts';
import { fakeClerk } from './clerk.ts';
import { fakeDescope } from './descope.ts';
import { fakeEntraExternalId } from './entra-external-id.ts';
import { fakeFirebase } from './firebase.ts';
import { fakeFrontegg } from './frontegg.ts';
import { fakeFusionauth } from './fusionauth.ts';
import { fakeHanko } from './hanko.ts';
import { fakeKeycloak } from './keycloak.ts';
import { fakeKinde } from './kinde.ts';
import { fakeLogto } from './logto.ts';
import { fakeOkta } from './okta.ts';
import { fakeOry } from './ory.ts';
import { fakePropelauth } from './propelauth.ts';
import { fakeStripe } from './stripe.ts';
import { fakeStytch } from './stytch.ts';
import { fakeSupabase } from './supabase.ts';
import type { FakeVendor } from './vendor.ts';
import { fakeWorkos } from './workos.ts';
import { fakeZitadel } from './zitadel.ts';

/** The fakes that the local stack runs, for those sources of its stage that ask their vendor. */
export const fakeVendors: readonly FakeVendor[] = [
  fakeAuth0,
  fakeClerk,
  fakeDescope,
  fakeEntraExternalId,
  fakeFirebase,
  fakeFrontegg,
  fakeFusionauth,
  fakeHanko,
  fakeKeycloak,
  fakeKinde,
  fakeLogto,
  fakeOkta,
  fakeOry,
  fakePropelauth,
  fakeStripe,
  fakeStytch,
  fakeSupabase,
  fakeWorkos,
  fakeZitadel,
];
