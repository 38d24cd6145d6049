import type { Contract } from '../sources.ts';
import { auth0Contract } from './auth0.ts';
import { clerkContract } from './clerk.ts';
import { cognitoContract } from './cognito.ts';
import { fronteggContract } from './frontegg.ts';
import { logtoContract } from './logto.ts';
import { standardWebhooksContract } from './standard-webhooks.ts';
import { stripeContract } from './stripe.ts';
import { stytchContract } from './stytch.ts';
import { workosContract } from './workos.ts';

/** Of every source, none exempt. */
export const contracts: readonly Contract[] = [
  auth0Contract,
  clerkContract,
  cognitoContract,
  fronteggContract,
  logtoContract,
  standardWebhooksContract,
  stripeContract,
  stytchContract,
  workosContract,
];
