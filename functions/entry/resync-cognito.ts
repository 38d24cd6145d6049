import { CognitoIdentityProviderClient } from '@aws-sdk/client-cognito-identity-provider';
import { CLIENT_DEFAULTS } from '../aws/clients.ts';
import { createCognitoApi } from '../aws/cognito-api.ts';
import type { Output } from '../core/log.ts';
import { cognito } from '../sources/cognito.ts';
import { type Env, standardOutput } from './environment.ts';
import { bindResync, type Connect } from './resync.ts';

/** Apart from the other sources, so that their functions do without this client. */
export const connectCognito: Connect = ({ permit, onRateLimit }) =>
  createCognitoApi({ client: new CognitoIdentityProviderClient(CLIENT_DEFAULTS), permit, onRateLimit });

/** The durable function that brings all users of the pools over. Its role may call `cognito-idp:ListUsers` on them. */
export const bindResyncCognito = (env: Env, output: Output = standardOutput) => bindResync(cognito, env, output, connectCognito);
