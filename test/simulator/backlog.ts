import { entityKey, type QueueMessage } from '../../functions/core/envelope.ts';
import type { Random } from './random.ts';

interface Backlog {
  readonly users: number;
  /** Epoch milliseconds of the event with this number, counted from 0. */
  readonly at: (index: number) => number;
}

/**
 * The message of each event, and the newest state of each user: updates of users chosen by chance, in the order of their
 * times. Written out by hand, since hundreds of thousands are made.
 */
export const createBacklog = (random: Random, { users, at }: Backlog) => {
  const newest = new Map<string, string>();
  const groups = new Map<string, string>();
  const groupOf = (user_id: string): string => {
    const call = { kind: 'identifyUser', user_id } as const;
    const group = groups.get(user_id) ?? entityKey({ call, facet: 'profile', occurredAt: new Date(0) });
    groups.set(user_id, group);
    return group;
  };
  const messageOf = (index: number): QueueMessage => {
    // Everybody once, and then whoever comes.
    const user = `user_${index < users ? index : random.below(users)}`;
    const moment = new Date(at(index)).toISOString();
    const call = `{"kind":"identifyUser","user_id":"${user}","metadata":{"state":"n${index}"}}`;
    newest.set(`user:${user}`, `n${index}`);
    return {
      groupId: groupOf(user),
      deduplicationId: `e${index}`,
      body: `{"v":1,"source":"auth0","eventId":"e${index}","type":"invented","receivedAt":"${moment}","change":{"call":${call},"facet":"profile","occurredAt":"${moment}"}}`,
    };
  };
  return { messageOf, newest };
};
