import type { SourceId } from '../manifest.ts';
import { auth0Sender } from './auth0.sender.ts';
import { clerkSender } from './clerk.sender.ts';
import { cognitoSender } from './cognito.sender.ts';
import { descopeSender } from './descope.sender.ts';
import { entraExternalIdSender } from './entra-external-id.sender.ts';
import { firebaseSender } from './firebase.sender.ts';
import { fronteggSender } from './frontegg.sender.ts';
import { fusionauthSender } from './fusionauth.sender.ts';
import { hankoSender } from './hanko.sender.ts';
import { keycloakSender } from './keycloak.sender.ts';
import { kindeSender } from './kinde.sender.ts';
import { logtoSender } from './logto.sender.ts';
import { oktaSender } from './okta.sender.ts';
import { orySender } from './ory.sender.ts';
import { propelauthSender } from './propelauth.sender.ts';
import type { Sender } from './sender.ts';
import { standardWebhooksSender } from './standard-webhooks.sender.ts';
import { stripeSender } from './stripe.sender.ts';
import { stytchSender } from './stytch.sender.ts';
import { supabaseSender } from './supabase.sender.ts';
import { workosSender } from './workos.sender.ts';
import { zitadelSender } from './zitadel.sender.ts';

/** Apart from the sources, so that no Lambda bundle contains one. */
export const senders: Readonly<Record<SourceId, Sender>> = {
  auth0: auth0Sender,
  clerk: clerkSender,
  cognito: cognitoSender,
  descope: descopeSender,
  'entra-external-id': entraExternalIdSender,
  firebase: firebaseSender,
  frontegg: fronteggSender,
  fusionauth: fusionauthSender,
  keycloak: keycloakSender,
  hanko: hankoSender,
  kinde: kindeSender,
  logto: logtoSender,
  okta: oktaSender,
  ory: orySender,
  propelauth: propelauthSender,
  'standard-webhooks': standardWebhooksSender,
  stripe: stripeSender,
  stytch: stytchSender,
  supabase: supabaseSender,
  workos: workosSender,
  zitadel: zitadelSender,
};

export const senderById = (id: string): Sender | undefined => Object.entries(senders).find(([source]) => source === id)?.[1];
