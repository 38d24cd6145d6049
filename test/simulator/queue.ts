import type { QueueMessage } from '../../functions/core/envelope.ts';
import { DELIVER_VISIBILITY_SECONDS, MAX_RECEIVE_COUNT } from '../../functions/manifest.ts';
import { MINUTE, SECOND, type World } from './world.ts';

/** What SQS remembers of a message it accepted, also after it was consumed. */
const DEDUPLICATION_MS = 5 * MINUTE;

export interface Stored {
  readonly id: string;
  readonly body: string;
  readonly groupId: string;
  /** Position among all that the queue took in. */
  readonly sequence: number;
  /** Put back from the dead letters. */
  readonly redriven: boolean;
  /** Epoch milliseconds. */
  readonly acceptedAt: number;
  receiveCount: number;
  /** Of the last receive; only this one counts. */
  handle: string;
  invisible: boolean;
  /** Epoch milliseconds; counts while it is invisible. */
  hiddenUntil: number;
}

export interface Consumed {
  readonly body: string;
  /** Epoch milliseconds. */
  readonly consumedAt: number;
}

interface Group {
  readonly id: string;
  readonly messages: Stored[];
  inFlight: number;
  /** Stands in the list of groups that have something to hand out. */
  listed: boolean;
}

export interface QueueOptions {
  readonly world: World;
  readonly visibilityMs?: number;
  readonly maxReceiveCount?: number;
  /** Something can be received. */
  readonly onReady: () => void;
}

export interface FifoQueue {
  send(messages: readonly QueueMessage[]): void;
  /** Messages of one or several groups, each group's in order. @param hiddenMs unseen by others for so long, by default as the queue says */
  receive(most: number, mostOfAGroup: number, hiddenMs?: number): readonly Stored[];
  /** A handle that is not the last one does nothing, as for a FIFO queue whose message became visible again. */
  remove(handle: string): void;
  retryIn(handle: string, milliseconds: number): void;
  /** Puts what lies in the dead letters back at the end of the queue, with a fresh receive count. */
  redrive(): number;
  readonly figures: {
    readonly sizes: () => { readonly waiting: number; readonly inFlight: number; readonly deadLetters: number };
    highestReceiveCount: number;
    highestInFlight: number;
    receives: number;
    batches: number;
  };
  readonly accepted: readonly Stored[];
  readonly consumed: readonly Consumed[];
  readonly deadLetters: readonly Stored[];
}

/**
 * An SQS FIFO queue: per group in order, and while one message of a group is in flight no other of that group is handed
 * out; invisible messages come back when their time is up; deduplication for five minutes; dead letters after so many receives.
 * AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
 */
export const createFifoQueue = ({
  world,
  visibilityMs = DELIVER_VISIBILITY_SECONDS * SECOND,
  maxReceiveCount = MAX_RECEIVE_COUNT,
  onReady,
}: QueueOptions): FifoQueue => {
  const groups = new Map<string, Group>();
  const known = new Map<string, number>();
  const byHandle = new Map<string, Stored>();
  const ready: Group[] = [];
  let readyFrom = 0;
  const accepted: Stored[] = [];
  const consumed: Consumed[] = [];
  const deadLetters: Stored[] = [];
  let waiting = 0;
  let inFlight = 0;
  const figures = {
    sizes: () => ({ waiting, inFlight, deadLetters: deadLetters.length }),
    highestReceiveCount: 0,
    highestInFlight: 0,
    receives: 0,
    batches: 0,
  };

  const list = (group: Group) => {
    if (group.listed || group.inFlight > 0 || group.messages.length === 0) return;
    group.listed = true;
    ready.push(group);
    onReady();
  };
  const enqueue = ({ body, groupId }: Pick<Stored, 'body' | 'groupId'>, redriven: boolean) => {
    const sequence = accepted.length + 1;
    const id = `m${sequence}`;
    const fresh = { receiveCount: 0, handle: '', invisible: false, hiddenUntil: 0 };
    const stored: Stored = { id, body, groupId, sequence, redriven, acceptedAt: world.now(), ...fresh };
    const group = groups.get(groupId) ?? { id: groupId, messages: [], inFlight: 0, listed: false };
    groups.set(groupId, group);
    group.messages.push(stored);
    accepted.push(stored);
    waiting += 1;
    list(group);
  };
  const leaveFlight = (message: Stored): Group | undefined => {
    if (!message.invisible) return undefined;
    message.invisible = false;
    byHandle.delete(message.handle);
    inFlight -= 1;
    const group = groups.get(message.groupId);
    if (group !== undefined) group.inFlight -= 1;
    return group;
  };
  const drop = (group: Group, message: Stored) => {
    group.messages.splice(group.messages.indexOf(message), 1);
    if (group.messages.length === 0) groups.delete(group.id);
  };
  /** A time that was set again later leaves the earlier one without effect. */
  const hide = (messages: readonly Stored[], milliseconds: number) => {
    const due = messages.map((message) => ({ message, handle: message.handle }));
    for (const message of messages) message.hiddenUntil = world.now() + milliseconds;
    world.after(milliseconds, () => {
      for (const { message, handle } of due) {
        if (message.handle !== handle || message.hiddenUntil > world.now()) continue;
        const group = leaveFlight(message);
        if (group === undefined) continue;
        waiting += 1;
        list(group);
      }
    });
  };

  const takeFrom = (group: Group, most: number): Stored[] => {
    const taken: Stored[] = [];
    while (taken.length < most) {
      const message = group.messages[taken.length];
      if (message === undefined) break;
      waiting -= 1;
      if (message.receiveCount >= maxReceiveCount) {
        drop(group, message);
        deadLetters.push(message);
        continue;
      }
      message.receiveCount += 1;
      message.handle = `${message.id}#${message.receiveCount}`;
      message.invisible = true;
      byHandle.set(message.handle, message);
      group.inFlight += 1;
      inFlight += 1;
      figures.receives += 1;
      figures.highestReceiveCount = Math.max(figures.highestReceiveCount, message.receiveCount);
      taken.push(message);
    }
    return taken;
  };

  return {
    send(messages) {
      for (const message of messages) {
        const until = known.get(message.deduplicationId);
        if (until !== undefined && world.now() < until) continue;
        known.set(message.deduplicationId, world.now() + DEDUPLICATION_MS);
        enqueue(message, false);
      }
    },
    receive(most, mostOfAGroup, hiddenMs = visibilityMs) {
      const batch: Stored[] = [];
      while (batch.length < most && readyFrom < ready.length) {
        const group = ready[readyFrom] as Group; // readyFrom < ready.length
        readyFrom += 1;
        group.listed = false;
        batch.push(...takeFrom(group, Math.min(mostOfAGroup, most - batch.length)));
        list(group);
      }
      if (readyFrom > 1000) {
        ready.splice(0, readyFrom);
        readyFrom = 0;
      }
      if (batch.length > 0) {
        figures.batches += 1;
        hide(batch, hiddenMs);
      }
      figures.highestInFlight = Math.max(figures.highestInFlight, inFlight);
      return batch;
    },
    remove(handle) {
      const message = byHandle.get(handle);
      if (message === undefined) return;
      const group = leaveFlight(message);
      consumed.push({ body: message.body, consumedAt: world.now() });
      if (group === undefined) return;
      drop(group, message);
      list(group);
    },
    retryIn(handle, milliseconds) {
      const message = byHandle.get(handle);
      if (message !== undefined) hide([message], milliseconds);
    },
    redrive() {
      const moved = deadLetters.splice(0);
      for (const message of moved) enqueue(message, true);
      return moved.length;
    },
    figures,
    accepted,
    consumed,
    deadLetters,
  };
};
