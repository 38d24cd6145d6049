import type { QueueMessage, RejectedEvent } from './envelope.ts';
import type { Family, Lane } from './pacing.ts';
import type { Counts } from './resync.ts';

/** The FIFO queue between receive and deliver. */
export interface EventQueue {
  /** All of them, or a DependencyError: then the vendor sends the event again and the idempotency keys swallow what did get in. */
  send(messages: readonly QueueMessage[], signal?: AbortSignal): Promise<void>;
  /** Lets messages in hand be seen again in `seconds` (whole, at most 43,200). Failing to say so costs time, never the message. */
  retryIn(receiptHandles: readonly string[], seconds: number): Promise<void>;
}

/** A message taken out of the queue of events, until it is seen again. */
export interface TakenMessage {
  readonly body: string;
  readonly receiptHandle: string;
}

/** The queue of events for whoever takes many at once. Throws a DependencyError when it cannot answer. */
export interface Backlog extends Pick<EventQueue, 'retryIn'> {
  /** About how many messages wait. */
  size(): Promise<number>;
  /** Up to ten, unseen by others for so many seconds, those of an entity in their order. None = nothing to be had right now. */
  take(seconds: number): Promise<readonly TakenMessage[]>;
}

/** Where verified events wait that could not be mapped or were refused. */
export interface RejectedQueue {
  /** Throws a DependencyError when it could not be kept. */
  park(event: RejectedEvent): Promise<void>;
}

/** Permits to call Userpilot, shared by all workers. */
export interface Limiter {
  /**
   * Waits for a permit. Throws a DependencyError when the limiter cannot be reached (then nothing may be sent)
   * and an OutOfTime when the permit would come after `deadline` (epoch milliseconds). While live calls wait for
   * permits, backfill gets none. @param lane default 'live'
   */
  take(family: Family, deadline: number, lane?: Lane): Promise<void>;
  /** Userpilot said 429: nobody's next permit comes before so many seconds from now. Without Retry-After: 1, 2, 4, 8. */
  pushBack(family: Family, retryAfterSeconds: number | undefined): Promise<void>;
}

/** Not enough of the function's time is left to start a call. */
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime';
}

/** How far a resync has come, for whoever watches it. No personal data. */
export interface RunProgress {
  readonly counts: Counts;
  /** What it is about to do, or does right now. */
  readonly phase: 'listing' | 'bulk job' | 'done';
  /** Rows of the job that is under way. */
  readonly rows?: number;
}

/** One item per source: who runs, since when, and what the last run came to. Throws a DependencyError when it cannot answer. */
export interface RunStore {
  /** Takes the source for a run, unless another one has it. Undefined = another one has. */
  take(source: string, runId: string, times: { readonly now: Date; readonly until: Date }): Promise<LastRun | undefined>;
  /** False when the run does not have the source any more. */
  renew(source: string, runId: string, until: Date, progress: RunProgress): Promise<boolean>;
  /** Gives the source back, with what the next run needs and an operator may read. */
  finish(
    source: string,
    runId: string,
    end: { readonly startedAt: string; readonly counts: Counts; readonly now: Date },
  ): Promise<void>;
  /** Empty when no run has ever begun. */
  read(source: string): Promise<RunView>;
}

export interface LastRun {
  /** ISO 8601; absent when no run has ended yet. */
  readonly startedAt?: string;
}

/** What an operator may know of the runs of a source. */
export interface RunView {
  /** Who has the source, and until when unless it is renewed: epoch milliseconds. */
  readonly owner?: { readonly runId: string; readonly until: number };
  readonly progress?: RunProgress;
  /** The last run that ended. */
  readonly last?: { readonly runId: string; readonly startedAt: string; readonly endedAt: string; readonly counts: Counts };
}
