import { entraExternalIdSender } from '../../../functions/sources/entra-external-id.sender.ts';
import { entraExternalId } from '../../../functions/sources/entra-external-id.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const entraExternalIdContract: Contract = {
  source: entraExternalId,
  sender: entraExternalIdSender,
  // A notification, whose proof is a shared text in each item: entra-external-id.test.ts has the tokens of extensions.
  signUp: fixture('entra-external-id', 'user-updated'),
  settings: {
    api: 'https://graph.microsoft.com/v1.0',
    issuer: 'https://acmeciam.ciamlogin.com/3f6c0a5e-0d31-4a77-9b6e-invented0010/v2.0',
    audience: ['b1c2d3e4-aaaa-4222-8333-invented0020'],
  },
  proofs: [],
  proofInBody: true,
  sharedText: /(?<="clientState":\s*")[^"]+/,
  proves: { sender: true, body: false, time: false },
  provesContent: true,
  // Who signed up comes as "updated", as any other change does.
  tellsCreation: false,
  userId: ['notification', 'resourceData', 'id'],
  unknownWith: (data) => ({ notification: { changeType: 'invented', resource: 'Users/x', resourceData: data } }),
  required: [
    'callout',
    'callout.data',
    'callout.data.authenticationContext',
    'callout.data.authenticationContext.user',
    'callout.type',
    'notification',
    'notification.resourceData',
  ],
  planted: [...PHONES, '203.0.113', 'onmicrosoft.com', 'userSignUpInfo', 'iris@example.com', 'Invented Street', 'onPremises'],
};
