import { WEBHOOK_SOURCES } from '../manifest.ts';
import { auth0 } from './auth0.ts';
import { clerk } from './clerk.ts';
import { cognito } from './cognito.ts';
import { descope } from './descope.ts';
import { entraExternalId } from './entra-external-id.ts';
import { firebase } from './firebase.ts';
import { frontegg } from './frontegg.ts';
import { fusionauth } from './fusionauth.ts';
import { hanko } from './hanko.ts';
import { keycloak } from './keycloak.ts';
import { kinde } from './kinde.ts';
import { logto } from './logto.ts';
import { okta } from './okta.ts';
import { ory } from './ory.ts';
import { propelauth } from './propelauth.ts';
import type { Source } from './source.ts';
import { standardWebhooks } from './standard-webhooks.ts';
import { stripe } from './stripe.ts';
import { stytch } from './stytch.ts';
import { supabase } from './supabase.ts';
import { workos } from './workos.ts';
import { zitadel } from './zitadel.ts';

export const sources: readonly Source[] = [
  auth0,
  clerk,
  cognito,
  descope,
  entraExternalId,
  firebase,
  frontegg,
  fusionauth,
  hanko,
  keycloak,
  kinde,
  logto,
  okta,
  ory,
  propelauth,
  standardWebhooks,
  stripe,
  stytch,
  supabase,
  workos,
  zitadel,
];

export const sourceById = (id: string): Source | undefined => sources.find((source) => source.id === id);

/** Those that may stand behind a URL. A source that only IAM proves is not among them, whatever its `verify` says. */
export const webhookSources: readonly Source[] = sources.filter(({ id }) => WEBHOOK_SOURCES.some((webhook) => webhook === id));

export const webhookSourceById = (id: string): Source | undefined => webhookSources.find((source) => source.id === id);
