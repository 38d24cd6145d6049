import type { Invented, Sender } from './sender.ts';

/** With the attributes that must never get through: docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html */
const attributesOf = (who: Invented) => ({
  sub: who.id,
  'cognito:user_status': 'CONFIRMED',
  email: who.email,
  email_verified: 'true',
  phone_number: '+15555550142',
  phone_number_verified: 'true',
  given_name: who.firstName,
  family_name: who.lastName,
  birthdate: '1970-01-01',
  address: 'Invented Street 4',
  gender: 'invented-gender',
  locale: 'en-GB',
  identities: '[{"userId":"invented-google-id","providerName":"Google"}]',
  'custom:company_id': who.companyId,
  'custom:company_name': who.companyName,
});

/** Invoked by AWS, not posted: there is no signature to make, and the body is the event of the trigger. */
export const cognitoSender: Sender = {
  types: [
    'PostConfirmation_ConfirmSignUp',
    'PostAuthentication_Authentication',
    'PostConfirmation_ConfirmForgotPassword',
    'PreSignUp_SignUp',
  ],
  body: (type, who) => {
    if (!cognitoSender.types.includes(type)) throw new RangeError(`cognito cannot send ${type}`);
    return JSON.stringify({
      version: '1',
      region: 'eu-west-1',
      userPoolId: 'eu-west-1_Invented1',
      triggerSource: type,
      userName: who.id,
      callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId: 'inventedclientid' },
      request: { userAttributes: attributesOf(who), clientMetadata: { note: 'invented-client-metadata' } },
      response: {},
    });
  },
  headers: () => ({}),
  secret: () => '',
};
