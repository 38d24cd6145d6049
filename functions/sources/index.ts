import { WEBHOOK_SOURCES } from '../manifest.ts';
import { auth0 } from './auth0.ts';
import { clerk } from './clerk.ts';
import { cognito } from './cognito.ts';
import { frontegg } from './frontegg.ts';
import { logto } from './logto.ts';
import type { Source } from './source.ts';
import { standardWebhooks } from './standard-webhooks.ts';
import { stripe } from './stripe.ts';
import { stytch } from './stytch.ts';
import { workos } from './workos.ts';

export const sources: readonly Source[] = [auth0, clerk, cognito, frontegg, logto, standardWebhooks, stripe, stytch, workos];

export const sourceById = (id: string): Source | undefined => sources.find((source) => source.id === id);

/** Those that may stand behind a URL. A source that only IAM proves is not among them, whatever its `verify` says. */
export const webhookSources: readonly Source[] = sources.filter(({ id }) => WEBHOOK_SOURCES.some((webhook) => webhook === id));

export const webhookSourceById = (id: string): Source | undefined => webhookSources.find((source) => source.id === id);
