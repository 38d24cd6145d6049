import { fronteggSender } from '../../../functions/sources/frontegg.sender.ts';
import { frontegg } from '../../../functions/sources/frontegg.ts';
import { type Contract, fixture, PHONES } from '../sources.ts';

export const fronteggContract: Contract = {
  source: frontegg,
  sender: fronteggSender,
  // Its context names no user, so that the id in `user` is the only one: frontegg.test.ts has the other case.
  signUp: fixture('frontegg', 'user-created'),
  proofs: ['x-webhook-secret'],
  // A token under the shared secret says nothing of the body, and it need not expire: frontegg.test.ts has one that does.
  proves: { sender: true, body: false, time: false },
  userId: ['user', 'id'],
  required: ['data', 'eventKey', 'user'],
  planted: [...PHONES, 'permissions', 'roles', 'invented-role', 'profilePictureUrl', 'lastLogin', 'creatorEmail', 'creatorName'],
};
