import type { SourceId } from '../manifest.ts';
import { auth0Sender } from './auth0.sender.ts';
import { clerkSender } from './clerk.sender.ts';
import { cognitoSender } from './cognito.sender.ts';
import { fronteggSender } from './frontegg.sender.ts';
import { logtoSender } from './logto.sender.ts';
import type { Sender } from './sender.ts';
import { standardWebhooksSender } from './standard-webhooks.sender.ts';
import { stripeSender } from './stripe.sender.ts';
import { stytchSender } from './stytch.sender.ts';
import { workosSender } from './workos.sender.ts';

/** Apart from the sources, so that no Lambda bundle contains one. */
export const senders: Readonly<Record<SourceId, Sender>> = {
  auth0: auth0Sender,
  clerk: clerkSender,
  cognito: cognitoSender,
  frontegg: fronteggSender,
  logto: logtoSender,
  'standard-webhooks': standardWebhooksSender,
  stripe: stripeSender,
  stytch: stytchSender,
  workos: workosSender,
};

export const senderById = (id: string): Sender | undefined => Object.entries(senders).find(([source]) => source === id)?.[1];
