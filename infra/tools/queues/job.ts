import type { Place } from './place.ts';
import type { QueueReader } from './queue-reader.ts';
import type { Terminal } from './terminal.ts';

/** What a command works with. */
export interface Job {
  /** What lies in the queue: `rejected event` or `dead letter`. */
  readonly noun: string;
  readonly place: Place;
  readonly reader: QueueReader;
  readonly terminal: Terminal;
  readonly now: () => Date;
  /** The person wants it to end. */
  readonly stopping: AbortSignal;
}
