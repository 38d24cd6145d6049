import { cognitoSender } from '../../../functions/sources/cognito.sender.ts';
import { cognito } from '../../../functions/sources/cognito.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const cognitoContract: Contract = {
  source: cognito,
  sender: cognitoSender,
  signUp: fixture('cognito', 'post-confirmation'),
  proofs: [],
  // Invoked by AWS: IAM is the proof, and it lies outside. What comes over HTTP is refused, see cognito.test.ts.
  proves: { sender: false, body: false, time: false },
  userId: ['request', 'userAttributes', 'sub'],
  required: ['request', 'request.userAttributes', 'triggerSource', 'userPoolId'],
  planted: [...PHONES, 'birthdate', 'address', 'gender', 'identities', 'clientMetadata', 'callerContext'],
};
