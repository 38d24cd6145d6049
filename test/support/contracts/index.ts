import type { Contract } from '../sources.ts';
import { auth0Contract } from './auth0.ts';
import { clerkContract } from './clerk.ts';
import { cognitoContract } from './cognito.ts';
import { descopeContract } from './descope.ts';
import { entraExternalIdContract } from './entra-external-id.ts';
import { firebaseContract } from './firebase.ts';
import { fronteggContract } from './frontegg.ts';
import { fusionauthContract } from './fusionauth.ts';
import { hankoContract } from './hanko.ts';
import { keycloakContract } from './keycloak.ts';
import { kindeContract } from './kinde.ts';
import { logtoContract } from './logto.ts';
import { oktaContract } from './okta.ts';
import { oryContract } from './ory.ts';
import { propelauthContract } from './propelauth.ts';
import { standardWebhooksContract } from './standard-webhooks.ts';
import { stripeContract } from './stripe.ts';
import { stytchContract } from './stytch.ts';
import { supabaseContract } from './supabase.ts';
import { workosContract } from './workos.ts';
import { zitadelContract } from './zitadel.ts';

/** Of every source, none exempt. */
export const contracts: readonly Contract[] = [
  auth0Contract,
  clerkContract,
  cognitoContract,
  descopeContract,
  entraExternalIdContract,
  firebaseContract,
  fronteggContract,
  fusionauthContract,
  keycloakContract,
  hankoContract,
  kindeContract,
  logtoContract,
  oktaContract,
  oryContract,
  propelauthContract,
  standardWebhooksContract,
  stripeContract,
  stytchContract,
  supabaseContract,
  workosContract,
  zitadelContract,
];
