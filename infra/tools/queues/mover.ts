import { randomUUID } from 'node:crypto';
import { createEventQueue } from '../../../functions/aws/queue.ts';
import { digest } from '../../../functions/core/digest.ts';
import type { QueueMessage } from '../../../functions/core/envelope.ts';
import { DependencyError } from '../../../functions/core/errors.ts';
import type { EventQueue } from '../../../functions/core/ports.ts';
import { Problem } from '../../local/problem.ts';
import type { Job } from './job.ts';
import type { Kept } from './kept.ts';
import { createPace } from './pace.ts';
import type { Held } from './queue-reader.ts';
import { remap } from './remap.ts';
import type { Tally } from './tally.ts';

/** Slow, so that new sign-ups are not held up behind old events: Userpilot takes some ten a second of both together. */
export const REPLAYS_PER_SECOND = 5;
/** In a row: then the queue is not there, and the rest would fail as well. */
const MOST_FAILURES = 5;

/** Another id than in former runs and at the first time, or the five-minute window of the queue would swallow it. */
const anew = ({ deduplicationId, ...message }: QueueMessage, run: string): QueueMessage => ({
  ...message,
  deduplicationId: digest(deduplicationId, run),
});

export interface Mover {
  /** Writes into the tally how it went; what does not go through stays where it is. */
  move(message: Held, kept: Kept): Promise<void>;
  /** The queues take nothing. */
  readonly gaveUp: boolean;
}

/**
 * Sends events through the current mapping, to be delivered or fetched, and takes them out of their queue, in this order: one
 * that is sent and could not be taken out comes twice, and the ledger drops the second.
 */
export const createMover = ({ place, reader }: Job, dropIgnored: boolean, tally: Tally): Mover => {
  const events = createEventQueue(place.sqs, place.queues.events);
  const refreshes = new Map(Object.entries(place.queues.refresh).map(([id, url]) => [id, createEventQueue(place.sqs, url)]));
  const pace = createPace(REPLAYS_PER_SECOND);
  const run = randomUUID();
  /** FIFO groups with an event that could not be sent: what stands behind it must not overtake it. */
  const stuck = new Set<string>();
  let failures = 0;

  const remove = async (messageId: string): Promise<boolean> => {
    try {
      await reader.remove(messageId);
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return false;
    }
  };

  const send = async (queue: EventQueue, messages: readonly QueueMessage[]): Promise<boolean> => {
    await pace(messages.length);
    try {
      await queue.send(messages.map((message) => anew(message, run)));
      failures = 0;
      return true;
    } catch (error) {
      if (!(error instanceof DependencyError)) throw error;
      failures += 1;
      return false;
    }
  };

  return {
    async move({ messageId, groupId }, kept) {
      const result = remap(kept, place.stage);
      if (result.kind === 'rejected') return tally.add('rejected', result.because);
      if (result.kind === 'ignored') {
        const isDone = !dropIgnored || (await remove(messageId));
        return isDone ? tally.add('ignored', result.because) : tally.add('failed', 'not taken out');
      }
      const queue = result.kind === 'refresh' ? refreshes.get(kept.source) : events;
      if (queue === undefined) return tally.add('rejected', 'NO_VENDOR_API');
      if (groupId !== undefined && stuck.has(groupId)) return tally.add('failed', 'behind one that failed');
      if (!(await send(queue, result.messages))) {
        if (groupId !== undefined) stuck.add(groupId);
        return tally.add('failed', 'not sent');
      }
      return (await remove(messageId)) ? tally.add('replayed') : tally.add('failed', 'sent, but not taken out');
    },
    get gaveUp() {
      return failures >= MOST_FAILURES;
    },
  };
};
