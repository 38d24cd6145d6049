import type { Contract } from '../sources.ts';
import { auth0Contract } from './auth0.ts';
import { clerkContract } from './clerk.ts';
import { cognitoContract } from './cognito.ts';
import { fronteggContract } from './frontegg.ts';
import { logtoContract } from './logto.ts';
import { oktaContract } from './okta.ts';
import { stripeContract } from './stripe.ts';
import { stytchContract } from './stytch.ts';
import { workosContract } from './workos.ts';
import { zitadelContract } from './zitadel.ts';

/** Of every source, none exempt. */
export const contracts: readonly Contract[] = [
  auth0Contract,
  clerkContract,
  cognitoContract,
  fronteggContract,
  logtoContract,
  oktaContract,
  stripeContract,
  stytchContract,
  workosContract,
  zitadelContract,
];
